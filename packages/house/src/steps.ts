/**
 * Runs named steps one after the other and reports each in a line: what the check and the proof look like to a person. It knows
 * nothing of what the steps do.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

export interface Step {
  readonly name: string;
  /** What to print when it fails; undefined when it passed. */
  run(): Promise<string | undefined>;
}

export interface Finished {
  readonly code: number;
  readonly output: string;
  readonly stdout: string;
}

/** Runs a program to its end with its output gathered. */
export function runProgram(
  command: readonly [string, ...string[]],
  options: { readonly cwd?: string; readonly signal?: AbortSignal } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = command;
    const signal = options.signal === undefined ? {} : { signal: options.signal };
    const child = spawn(program, args, { cwd: options.cwd ?? root, stdio: ["ignore", "pipe", "pipe"], ...signal });
    let output = "";
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output, stdout }));
  });
}

/** A step that is one program: it passes when the program exits 0, and shows the program's output when not. */
export function programStep(name: string, command: readonly [string, ...string[]]): Step {
  return {
    name,
    run: async () => {
      const { code, output } = await runProgram(command);
      return code === 0 ? undefined : output.trim() || `exited ${code}`;
    },
  };
}

/** Runs all, prints `ok` or `FAILED` with the time for each, and the sum as the last line. Resolves to the exit code. */
export async function runSteps(title: string, steps: readonly Step[], jsonPath?: string): Promise<number> {
  let failed = 0;
  for (const step of steps) {
    const started = performance.now();
    const problem = await step.run().catch((error: unknown) => String(error));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${problem === undefined ? "ok    " : "FAILED"} ${step.name} (${seconds} s)`);
    if (problem === undefined) continue;
    failed++;
    console.log(problem.replace(/^/gm, "       "));
  }
  const passed = steps.length - failed;
  if (jsonPath !== undefined) writeFileSync(jsonPath, JSON.stringify({ passed, failed }));
  console.log(`${title}: ${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** `--json FILE` among the arguments. */
export function jsonPathFrom(args: readonly string[]): string | undefined {
  const at = args.indexOf("--json");
  return at === -1 ? undefined : args[at + 1];
}
