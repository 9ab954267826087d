/**
 * One process per database file. The lock is an exclusive SQLite lock on a side file, which the operating system releases
 * with the process, however it ends; nothing in the file means anything, so nothing can be stale.
 */
import { DatabaseSync } from "node:sqlite";

const busy = 5;

/** Takes the lock and returns what holds it, or undefined when somebody else has it. */
export function takeLock(path: string): DatabaseSync | undefined {
  const lock = new DatabaseSync(`${path}.lock`, { timeout: 0 });
  try {
    // with this mode the lock outlives the transaction, until the connection ends
    lock.exec("pragma locking_mode = exclusive; pragma journal_mode = memory; pragma synchronous = off;");
    lock.exec("begin exclusive");
    return lock;
  } catch (error) {
    lock.close();
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === busy) return undefined;
    throw error;
  }
}

/** What the process that holds the database wrote about itself. */
export function readOwner(path: string): string | undefined {
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 200 });
    try {
      const row = database.prepare("select who from owner where id = 1").get();
      const who = row?.["who"];
      return typeof who === "string" ? who : undefined;
    } finally {
      database.close();
    }
  } catch {
    // it may not have come so far yet
    return undefined;
  }
}
