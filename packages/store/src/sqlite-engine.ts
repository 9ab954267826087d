/**
 * SQLite behind a worker thread: the event loop never waits for a disk. This side sends each commit as one message of flat
 * arrays and turns the worker's failures into BridgeErrors.
 */
import { Worker } from "node:worker_threads";
import { BridgeError } from "@trestle/core";
import type { Engine, Param, Row, Statement, Write, Written } from "./engine.ts";
import type { Answer, Ask, Asked, Definition, Failure } from "./sqlite-messages.ts";

export interface SqliteOptions {
  /** A file, or `:memory:`. */
  readonly path: string;
  readonly synchronous: "FULL" | "NORMAL";
  /** How long to wait for a lock of an outside program (a backup) before a commit fails. */
  readonly busyTimeoutMs: number;
}

interface Open {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: BridgeError) => void;
}

/** Whatever SQLite says of the file rather than of the statement; a mistake of ours is `internal`. */
function errorOf({ code, message, heldBy }: Failure): BridgeError {
  if (heldBy !== undefined) {
    return new BridgeError("database-locked", heldBy === "" ? "another process holds it" : `held by ${heldBy}`);
  }
  const ours = code === 0 || code === 1 || code === 18 || code === 19 || code === 20 || code === 25;
  return new BridgeError(ours ? "internal" : "database-failed", `SQLite: ${message}`);
}

function createLine(worker: Worker) {
  const open = new Map<number, Open>();
  let lastId = 0;
  let broken: BridgeError | undefined;
  const fail = (error: BridgeError) => {
    broken ??= error;
    for (const { reject } of open.values()) reject(error);
    open.clear();
  };
  worker.on("message", (answer: Answer) => {
    const waiting = open.get(answer.id);
    open.delete(answer.id);
    if (answer.kind === "failed") waiting?.reject(errorOf(answer.failure));
    else waiting?.resolve(answer);
  });
  worker.on("error", (error) =>
    fail(new BridgeError("database-failed", "the database thread failed", { cause: error })),
  );
  worker.on("exit", () => fail(new BridgeError("database-failed", "the database thread has ended")));
  return (ask: Ask): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (broken) return reject(broken);
      lastId += 1;
      open.set(lastId, { resolve, reject });
      worker.postMessage({ ...ask, id: lastId } satisfies Asked);
    });
}

/** Opens the file and takes its lock; rejects with `database-locked` or `database-failed`. */
export async function openSqlite(options: SqliteOptions): Promise<Engine> {
  const file = import.meta.url.endsWith(".ts") ? "./sqlite-worker.ts" : "./sqlite-worker.js";
  const worker = new Worker(new URL(file, import.meta.url), { name: "sqlite", execArgv: [], env: {} });
  const ask = createLine(worker);
  const defined = new Set<number>();
  const definitionsFor = (statements: readonly Statement[]): Definition[] => {
    const fresh: Definition[] = [];
    for (const { id, sql, paramCount } of statements) {
      if (defined.has(id)) continue;
      defined.add(id);
      fresh.push([id, sql, paramCount]);
    }
    return fresh;
  };

  try {
    await ask({ kind: "open", ...options, locked: options.path !== ":memory:" });
  } catch (error) {
    await ask({ kind: "close" }).catch(() => undefined);
    await worker.terminate();
    throw error instanceof BridgeError && error.code === "internal"
      ? new BridgeError("database-failed", `cannot open ${options.path}`, { cause: error })
      : error;
  }

  return {
    dialect: "sqlite",
    commit: async (writes) => {
      const all = writes.flat();
      const answer = await ask({
        kind: "commit",
        define: definitionsFor(all.map(({ statement }) => statement)),
        steps: all.map(({ statement }) => statement.id),
        params: all.flatMap(({ params }) => params as Param[]),
        lengths: writes.map((steps) => steps.length),
      });
      return answer.kind === "committed" ? writtenOf(writes, answer) : [];
    },
    read: async (statement, params): Promise<Row[]> => {
      const answer = await ask({ kind: "read", define: definitionsFor([statement]), step: statement.id, params });
      return answer.kind === "rows" ? answer.rows : [];
    },
    close: async () => {
      await ask({ kind: "close" }).catch(() => undefined);
      await worker.terminate();
    },
  };
}

function writtenOf(writes: readonly Write[], answer: Extract<Answer, { kind: "committed" }>): Written[] {
  const failed = new Map(answer.failed);
  let at = 0;
  return writes.map((steps, index) => {
    const changes = answer.changes.slice(at, at + steps.length);
    at += steps.length;
    const failure = failed.get(index);
    return failure ? errorOf(failure) : changes;
  });
}
