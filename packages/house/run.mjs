#!/usr/bin/env node
/**
 * `npm run <command>` of the root ends up here: it sets the folder up (setup.mjs), then runs the command on the right Node and
 * hands its exit code on. What a command means is the table below; nothing else is decided here.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { prepare, root, SetupError, say } from "./setup.mjs";

const tool = (path) => join(root, "node_modules", path);
const house = (name) => ({ run: ["node", join(root, "packages", "house", "src", `${name}.ts`)] });
const compile = { label: "compiling", run: ["node", tool("typescript/bin/tsc"), "-b"] };
const built = (name) => [compile, { run: ["node", join(root, "packages", "e2e", "dist", `${name}.js`)] }];

const commands = {
  test: [{ run: ["node", tool("jest/bin/jest.js")] }],
  check: [house("check")],
  build: [{ run: ["node", tool("turbo/bin/turbo"), "run", "build", "--output-logs=errors-only"] }],
  rows: [house("rows")],
  proof: [house("proof")],
  e2e: built("e2e"),
  chaos: built("chaos"),
  bench: built("bench"),
  demo: built("demo"),
};

const [name, ...args] = process.argv.slice(2);

async function main() {
  const steps = commands[name];
  if (steps === undefined)
    throw new SetupError(`there is no command "${name ?? ""}". There are: ${Object.keys(commands).join(", ")}.`);
  const { node, env } = await prepare();
  for (const [index, step] of steps.entries()) {
    if (step.label !== undefined) say(`${step.label} ...`);
    const last = index === steps.length - 1;
    const [program, ...fixed] = step.run;
    const code = await run(program === "node" ? node : program, last ? [...fixed, ...args] : fixed, env);
    if (code !== 0) return code;
  }
  return 0;
}

/** Exit code of the child; signals that we get are passed on, and we stay until it is gone. */
function run(program, args, env) {
  const child = spawn(program, args, { cwd: root, env, stdio: "inherit" });
  // Ctrl-C in a terminal reaches the child by itself.
  const passOn = (signal) => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal));
  process.on("SIGINT", passOn);
  process.on("SIGTERM", passOn);
  const parent = process.ppid;
  // npm's shell dies of a signal without telling us; nobody would be left to stop what runs here.
  const watching = setInterval(() => process.ppid === parent || child.kill("SIGTERM"), 500);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearInterval(watching);
      process.off("SIGINT", passOn);
      process.off("SIGTERM", passOn);
      resolve(code ?? (signal === "SIGINT" ? 130 : 143));
    });
  });
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    say(error instanceof SetupError ? error.message : String(error.stack ?? error));
    process.exitCode = 1;
  },
);
