/**
 * What a database must do for the tables above it: commit groups of writes, read, and be held by one process. Two engines:
 * sqlite-engine.ts and postgres-engine.ts. They know nothing of jobs or messages.
 */
import type { BridgeError } from "@trestle/core";

export type Dialect = "sqlite" | "postgres";
export type Param = string | number | null;
export type Row = readonly Param[];

/** One statement, compiled once per store. */
export interface Statement {
  readonly id: number;
  readonly sql: string;
  readonly paramCount: number;
  /** Parameters in the order of the placeholders, text made safe for every database. */
  bind(values: Readonly<Record<string, Param | undefined>>): Param[];
  /** Present when rows of this statement may be sent as one statement of many rows. */
  readonly batch?: Batch;
}

export interface Batch {
  /** The same for `rows` rows; parameters are those of the single rows, one after another. */
  of(rows: number): Statement;
  /** Two rows with the same key must not stand in one statement. */
  keyOf(params: readonly Param[]): string;
  /** Position of the parameter that the statement returns for each row it really wrote; absent: it writes every row. */
  readonly returned?: number;
}

export interface Step {
  readonly statement: Statement;
  readonly params: readonly Param[];
}

/** Steps that take effect together or not at all. */
export type Write = readonly Step[];

/** How many rows each step changed, or why nothing of the write was kept. */
export type Written = readonly number[] | BridgeError;

export interface Engine {
  readonly dialect: Dialect;
  /** All writes in one commit; one that fails by itself leaves the others alone. Resolves once they are on disk. */
  commit(writes: readonly Write[]): Promise<Written[]>;
  read(statement: Statement, params: readonly Param[]): Promise<Row[]>;
  /** Lets go of the database. Nothing may be under way. */
  close(): Promise<void>;
}
