/**
 * Makes a fresh clone ready to run: a Node 24 and the packages of the lock file. Plain JavaScript that runs on any Node from 18
 * up, with no dependency, because nothing is installed yet when it starts. It knows nothing of what is run afterwards.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const nodeMajor = 24;
const windows = process.platform === "win32";
const lockFile = join(root, "package-lock.json");
const marker = join(root, "node_modules", ".trestle-installed");

/** One line of progress, on stderr so that it never mixes with a command's own output. */
export const say = (text) => process.stderr.write(`trestle: ${text}\n`);

/** What went wrong in words for a person, without a stack trace. */
export class SetupError extends Error {}

/** Everything a command needs in its environment; sets up what is missing. Two processes at once wait for each other. */
export async function prepare() {
  const node = isNewEnough(process.versions.node) ? process.execPath : await withLock(ensureNode);
  const env = {
    ...process.env,
    PATH: [dirname(node), join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter),
    TURBO_TELEMETRY_DISABLED: "1",
    DO_NOT_TRACK: "1",
  };
  if (!isInstalled()) await withLock(() => install(node, env));
  return { node, env };
}

const isNewEnough = (version) => Number(version.split(".")[0]) >= nodeMajor;

/** Path of a Node 24 of our own, from the package registry. */
async function ensureNode() {
  const cache = join(root, ".cache", "node");
  const platform = windows ? "win" : process.platform;
  const archPackage = `node${process.platform === "darwin" && process.arch === "arm64" ? "-bin" : ""}-${platform}-${process.arch}`;
  const name = windows ? "node.exe" : "node";
  const places = ["node", archPackage].map((folder) => join(cache, "node_modules", folder, "bin", name));
  const found = places.find(works);
  if (found !== undefined) return found;

  say(`this is Node ${process.versions.node}; fetching Node ${nodeMajor} for this folder only (about 50 MB, once) ...`);
  mkdirSync(cache, { recursive: true });
  // The package named `node` fetches the one for this machine in an install script; where scripts are off, we name that one ourselves.
  for (const wanted of ["node", archPackage]) {
    await npm(process.execPath, process.env, [
      "install",
      "--prefix",
      cache,
      "--no-save",
      "--no-audit",
      "--no-fund",
      `${wanted}@${nodeMajor}`,
    ]);
    const path = places.find(works);
    if (path !== undefined) return path;
  }
  throw new SetupError(
    `no Node ${nodeMajor} for ${process.platform} ${process.arch} could be fetched. Install Node ${nodeMajor} or newer yourself and run this again.`,
  );
}

function works(path) {
  if (!existsSync(path)) return false;
  const run = spawnSync(path, ["-p", "process.versions.node"], { encoding: "utf8" });
  return run.status === 0 && isNewEnough(run.stdout.trim());
}

const lockHash = () => createHash("sha256").update(readFileSync(lockFile)).digest("hex");

/** Whether node_modules is what the lock file says. An `npm install` by hand counts as well as ours. */
function isInstalled() {
  const hash = lockHash();
  if (readOr(marker, "") === hash) return true;
  const actual = readOr(join(root, "node_modules", ".package-lock.json"), "");
  if (actual === "" || !sameTree(JSON.parse(readFileSync(lockFile, "utf8")), JSON.parse(actual))) return false;
  writeFileSync(marker, hash);
  return true;
}

function sameTree(wanted, actual) {
  const inModules = (lock) => Object.entries(lock.packages).filter(([path]) => path.startsWith("node_modules/"));
  const has = new Map(inModules(actual));
  for (const [path, entry] of inModules(wanted)) {
    const other = has.get(path);
    if (other === undefined) {
      if (entry.optional || entry.peer || entry.devOptional) continue;
      return false;
    }
    const linkMoved = entry.link === true && other.resolved !== entry.resolved;
    if (other.version !== entry.version || other.integrity !== entry.integrity || linkMoved) return false;
  }
  const knows = new Set(Object.keys(wanted.packages));
  return [...has.keys()].every((path) => knows.has(path));
}

async function install(node, env) {
  if (isInstalled()) return;
  say("installing the packages of package-lock.json (a minute or so, once) ...");
  const started = Date.now();
  // No dependency needs its install script: what one of them would compile comes ready-made from the registry.
  await npm(node, env, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  writeFileSync(marker, lockHash());
  say(`installed in ${Math.round((Date.now() - started) / 1000)} s`);
}

/** Runs npm (the one that started us, if one did) on the given Node; its chatter is shown only when it fails. */
async function npm(node, env, args) {
  const script = process.env.npm_execpath;
  const viaScript = script !== undefined && /npm-cli\.[cm]?js$/.test(script);
  const child = viaScript
    ? spawn(node, [script, ...args], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] })
    : spawn("npm", args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"], shell: windows });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  const ticking = setInterval(() => say("still installing ..."), 20_000);
  const code = await new Promise((resolve, reject) => {
    child.on("error", () =>
      reject(new SetupError("npm was not found. It comes with Node; see that it is in your PATH.")),
    );
    child.on("close", resolve);
  }).finally(() => clearInterval(ticking));
  if (code === 0) return;
  process.stderr.write(output);
  throw new SetupError(
    `npm ${args[0]} failed (its own words stand above). Is the package registry reachable from here?`,
  );
}

/** One installer at a time in this folder; the lock of a process that died is taken over. */
async function withLock(work) {
  const path = join(root, ".cache", "setup.lock");
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!tryLock(path)) {
    if (!told) say("another process is setting this folder up; waiting for it ...");
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const release = () => rmSync(path, { force: true });
  const beat = setInterval(() => existsSync(path) && utimesSync(path, new Date(), new Date()), 2_000);
  process.once("exit", release);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    process.off("exit", release);
    release();
  }
}

function tryLock(path) {
  try {
    const file = openSync(path, "wx");
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  // The holder touches its lock each 2 s, so one that is 20 s old belongs to nobody.
  if (age > 20_000) {
    try {
      renameSync(path, `${path}.${process.pid}`);
      rmSync(`${path}.${process.pid}`, { force: true });
    } catch {
      // somebody else took it away first
    }
  }
  return false;
}

function readOr(path, otherwise) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}
