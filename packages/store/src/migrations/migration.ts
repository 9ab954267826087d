/** One step of the schema. Never edited after its release; the next change is the next file. */
import type { Knex } from "knex";
import type { Dialect } from "../engine.ts";

export interface Migration {
  readonly version: number;
  readonly name: string;
  /** Compiled, not run: the engine executes the statements in one transaction. */
  up(knex: Knex, dialect: Dialect): readonly (Knex.SchemaBuilder | Knex.Raw)[];
}
