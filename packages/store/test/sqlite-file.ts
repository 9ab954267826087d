/** A directory of its own for one SQLite database, and a look at the file from outside the store. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface SqliteFile {
  readonly path: string;
  readonly url: string;
  /** Opens the file as another program would, as long as `use` takes. */
  outside<T>(use: (database: DatabaseSync) => T | Promise<T>): Promise<T>;
  remove(): void;
}

export function createSqliteFile(): SqliteFile {
  const directory = mkdtempSync(join(tmpdir(), "trestle-store-"));
  const path = join(directory, "store.db");
  return {
    path,
    url: `sqlite:${path}`,
    outside: async (use) => {
      const database = new DatabaseSync(path, { timeout: 2000 });
      try {
        return await use(database);
      } finally {
        database.close();
      }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Every table of the store, for emptying it from outside. */
export const tables = [
  "jobs",
  "messages",
  "portals",
  "ghosts",
  "ghost_rooms",
  "kv",
  "accounts",
  "reactions",
  "expiring",
  "secrets",
] as const;
