/**
 * `npm run check`: all that can be said about the tree without running it. Formatting, lint, import directions, cycles and
 * undeclared dependencies are rules in biome.json; lengths that fail stand in limits.json; what is unused, in knip.json.
 */
import { join, relative } from "node:path";
import { compareGenerated } from "./generated.ts";
import { checkLockFile } from "./lock-file.ts";
import { jsonPathFrom, programStep, root, runProgram, runSteps, type Step } from "./steps.ts";

const bin = (path: string) => join(root, "node_modules", path);
const node = process.execPath;
const biome = (...args: string[]) => [node, bin("@biomejs/biome/bin/biome"), ...args, "--colors=off"] as const;
const errorsOnly = ["--diagnostic-level=error", "--max-diagnostics=60"] as const;
const tsc = (...args: string[]) => [node, bin("typescript/bin/tsc"), ...args] as const;
const houseScript = (name: string) => join(root, "packages", "house", "src", `${name}.ts`);
const limits = "packages/house/limits.json";

const steps: readonly Step[] = [
  programStep("format, lint, import directions and cycles", biome("ci", ...errorsOnly)),
  programStep(
    "no file over 600 lines, no function over 120",
    biome("lint", `--config-path=${limits}`, "--reporter=github", ...errorsOnly),
  ),
  programStep("types", tsc("-b")),
  programStep("types of the tests", tsc("-p", "tsconfig.test.json", "--noEmit")),
  programStep("nothing unused, nothing undeclared", [
    node,
    bin("knip/bin/knip.js"),
    "--no-progress",
    "--no-config-hints",
  ]),
  programStep("docs/features.md is what `npm run rows` writes", [node, houseScript("rows"), "--check"]),
  { name: "package-lock.json is whole for every platform and names no registry", run: checkLockFile },
  { name: "registrations and example configs are what `trestle` writes", run: compareGenerated },
];

/** What is longer than it should be but not yet too long: said, without failing. */
async function sayWhatIsLong(): Promise<void> {
  const rules = ["complexity/noExcessiveLinesPerFunction", "style/noExcessiveLinesPerFile"];
  const only = rules.map((rule) => `--only=${rule}`);
  const { stdout } = await runProgram(biome("lint", ...only, "--reporter=github", "--max-diagnostics=200"));
  const every = [...stdout.matchAll(/title=lint\/\w+\/noExcessiveLinesPer(Function|File),file=([^,]+),line=(\d+)/g)];
  // `--only` forgets the exceptions of biome.json: a suite of tests is one long function by nature.
  const found = every.filter(
    ([, what, file = ""]) => what === "File" || !/\/test\/|\/describe-|\/contracts\//.test(file),
  );
  if (found.length === 0) return;
  console.log(`long, and better split (a function over 70 lines, a file over 400): ${found.length}`);
  for (const [, what, file = "", line] of found) console.log(`       ${what} ${relative(root, file)}:${line}`);
}

await sayWhatIsLong();
process.exitCode = await runSteps("check", steps, jsonPathFrom(process.argv));
