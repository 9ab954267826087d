/** The codecs' own contract with far more generated inputs than `npm test` gives them. Runs it; the contract itself is elsewhere. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { repositoryRoot } from "../servers/synapse-install.ts";

const contracts = ["packages/irc/test/markup-contract.test.ts", "packages/matrix/test/html-contract.test.ts"];

/** Resolves when all inputs went well; rejects with the end of what the contract said, seed included. */
export async function runCodecInputs(inputs: number, seed: number): Promise<void> {
  const env = { ...process.env, TRESTLE_FUZZ_RUNS: String(inputs), TRESTLE_FUZZ_SEED: String(seed) };
  const jest = join(repositoryRoot, "node_modules/jest/bin/jest.js");
  const args = [jest, "--ci", "--runInBand", "--runTestsByPath", ...contracts];
  const child = spawn(process.execPath, args, { cwd: repositoryRoot, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString("utf8")).slice(-20_000);
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`seed ${seed}:\n${said.slice(-6000)}`);
}
