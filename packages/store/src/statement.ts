/**
 * Compiles statements with knex, each once per store: knex costs microseconds a time, which is more than SQLite itself. A
 * placeholder is written `:name` where knex wants a value; every other value becomes a constant of the statement.
 */
import knex, { type Knex } from "knex";
import type { Dialect, Param, Statement } from "./engine.ts";
import { encodeText } from "./text-encoding.ts";

/** Where knex insists on a number (limit, offset). */
export const limitPlaceholder = 987_654_321;

export interface Compiler {
  readonly dialect: Dialect;
  readonly knex: Knex;
  /** The statement of a builder; `batch` as in engine.ts. */
  compile(builder: Compilable, batch?: Statement["batch"]): Statement;
  /** A statement without parameters. */
  raw(sql: string): Statement;
}

interface Compilable {
  toSQL(): { toNative(): { readonly sql: string; readonly bindings: readonly unknown[] } };
}

const clients = { sqlite: "better-sqlite3", postgres: "pg" } as const;

/** A compiler that opens no connection. */
export function createCompiler(dialect: Dialect): Compiler {
  const builder = knex({ client: clients[dialect], useNullAsDefault: true });
  let lastId = 0;
  const statement = (sql: string, bindings: readonly unknown[], batch?: Statement["batch"]): Statement => {
    lastId += 1;
    const slots = bindings.map(slotOf);
    return {
      id: lastId,
      sql,
      paramCount: bindings.length,
      bind: (values) => slots.map((slot) => bindSlot(slot, values)),
      ...(batch === undefined ? {} : { batch }),
    };
  };
  return {
    dialect,
    knex: builder,
    compile: (compilable, batch) => {
      const { sql, bindings } = compilable.toSQL().toNative();
      return statement(sql, bindings, batch);
    },
    raw: (sql) => statement(sql, []),
  };
}

type Slot = { readonly name: string } | { readonly constant: Param };

function slotOf(binding: unknown): Slot {
  if (binding === limitPlaceholder) return { name: "limit" };
  if (typeof binding === "string") return binding.startsWith(":") ? { name: binding.slice(1) } : { constant: binding };
  if (typeof binding === "number" || binding === null) return { constant: binding };
  throw new Error(`a statement cannot hold a ${typeof binding}`);
}

function bindSlot(slot: Slot, values: Readonly<Record<string, Param | undefined>>): Param {
  if ("constant" in slot) return slot.constant;
  const value = values[slot.name];
  return typeof value === "string" ? encodeText(value) : (value ?? null);
}
