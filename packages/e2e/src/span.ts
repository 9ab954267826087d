/**
 * The IRC span as production runs it: a child process of its own entry, with a config and a registration made by its own
 * commands. It can be killed, terminated and started again; nothing of the bridge is imported here.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ProfileName } from "@trestle/sandbox";
import { stringify } from "yaml";
import { freePorts, type ServerProcess, spawnServer } from "./servers/process.ts";

/** Where the span talks to; see packages/irc/src/config.ts for what a network may say. */
export interface SpanOptions {
  readonly homeserver: { readonly url: string; readonly name: string };
  /** For `register --server`. */
  readonly serverKind: ProfileName;
  readonly databaseUrl?: string;
  readonly links?: readonly { readonly room: string; readonly network: string; readonly chat: string }[];
  readonly permissions?: Readonly<Record<string, string>>;
  /** IRC networks by name; `quickIrcNetwork` gives one with short waits. */
  readonly networks: Readonly<Record<string, object>>;
  readonly logLevel?: "debug" | "info" | "warn" | "error";
  /** Further sections of the config: `media`, `notices`, `double_puppet`, ... */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A span and its folder. */
export interface Span {
  readonly folder: string;
  readonly config: string;
  readonly registration: string;
  readonly botLocalpart: string;
  readonly appservicePort: number;
  readonly adminUrl: string;
  /** Changes the config; takes effect at the next start. */
  configure(change: Partial<SpanOptions>): void;
  /** Writes the registration by the production command; resolves with what the command printed. */
  register(): Promise<SpanRun>;
  /** Starts it, and waits until it is ready unless told not to. */
  start(options?: {
    /** `launched`: the process exists; `alive`: it answers; `ready` (default): it bridges. */
    readonly until?: "launched" | "alive" | "ready";
    readonly withinMs?: number;
  }): Promise<void>;
  /** Whether `/ready` says yes. */
  ready(): Promise<boolean>;
  waitReady(withinMs?: number): Promise<void>;
  /** Of the running process, or the last one. */
  readonly pid: number;
  running(): boolean;
  /** `KILL` by default: at any instant, without a word. */
  stop(signal?: "TERM" | "KILL"): Promise<{ readonly code: number | null }>;
  /** Holds the whole process still, and lets it go on. */
  freeze(): void;
  thaw(): void;
  /** Memory of the process, in bytes (Linux). */
  residentBytes(): number;
  /** Runs one of its commands to its end (`check`, `run` that is to fail). */
  command(args: readonly string[], withinMs?: number): Promise<SpanRun>;
  metrics(): Promise<string>;
  /** What it logged since its last start. */
  log(): string;
  remove(): Promise<void>;
}

export interface SpanRun {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The production entry. */
export const spanEntry = resolve(dirname(fileURLToPath(import.meta.url)), "../../irc/dist/main.js");

/** A network as the tests want it: unthrottled, and quick to try again. */
export const quickIrcNetwork = (host: string, port: number, more: object = {}): object => ({
  servers: [{ host, port, tls: false }],
  nick: "trestle",
  pace: "unlimited",
  retryMinMs: 100,
  retryMaxMs: 1000,
  rejoinMinMs: 300,
  rejoinMaxMs: 2000,
  ...more,
});

export async function createSpan(options: SpanOptions): Promise<Span> {
  if (!existsSync(spanEntry)) throw new Error(`${spanEntry} does not exist: compile first (npm run build)`);
  const folder = mkdtempSync(join(tmpdir(), "trestle-span-"));
  const [appservicePort = 0, adminPort = 0] = await freePorts(2);
  const config = join(folder, "irc.yaml");
  const logFile = join(folder, "irc.log");
  let current = options;
  const write = (): void => writeFileSync(config, printConfig(current, appservicePort, adminPort), { mode: 0o600 });
  write();
  let server: ServerProcess | undefined;
  let last: ServerProcess | undefined;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const probe = async (path: string): Promise<boolean> => (await fetch(`${adminUrl}${path}`)).ok;
  const command = (args: readonly string[], withinMs = 30_000): Promise<SpanRun> => runSpan(args, folder, withinMs);
  const span: Span = {
    folder,
    config,
    registration: join(folder, "irc.registration.yaml"),
    botLocalpart: "_irc_bot",
    appservicePort,
    adminUrl,
    configure(change) {
      current = { ...current, ...change };
      write();
    },
    register: () => command(["register", "--server", current.serverKind, "--config", config]),
    async start({ until = "ready", withinMs = 30_000 } = {}) {
      const answers = { launched: async () => true, alive: () => probe("/health"), ready: () => probe("/ready") };
      const ready = { probe: answers[until], timeoutMs: withinMs };
      server = await spawnServer(process.execPath, [spanEntry, "run", "--config", config], {
        name: "the irc span",
        ready,
        logFile,
        cwd: folder,
      });
      last = server;
    },
    ready: () => probe("/ready").catch(() => false),
    async waitReady(withinMs = 30_000) {
      const until = Date.now() + withinMs;
      while (!(await span.ready())) {
        if (Date.now() > until)
          throw new Error(`the span was not ready after ${withinMs / 1000} s:\n${span.log().slice(-4000)}`);
        await wait(20);
      }
    },
    get pid() {
      return server?.pid ?? 0;
    },
    running: () => server?.running() ?? false,
    async stop(signal = "KILL") {
      const stopping = server;
      if (!stopping) return { code: null };
      await stopping.stop(signal, 20_000);
      const { code } = await stopping.exited;
      server = undefined;
      return { code };
    },
    freeze: () => void process.kill(span.pid, "SIGSTOP"),
    thaw: () => void process.kill(span.pid, "SIGCONT"),
    residentBytes() {
      const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${span.pid}/status`, "utf8"))?.[1];
      return Number(kilobytes) * 1024;
    },
    command,
    metrics: async () => (await fetch(`${adminUrl}/metrics`)).text(),
    log: () => last?.logTail(10_000) ?? "",
    async remove() {
      await server?.stop("KILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return span;
}

function printConfig(options: SpanOptions, appservicePort: number, adminPort: number): string {
  return stringify({
    homeserver: { url: options.homeserver.url, name: options.homeserver.name },
    appservice: {
      listen: `127.0.0.1:${appservicePort}`,
      url: `http://127.0.0.1:${appservicePort}`,
      registration: "./irc.registration.yaml",
      bot: "_irc_bot",
      prefix: "_irc_",
    },
    database: { url: options.databaseUrl ?? "sqlite:./irc.db" },
    permissions: options.permissions ?? { "*": "relay" },
    links: options.links ?? [],
    admin: { listen: `127.0.0.1:${adminPort}` },
    log: { level: options.logLevel ?? "info", format: "json" },
    ...options.more,
    irc: { networks: options.networks },
  });
}

/** Runs the entry to its end, or kills it when it takes too long (`code` is then null). */
export function runSpan(args: readonly string[], cwd: string, withinMs = 30_000): Promise<SpanRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [spanEntry, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), withinMs);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, out, err });
    });
  });
}
