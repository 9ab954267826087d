/**
 * The thread that waits for the disk. It owns the connection and the lock, runs the commits it is sent one after another, and
 * knows no table. It imports nothing of the house at run time, so that it starts in a few milliseconds.
 */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { parentPort } from "node:worker_threads";
import type { Param, Row } from "./engine.ts";
import { readOwner, takeLock } from "./sqlite-lock.ts";
import type { Answer, Ask, Asked, Definition, Failure } from "./sqlite-messages.ts";

/** Codes that say something about one statement rather than about the database. */
const statementCodes: ReadonlySet<number> = new Set([0, 1, 18, 19, 20, 25]);

let database: DatabaseSync | undefined;
let lock: DatabaseSync | undefined;
const definitions = new Map<number, Definition>();
const prepared = new Map<number, StatementSync>();

const failureOf = (error: unknown): Failure => {
  const { errcode, errstr, message } = error as { errcode?: number; errstr?: string; message?: string };
  const text = errstr !== undefined && message !== errstr ? `${message} (${errstr})` : String(message);
  return { code: (errcode ?? 0) % 256, message: text };
};

class Held extends Error {
  readonly heldBy: string;
  constructor(heldBy: string) {
    super("held by another process");
    this.heldBy = heldBy;
  }
}

function open(ask: Extract<Ask, { kind: "open" }>): void {
  if (ask.locked) {
    lock = takeLock(ask.path);
    if (!lock) throw new Held(readOwner(ask.path) ?? "");
  }
  if (ask.path !== ":memory:") makePrivate(ask.path);
  database = new DatabaseSync(ask.path, { enableForeignKeyConstraints: true, timeout: ask.busyTimeoutMs });
  database.exec("pragma journal_mode = wal");
  database.exec(`pragma synchronous = ${ask.synchronous}`);
  // 16 MB of log: a checkpoint syncs the main file as well, and pages written often go there once
  database.exec("pragma wal_autocheckpoint = 4000");
  database.exec("pragma cache_size = -4000");
  database.exec("pragma temp_store = memory");
}

/** Texts of people are in it: nobody else on this machine reads a new database. SQLite gives its side files the same mode. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It is there, and its mode is its owner's; or it cannot be made, and then SQLite says why.
  }
}

function define(statements: readonly Definition[]): void {
  for (const statement of statements) definitions.set(statement[0], statement);
}

function statementOf(id: number): StatementSync {
  const known = prepared.get(id);
  if (known) return known;
  const definition = definitions.get(id);
  if (!database || !definition) throw new Error(`statement ${id} is not known`);
  const statement = database.prepare(definition[1]);
  statement.setReturnArrays(true);
  prepared.set(id, statement);
  return statement;
}

const paramCountOf = (id: number): number => definitions.get(id)?.[2] ?? 0;

type Commit = Extract<Ask, { kind: "commit" }>;

/** Runs steps `from` up to `to`; their parameters begin at `param`. Returns where the next ones begin. */
function runSteps(ask: Commit, from: number, to: number, param: number, changes: number[]): number {
  let at = param;
  for (let index = from; index < to; index += 1) {
    const id = ask.steps[index] ?? 0;
    const next = at + paramCountOf(id);
    changes[index] = Number(statementOf(id).run(...ask.params.slice(at, next)).changes);
    at = next;
  }
  return at;
}

function rollBack(): void {
  // after a full disk SQLite has rolled back already
  if (database?.isTransaction === true) database.exec("rollback");
}

function commit(ask: Commit): { changes: number[]; failed: [number, Failure][] } {
  if (!database) throw new Error("not open");
  const changes: number[] = [];
  try {
    database.exec("begin immediate");
    runSteps(ask, 0, ask.steps.length, 0, changes);
    database.exec("commit");
    return { changes, failed: [] };
  } catch (error) {
    rollBack();
    if (!statementCodes.has(failureOf(error).code) || ask.lengths.length === 0) throw error;
    return commitApart(database, ask);
  }
}

/** The same writes in one commit, each in a savepoint of its own: what fails is left out. */
function commitApart(into: DatabaseSync, ask: Commit): { changes: number[]; failed: [number, Failure][] } {
  const changes: number[] = new Array(ask.steps.length).fill(0);
  const failed: [number, Failure][] = [];
  let step = 0;
  let param = 0;
  try {
    into.exec("begin immediate");
    ask.lengths.forEach((length, write) => {
      const end = step + length;
      const nextParam = ask.steps.slice(step, end).reduce((at, id) => at + paramCountOf(id), param);
      into.exec("savepoint one");
      try {
        runSteps(ask, step, end, param, changes);
      } catch (error) {
        const failure = failureOf(error);
        if (!statementCodes.has(failure.code)) throw error;
        into.exec("rollback to one");
        changes.fill(0, step, end);
        failed.push([write, failure]);
      }
      into.exec("release one");
      step = end;
      param = nextParam;
    });
    into.exec("commit");
    return { changes, failed };
  } catch (error) {
    rollBack();
    throw error;
  }
}

function close(): void {
  prepared.clear();
  database?.close();
  lock?.close();
  database = undefined;
  lock = undefined;
}

function answer(ask: Asked): Answer {
  const { id } = ask;
  switch (ask.kind) {
    case "open":
      open(ask);
      return { id, kind: "done" };
    case "commit":
      define(ask.define);
      return { id, kind: "committed", ...commit(ask) };
    case "read":
      define(ask.define);
      return { id, kind: "rows", rows: statementOf(ask.step).all(...(ask.params as Param[])) as unknown as Row[] };
    case "close":
      close();
      return { id, kind: "done" };
  }
}

parentPort?.on("message", (ask: Asked) => {
  try {
    parentPort?.postMessage(answer(ask));
  } catch (error) {
    const failure = error instanceof Held ? { ...failureOf(error), heldBy: error.heldBy } : failureOf(error);
    parentPort?.postMessage({ id: ask.id, kind: "failed", failure } satisfies Answer);
  }
});
