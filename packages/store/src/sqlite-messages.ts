/** What the SQLite engine and its worker say to each other: flat arrays, one message a commit. */
import type { Param, Row } from "./engine.ts";

/** A statement that the worker has not seen: its id, text and number of parameters. */
export type Definition = readonly [id: number, sql: string, paramCount: number];

export type Ask =
  | {
      readonly kind: "open";
      readonly path: string;
      readonly synchronous: "FULL" | "NORMAL";
      readonly busyTimeoutMs: number;
      /** Of this process, for whoever finds the database held. */
      readonly locked: boolean;
    }
  | {
      readonly kind: "commit";
      readonly define: readonly Definition[];
      /** Statement ids of all steps of all writes. */
      readonly steps: readonly number[];
      readonly params: readonly Param[];
      /** How many steps each write has. */
      readonly lengths: readonly number[];
    }
  | {
      readonly kind: "read";
      readonly define: readonly Definition[];
      readonly step: number;
      readonly params: readonly Param[];
    }
  | { readonly kind: "close" };

export type Asked = Ask & { readonly id: number };

/** `code` is SQLite's primary result code; 0 for an exception that is not SQLite's. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  /** Set when another process holds the database: what it wrote about itself. */
  readonly heldBy?: string;
}

export type Answer = { readonly id: number } & (
  | { readonly kind: "done" }
  /** Rows changed by each step; failed writes are listed by their place and their steps count 0. */
  | {
      readonly kind: "committed";
      readonly changes: readonly number[];
      readonly failed: readonly (readonly [write: number, failure: Failure])[];
    }
  | { readonly kind: "rows"; readonly rows: Row[] }
  | { readonly kind: "failed"; readonly failure: Failure }
);
