/** What the tables of the store share: an engine behind a group commit, and rows with text as it was given. */
import { BridgeError } from "@trestle/core";
import type { Engine, Param, Row, Statement, Step } from "./engine.ts";
import type { GroupCommit } from "./group-commit.ts";
import { decodeText, encodeText } from "./text-encoding.ts";

type Values = Readonly<Record<string, Param | undefined>>;

export interface Tables {
  write(...steps: readonly Step[]): Promise<readonly number[]>;
  read(statement: Statement, values?: Values): Promise<Row[]>;
}

export function createTables(engine: Engine, group: GroupCommit, isClosed: () => boolean): Tables {
  return {
    write: (...steps) => group.write(steps),
    read: async (statement, values = {}) => {
      if (isClosed()) throw new BridgeError("database-failed", "the store is closed");
      const rows = await engine.read(statement, statement.bind(values));
      return rows.map((row) => row.map((cell) => (typeof cell === "string" ? decodeText(cell) : cell)));
    },
  };
}

export const step = (statement: Statement, values: Values = {}): Step => ({
  statement,
  params: statement.bind(values),
});

export const asText = (cell: Param | undefined): string => (cell === null || cell === undefined ? "" : String(cell));
export const asNumber = (cell: Param | undefined): number => Number(cell ?? 0);

/** `{name: value}`, or nothing for a null. */
export const optional = <Name extends string>(name: Name, cell: Param | undefined): { [key in Name]?: string } =>
  (cell === null || cell === undefined ? {} : { [name]: String(cell) }) as { [key in Name]?: string };

/** Longest id (event, message, user, job key) that is taken, in UTF-8 bytes: indices cannot hold longer ones. */
export const idBytesMax = 1000;

/** Throws `event-too-large` when one of these is longer than an id may be. */
export function checkIds(...ids: readonly string[]): void {
  for (const id of ids) {
    if (id.length * 3 > idBytesMax && Buffer.byteLength(id) > idBytesMax) {
      throw new BridgeError("event-too-large", `an id of ${Buffer.byteLength(id)} bytes`);
    }
  }
}

/** `{name: ":name"}` for each column: the values of an insert. */
export const placeholders = (columns: readonly string[]): Record<string, string> =>
  Object.fromEntries(columns.map((column) => [column, `:${column}`]));

/** A condition on the beginning of a column: neither LIKE nor an order of text is the same in both databases, a prefix by length is. */
export const beginsWith = (column: string): [sql: string, bindings: readonly string[]] => [
  `substr(${column}, 1, cast(? as integer)) = ?`,
  [":length", ":prefix"],
];

/** Its values. One that ends inside a character is asked for without that half: what comes has to be looked at once more. */
export function prefixValues(prefix: string): Values {
  const asked = /[\ud800-\udbff]$/.test(prefix) ? prefix.slice(0, -1) : prefix;
  return { prefix: asked, length: [...encodeText(asked)].length };
}

/** In the order of this text, the same on every database. */
export const sortedBy = <T>(rows: readonly T[], textOf: (row: T) => string): T[] =>
  rows.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
