/**
 * Child processes of the real servers: free ports, readiness, logs, and an end that is certain. A child is killed by the
 * process group that was made for it, never by name, and none outlives us: not after SIGINT, not after `kill -9` of ours
 * (Linux: the kernel's parent-death signal). It knows nothing of what the servers are.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** When a freshly started server may be talked to. */
export type Ready =
  /** A line of its log matches. */
  | { readonly log: RegExp; readonly timeoutMs?: number }
  /** Its port takes a TCP connection. */
  | { readonly port: number; readonly host?: string; readonly timeoutMs?: number }
  /** Our own question to it was answered with true; a rejection counts as not yet. */
  | { readonly probe: () => Promise<boolean>; readonly timeoutMs?: number };

export interface SpawnOptions {
  readonly ready: Ready;
  /** Takes stdout and stderr, appended. */
  readonly logFile: string;
  /** Added to a small environment (PATH, HOME, LANG, TMPDIR); `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Run as this user (only root may ask for it); see `unprivilegedUser`. */
  readonly uid?: number;
  readonly gid?: number;
  /** For messages; default: the command. */
  readonly name?: string;
}

export interface ServerProcess {
  readonly pid: number;
  readonly name: string;
  readonly logFile: string;
  /** Resolves when it is gone, however it came to that. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  running(): boolean;
  /** Sends the signal to it and resolves once it is gone; after `graceMs` it is killed. */
  stop(signal?: "TERM" | "KILL" | "INT" | "QUIT", graceMs?: number): Promise<void>;
  /** The end of what this start wrote. */
  logTail(lines?: number): string;
}

const alive = new Set<number>();
let guarded = false;

/** Starts a server and resolves once it is ready; rejects with the end of its log if it ends before or takes too long. */
export async function spawnServer(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<ServerProcess> {
  guardExit();
  mkdirSync(dirname(options.logFile), { recursive: true });
  const logStart = existsSync(options.logFile) ? statSync(options.logFile).size : 0;
  const log = openSync(options.logFile, "a");
  const setpriv = process.platform === "linux" ? findProgram("setpriv") : undefined;
  const [program, argv] = setpriv ? [setpriv, ["--pdeathsig", "KILL", command, ...args]] : [command, [...args]];
  const child = spawn(program, argv, {
    stdio: ["ignore", log, log],
    env: environment(options.env),
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  closeSync(log);
  const server = describe(child, options.name ?? command, options.logFile, logStart);
  await waitReady(server, options.ready);
  return server;
}

function describe(child: ChildProcess, name: string, logFile: string, logStart: number): ServerProcess {
  const pid = child.pid ?? 0;
  if (pid > 0) alive.add(pid);
  let gone = false;
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      gone = true;
      alive.delete(pid);
      resolve({ code, signal });
    };
    child.once("exit", end);
    child.once("error", () => end(127, null));
  });
  return {
    pid,
    name,
    logFile,
    exited,
    running: () => !gone,
    logTail: (lines = 20) => readFrom(logFile, logStart).trimEnd().split("\n").slice(-lines).join("\n"),
    stop: async (signal = "TERM", graceMs = 10_000) => {
      if (gone) return;
      signalGroup(pid, `SIG${signal}`);
      const grace = new AbortController();
      const late = wait(graceMs, "late" as const, { signal: grace.signal }).catch(() => "gone" as const);
      if ((await Promise.race([exited, late])) === "late") signalGroup(pid, "SIGKILL");
      await exited;
      grace.abort();
    },
  };
}

async function waitReady(server: ServerProcess, ready: Ready): Promise<void> {
  const timeoutMs = ready.timeoutMs ?? 60_000;
  const until = Date.now() + timeoutMs;
  while (Date.now() < until) {
    if (!server.running()) {
      const { code, signal } = await server.exited;
      const how = signal ?? `exit code ${code}`;
      throw new Error(
        `${server.name} ended while starting (${how}). End of ${server.logFile}:\n${server.logTail() || "(it wrote nothing; is the program installed?)"}`,
      );
    }
    if (await isReady(server, ready)) return;
    await wait(50);
  }
  await server.stop("KILL");
  throw new Error(
    `${server.name} was not ready after ${timeoutMs / 1000} s. End of ${server.logFile}:\n${server.logTail()}`,
  );
}

async function isReady(server: ServerProcess, ready: Ready): Promise<boolean> {
  if ("log" in ready) return ready.log.test(server.logTail(2000));
  if ("port" in ready) return takesConnections(ready.port, ready.host);
  return ready.probe().catch(() => false);
}

/** Whether something on this machine takes TCP connections on the port. */
export function takesConnections(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.setTimeout(1000, () => end(false));
  });
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            resolve(typeof address === "object" && address ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** One port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port ?? 0;
}

/** Where a program is: PATH first, then the folders of system daemons; undefined when it is not installed. */
export function findProgram(name: string, extraFolders: readonly string[] = []): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin", "/sbin"];
  return [...extraFolders, ...folders].map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * For servers that refuse to run as root: the first of these users that exists. Undefined when we are not root (the server
 * then simply runs as we do).
 */
export function unprivilegedUser(
  names: readonly string[] = ["nobody"],
): { readonly name: string; readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const rows = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of names) {
    const row = rows.find((cells) => cells[0] === name);
    if (row) return { name, uid: Number(row[2]), gid: Number(row[3]) };
  }
  throw new Error(`We are root and none of the users ${names.join(", ")} exists to run this server as.`);
}

function environment(extra: SpawnOptions["env"]): NodeJS.ProcessEnv {
  const kept = Object.fromEntries(
    ["PATH", "HOME", "LANG", "TMPDIR", "TZ"].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return { ...kept, ...extra };
}

function readFrom(file: string, start: number): string {
  try {
    return readFileSync(file).subarray(start).toString("utf8");
  } catch {
    return "";
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // it was gone already
  }
}

/** Kills what is left when we end. A signal that somebody else handles too is left to them: they exit, and that kills. */
function guardExit(): void {
  if (guarded) return;
  guarded = true;
  process.on("exit", () => {
    for (const pid of alive) signalGroup(pid, "SIGKILL");
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (process.listenerCount(signal) > 1) return;
      process.exit(128 + constants.signals[signal]);
    });
  }
}
