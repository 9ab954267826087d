/** Brings a database to the schema of this program: forward only, each step in one transaction with its own record. */
import { BridgeError } from "@trestle/core";
import type { Engine, Step } from "./engine.ts";
import type { Migration, Move } from "./migrations/migration.ts";
import type { Compiler } from "./statement.ts";
import { step } from "./table.ts";

const schemaTable = "trestle_schema";

/** Runs what is missing. Rejects with `database-failed` for a database that a newer program has written. */
export async function migrate(engine: Engine, compiler: Compiler, migrations: readonly Migration[]): Promise<void> {
  const { knex } = compiler;
  const table = compiler.raw(
    `create table if not exists ${schemaTable} (version bigint not null primary key, name text not null, applied_at_ms bigint not null)`,
  );
  await commitOne(engine, [{ statement: table, params: [] }]);
  const [row] = await engine.read(compiler.compile(knex(schemaTable).max("version")), []);
  const version = Number(row?.[0] ?? 0);
  const newest = migrations.at(-1)?.version ?? 0;
  if (version > newest) {
    throw new BridgeError(
      "database-failed",
      `the database was written by a newer Trestle (its schema is ${version}, this program knows ${newest}): run that version or a later one`,
    );
  }
  const record = compiler.compile(
    knex(schemaTable).insert({ version: ":version", name: ":name", applied_at_ms: ":at" }),
  );
  for (const migration of migrations) {
    if (migration.version <= version) continue;
    const statements = migration.up(knex, compiler.dialect).flatMap((part) => {
      const compiled = part.toSQL() as { readonly sql: string } | readonly { readonly sql: string }[];
      return Array.isArray(compiled) ? compiled.map(({ sql }) => sql) : [(compiled as { readonly sql: string }).sql];
    });
    const moved = migration.move === undefined ? [] : await movedRows(engine, compiler, migration.move);
    await commitOne(engine, [
      ...statements.map((sql) => ({ statement: compiler.raw(sql), params: [] })),
      ...moved,
      { statement: record, params: record.bind({ version: migration.version, name: migration.name, at: Date.now() }) },
    ]);
  }
}

async function movedRows(engine: Engine, compiler: Compiler, move: Move): Promise<Step[]> {
  const { knex } = compiler;
  const insert = compiler.compile(
    knex(move.into).insert(Object.fromEntries(move.columns.map((column) => [column, `:${column}`]))),
  );
  const rows = await engine.read(compiler.compile(move.from(knex)), []);
  return rows.flatMap((row) => {
    const values = move.rowOf(row, Date.now());
    return values === undefined ? [] : [step(insert, values)];
  });
}

async function commitOne(engine: Engine, write: Parameters<Engine["commit"]>[0][number]): Promise<void> {
  const [written] = await engine.commit([write]);
  if (written instanceof BridgeError) throw written;
}
