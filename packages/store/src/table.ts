/** What the tables of the store share: an engine behind a group commit, and rows with text as it was given. */
import { BridgeError } from "@trestle/core";
import type { Engine, Param, Row, Statement, Step } from "./engine.ts";
import type { GroupCommit } from "./group-commit.ts";
import { decodeText } from "./text-encoding.ts";

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
