/**
 * Opens a database by its URL, takes its lock, brings it to this program's schema and puts the tables on it. Which database it
 * is shows nowhere above this file.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { BridgeError, type Log, type Store } from "@trestle/core";
import type { Engine } from "./engine.ts";
import { createGroupCommit } from "./group-commit.ts";
import { compileJournal } from "./journal-statements.ts";
import { createJournal } from "./journal-table.ts";
import { compileMessages, createMessages } from "./message-table.ts";
import { migrate } from "./migrate.ts";
import { migrations } from "./migrations/index.ts";
import type { Migration } from "./migrations/migration.ts";
import { createAccounts, createExpiring, createReactions } from "./people-tables.ts";
import { createSealer, type Key } from "./seal.ts";
import { createSecrets } from "./secret-table.ts";
import { compilePortals, createGhosts, createKeyValues, createPortals } from "./small-tables.ts";
import { openSqlite } from "./sqlite-engine.ts";
import { createCompiler } from "./statement.ts";
import { asNumber, createTables, step } from "./table.ts";

export interface StoreOptions {
  /** `sqlite:/path/to/file.db`, `sqlite::memory:`, or `postgres://...`. */
  readonly url: string;
  readonly log?: Log;
  /** Newest first: the first seals secrets, all open them. Without any, secrets can be neither put nor got. */
  readonly keys?: readonly Key[];
  /** How long a write that finds the disk idle waits for company; 0 to 2, 0 by default: grouping comes from what arrives during a commit. */
  readonly groupWindowMs?: number;
  /** Most rows of one commit; 256 by default. */
  readonly groupRowsMax?: number;
  /** `FULL` (default): a promise that resolved survives a power cut. `NORMAL`: it survives only a killed process. */
  readonly synchronous?: "FULL" | "NORMAL";
  /** How long a commit waits for an outside program's lock on the SQLite file; 5,000 by default. */
  readonly busyTimeoutMs?: number;
  /** Another list of schema steps, for tests of migrating. */
  readonly migrations?: readonly Migration[];
}

/** Opens the store; rejects with `config-invalid`, `database-locked` or `database-failed`. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const who = `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}`;
  const engine = await openEngine(options, who);
  try {
    return await storeOn(engine, options, who);
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function openEngine(options: StoreOptions, who: string): Promise<Engine> {
  const { url, synchronous = "FULL", log } = options;
  if (url.startsWith("sqlite:")) {
    const path = url.slice("sqlite:".length).replace(/^\/\/(?=\/)/, "");
    if (path !== "") return openSqlite({ path, synchronous, busyTimeoutMs: options.busyTimeoutMs ?? 5000 });
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    // the driver costs megabytes that an embedded database need not pay
    const { openPostgres } = await import("./postgres-engine.ts");
    return openPostgres({ url, synchronous, who, ...(log ? { log } : {}) });
  }
  throw new BridgeError(
    "config-invalid",
    "the database's URL must be sqlite:/path/to/file.db or postgres://user:password@host/name",
  );
}

async function storeOn(engine: Engine, options: StoreOptions, who: string): Promise<Store> {
  const sealer = createSealer(options.keys ?? []);
  const compiler = createCompiler(engine.dialect);
  await migrate(engine, compiler, options.migrations ?? migrations);

  const group = createGroupCommit(engine.commit, {
    rowsMax: Math.max(1, options.groupRowsMax ?? 256),
    windowMs: Math.min(2, Math.max(0, options.groupWindowMs ?? 0)),
  });
  let closed: Promise<void> | undefined;
  const tables = createTables(engine, group, () => closed !== undefined);

  const journal = compileJournal(compiler);
  const messages = compileMessages(compiler);
  const portals = compilePortals(compiler);
  const highest = async (statement: typeof journal.lastSeq) => asNumber((await tables.read(statement))[0]?.[0]);
  const [lastSeq, lastPosition, lastPortal] = await Promise.all(
    [journal.lastSeq, messages.lastPosition, portals.lastId].map(highest),
  );
  let position = lastPosition ?? 0;
  const positions = {
    next: () => {
      position += 1;
      return position;
    },
  };
  // PostgreSQL's engine writes its own token here, which it checks after a lost connection
  if (engine.dialect === "sqlite") {
    const { knex } = compiler;
    const owner = compiler.compile(
      knex("owner").insert({ id: 1, token: ":token", who: ":who" }).onConflict("id").merge(),
    );
    await tables.write(step(owner, { token: randomUUID(), who }));
  }

  return {
    journal: createJournal(tables, journal, { statements: messages, positions }, lastSeq ?? 0),
    messages: createMessages(tables, messages),
    portals: createPortals(tables, portals, lastPortal ?? 0),
    ghosts: createGhosts(tables, compiler),
    kv: createKeyValues(tables, compiler),
    accounts: createAccounts(tables, compiler),
    reactions: createReactions(tables, compiler),
    media: createExpiring(tables, compiler),
    secrets: createSecrets(tables, compiler, sealer),
    close: () => {
      closed ??= group.drain().then(() => engine.close());
      return closed;
    },
  };
}
