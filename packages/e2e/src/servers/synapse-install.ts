/**
 * Synapse from the Python package index, in a virtual environment below `.cache` of the repository root: made once per version
 * of Synapse and Python, shared by everything that starts one. Two that ask at the same time wait for one another.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findProgram } from "./process.ts";

const synapseVersion = "1.163.2";

/** The folder that holds package.json with workspaces. */
export const repositoryRoot = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "turbo.json"))) folder = dirname(folder);
  return folder;
})();

/** The venv's Python with Synapse in it; installs on the first call, which takes about half a minute. */
export async function installSynapse(extras: readonly "postgres"[] = []): Promise<string> {
  const folder = join(repositoryRoot, ".cache", `synapse-${synapseVersion}`);
  const python = join(folder, "bin", "python");
  const wanted = [`matrix-synapse==${synapseVersion}`, pythonVersion(), ...extras].join(" ");
  const marker = join(folder, "trestle-complete");
  const complete = (): boolean =>
    existsSync(marker) &&
    existsSync(python) &&
    wanted.split(" ").every((word) => readFileSync(marker, "utf8").includes(word));
  if (complete()) return python;
  mkdirSync(join(repositoryRoot, ".cache"), { recursive: true });
  const unlock = await lock(`${folder}.lock`);
  try {
    if (complete()) return python;
    const requirement = `matrix-synapse${extras.length > 0 ? `[${extras.join(",")}]` : ""}==${synapseVersion}`;
    say(`installing Synapse ${synapseVersion} into ${folder} (once, about half a minute)`);
    if (!existsSync(marker) || !readFileSync(marker, "utf8").includes(pythonVersion()))
      rmSync(folder, { recursive: true, force: true });
    if (!existsSync(python)) await run("python3", ["-m", "venv", folder], "Is the package python3-venv installed?");
    await run(python, ["-m", "pip", "install", "--quiet", requirement], "Is the Python package index reachable?");
    writeFileSync(marker, `${wanted}\n`);
    say("Synapse is installed");
    return python;
  } finally {
    unlock();
  }
}

function pythonVersion(): string {
  const python = findProgram("python3");
  if (python === undefined)
    throw new Error(
      "Real Synapse needs Python 3.10 or newer, and there is no python3. Install python3 and python3-venv.",
    );
  const asked = spawnSync(python, ["-c", "import sys; print('python%d.%d' % sys.version_info[:2])"], {
    encoding: "utf8",
  });
  if (asked.status !== 0) throw new Error(`python3 does not start: ${asked.stderr.trim()}`);
  return asked.stdout.trim();
}

function run(program: string, args: readonly string[], hint: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        output = (output + chunk.toString("utf8")).slice(-4000);
      });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args.join(" ")} failed (exit code ${code}). ${hint}\n${output.trim()}`));
    });
  });
}

/** A folder as a lock; one whose owner is gone is taken over. */
async function lock(path: string): Promise<() => void> {
  const owner = join(path, "pid");
  for (;;) {
    try {
      mkdirSync(path);
      writeFileSync(owner, String(process.pid));
      return () => rmSync(path, { recursive: true, force: true });
    } catch {
      const pid = existsSync(owner) ? Number(readFileSync(owner, "utf8")) : undefined;
      if (pid !== undefined && pid > 0 && !lives(pid)) rmSync(path, { recursive: true, force: true });
      else await wait(500);
    }
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && "code" in thrown && thrown.code === "EPERM";
  }
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);
