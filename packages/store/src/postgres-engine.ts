/**
 * PostgreSQL with the same promises as the embedded database. One connection writes, and that same connection holds the
 * advisory lock: who has lost the lock cannot commit. Reads go through a small pool.
 */
import { randomUUID } from "node:crypto";
import { BridgeError, type Log } from "@trestle/core";
import { Client, Pool, types } from "pg";
import type { Engine, Param, Row, Statement, Write, Written } from "./engine.ts";
import { batchSteps } from "./postgres-batches.ts";
import { isStatementError, postgresError } from "./postgres-errors.ts";

export interface PostgresOptions {
  readonly url: string;
  readonly synchronous: "FULL" | "NORMAL";
  readonly log?: Log;
  /** Shown to whoever finds the database held. */
  readonly who: string;
}

/** First half of the advisory lock's key; the second is made of the schema's name. */
const lockClass = 0x7472_7374;
const int8 = 20;
const queryTimeoutMs = 30_000;

/** 64-bit integers as numbers: everything here (rows, times, counts) is far below 2^53. */
const numbers = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    oid === int8 ? Number : types.getTypeParser(oid, format as "text")) as typeof types.getTypeParser,
};

/** Writers of one engine share this: what it must find in `owner` after a lost connection. */
interface Ownership {
  readonly token: string;
  claimed: boolean;
}

export async function openPostgres(options: PostgresOptions): Promise<Engine> {
  const settings = {
    connectionString: options.url,
    application_name: "trestle",
    types: numbers,
    connectionTimeoutMillis: 10_000,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
  };
  const ownership: Ownership = { token: randomUUID(), claimed: false };
  let closing = false;
  let writer: Client | undefined;

  const lose = (client: Client, error: unknown) => {
    if (writer !== client) return;
    writer = undefined;
    if (!closing) options.log?.error({ error }, "the connection that holds the database's lock is lost");
    client.end().catch(() => undefined);
  };
  const ensureWriter = async (): Promise<Client> => {
    if (writer) return writer;
    const client = new Client(settings);
    client.on("error", (error) => lose(client, error));
    client.on("end", () => lose(client, new Error("connection ended")));
    try {
      await client.connect();
      await prepareWriter(client, options, ownership);
    } catch (error) {
      client.end().catch(() => undefined);
      throw postgresError(error);
    }
    writer = client;
    return client;
  };

  await ensureWriter();
  const pool = new Pool({ ...settings, max: 2, idleTimeoutMillis: 30_000 });
  pool.on("error", () => undefined);

  return {
    dialect: "postgres",
    commit: async (writes) => {
      const client = await ensureWriter();
      try {
        const written = await commitGroup(client, writes);
        if (!ownership.claimed) await claim(client, options.who, ownership);
        return written;
      } catch (error) {
        // whatever it was, nobody knows what state the connection is in
        lose(client, error);
        throw postgresError(error);
      }
    },
    read: async (statement, params) => {
      const query = () => pool.query(queryOf(statement, params));
      try {
        return (await query()).rows as Row[];
      } catch (error) {
        if (isStatementError(error)) throw postgresError(error);
        try {
          return (await query()).rows as Row[];
        } catch (again) {
          throw postgresError(again);
        }
      }
    },
    close: async () => {
      closing = true;
      await Promise.allSettled([pool.end(), writer?.end()]);
    },
  };
}

const queryOf = (statement: Statement, params: readonly Param[]) => ({
  name: `trestle_${statement.id}`,
  text: statement.sql,
  values: [...params],
  rowMode: "array" as const,
});

/** Takes the lock, and checks that nobody else has used the database since this engine last held it. */
async function prepareWriter(client: Client, options: PostgresOptions, ownership: Ownership): Promise<void> {
  const lock = await client.query("select pg_try_advisory_lock($1, hashtext(current_schema())) as taken", [lockClass]);
  if (lock.rows[0]?.taken !== true) {
    if (ownership.claimed) throw new BridgeError("database-failed", "our lost connection still holds the lock");
    throw new BridgeError("database-locked", await holderOf(client));
  }
  if (ownership.claimed) {
    const { rows } = await client.query("select token, who from owner where id = 1");
    if (rows[0]?.token !== ownership.token) {
      throw new BridgeError("database-locked", `used meanwhile by ${rows[0]?.who ?? "another process"}`);
    }
  }
  const durable = `case when current_setting('synchronous_commit') = 'off' then 'on' else current_setting('synchronous_commit') end`;
  const wanted = options.synchronous === "FULL" ? durable : "'off'";
  await client.query(`select set_config('synchronous_commit', ${wanted}, false)`);
}

async function holderOf(client: Client): Promise<string> {
  try {
    const { rows } = await client.query("select who from owner where id = 1");
    return `held by ${rows[0]?.who ?? "another process"}`;
  } catch {
    return "held by another process";
  }
}

/** Writes our name into `owner` as soon as that table exists. */
async function claim(client: Client, who: string, ownership: Ownership): Promise<void> {
  const { rows } = await client.query("select to_regclass('owner') is not null as there");
  if (rows[0]?.there !== true) return;
  await client.query(
    "insert into owner (id, token, who) values (1, $1, $2) on conflict (id) do update set token = excluded.token, who = excluded.who",
    [ownership.token, who],
  );
  ownership.claimed = true;
}

async function commitGroup(client: Client, writes: readonly Write[]): Promise<Written[]> {
  try {
    await client.query("begin");
    const changes = await runSteps(client, writes.flat());
    await client.query("commit");
    let at = 0;
    return writes.map((steps) => {
      at += steps.length;
      return changes.slice(at - steps.length, at);
    });
  } catch (error) {
    if (!isStatementError(error)) throw error;
    await client.query("rollback");
    return commitApart(client, writes);
  }
}

/** The same writes in one commit, each in a savepoint of its own: what fails is left out. */
async function commitApart(client: Client, writes: readonly Write[]): Promise<Written[]> {
  const written: Written[] = [];
  await client.query("begin");
  for (const steps of writes) {
    await client.query("savepoint one");
    try {
      written.push(await runSteps(client, steps));
    } catch (error) {
      if (!isStatementError(error)) throw error;
      await client.query("rollback to savepoint one");
      written.push(postgresError(error));
    }
    await client.query("release savepoint one");
  }
  await client.query("commit");
  return written;
}

/** How many rows each step changed. Inside a statement of many rows only those that it returns are told apart. */
async function runSteps(client: Client, steps: Write): Promise<number[]> {
  const changes = steps.map(() => 0);
  for (const { statement, params, steps: places, returned } of batchSteps(steps)) {
    const result = await client.query(queryOf(statement, params));
    const keys = returned === undefined ? undefined : new Set(result.rows.map((row: Row) => Number(row[0])));
    for (const place of places) {
      const own = returned === undefined ? undefined : steps[place]?.params[returned];
      changes[place] = keys === undefined ? (result.rowCount ?? 0) : keys.has(Number(own)) ? 1 : 0;
    }
  }
  return changes;
}
