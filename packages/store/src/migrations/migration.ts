/** One step of the schema. Never edited after its release; the next change is the next file. */
import type { Knex } from "knex";
import type { Dialect, Param, Row } from "../engine.ts";

export interface Migration {
  readonly version: number;
  readonly name: string;
  /** Compiled, not run: the engine executes the statements in one transaction. */
  up(knex: Knex, dialect: Dialect): readonly (Knex.SchemaBuilder | Knex.Raw)[];
  /** Rows that SQL alone cannot rewrite: read before `up`, written behind it in the same transaction. */
  readonly move?: Move;
}

export interface Move {
  from(knex: Knex): Knex.QueryBuilder;
  readonly into: string;
  readonly columns: readonly string[];
  /** The new row of an old one, text as it was given; undefined: it is left out. */
  rowOf(row: Row, nowMs: number): Readonly<Record<string, Param>> | undefined;
}
