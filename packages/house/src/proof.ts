/**
 * `npm run proof`: takes named guards away one at a time and shows that a named test goes red each time. A test that was red
 * before, that does not run at all, or that stays green proves nothing and fails the proof. Works on a private copy only.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Guard, guards } from "./guards.ts";
import { makePrivateCopy, type PrivateCopy } from "./private-copy.ts";
import { jsonPathFrom, runProgram, runSteps, type Step } from "./steps.ts";

interface Verdict {
  readonly is: "passed" | "failed" | "absent";
  /** What jest said last. */
  readonly output: string;
}

interface JestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

async function verdictOf(copy: PrivateCopy, test: Guard["test"]): Promise<Verdict> {
  const report = join(copy.path, "report.json");
  writeFileSync(report, "");
  const exactly = test.name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const jest = join(copy.path, "node_modules", "jest", "bin", "jest.js");
  const file = join(copy.path, test.file);
  const { output: said } = await runProgram(
    [process.execPath, jest, "--runTestsByPath", file, "-t", exactly, "--json", "--outputFile", report, "--forceExit"],
    { cwd: copy.path },
  );
  const output = said.trim().split("\n").slice(-30).join("\n");
  const text = readFileSync(report, "utf8");
  if (text === "") return { is: "absent", output };
  const results = (JSON.parse(text) as JestReport).testResults.flatMap((suite) => suite.assertionResults);
  const named = results.filter((result) => result.fullName.includes(test.name) && result.status !== "pending");
  if (named.length === 0) return { is: "absent", output };
  return { is: named.every((result) => result.status === "passed") ? "passed" : "failed", output };
}

async function prove(copy: PrivateCopy, guard: Guard): Promise<string | undefined> {
  const path = join(copy.path, guard.file);
  const original = readFileSync(path, "utf8");
  const pieces = original.split(guard.find);
  if (pieces.length !== 2) {
    return `${guard.file} has the guard's text ${pieces.length - 1} times instead of once:\n${guard.find}`;
  }
  const before = await verdictOf(copy, guard.test);
  if (before.is !== "passed") {
    return `with the guard in place its test is already ${before.is}: ${guard.test.name}\n${before.output}`;
  }
  try {
    writeFileSync(path, pieces.join(guard.replace));
    const after = await verdictOf(copy, guard.test);
    if (after.is === "failed") return undefined;
    if (after.is === "passed") return `the guard is gone and its test still passes: ${guard.test.name}`;
    return `without the guard the test file does not even load: ${guard.test.file}\n${after.output}`;
  } finally {
    writeFileSync(path, original);
  }
}

const only = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const chosen = guards.filter((guard) => only.length === 0 || only.some((word) => guard.name.includes(word)));
const copy = await makePrivateCopy();
process.once("exit", () => copy.remove());
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const steps: Step[] = chosen.map((guard) => ({ name: `without: ${guard.name}`, run: () => prove(copy, guard) }));
process.exitCode = await runSteps("proof", steps, jsonPathFrom(process.argv));
