/**
 * Accounts, reactions, what expires, sealed secrets, and the picture of a ghost. Reactions stood in `kv` as JSON before; they are
 * moved by the program, because no database reads all the JSON that JavaScript writes.
 */
import { decodeText } from "../text-encoding.ts";
import type { Migration } from "./migration.ts";

export const peopleAndSecrets: Migration = {
  version: 2,
  name: "people-and-secrets",
  up: (knex) => [
    knex.schema.createTable("accounts", (table) => {
      table.text("network").notNullable();
      table.text("remote_user").notNullable();
      table.text("user_id").notNullable();
      table.text("name").notNullable();
      table.bigInteger("proven_at_ms").notNullable();
      table.primary(["network", "remote_user"]);
    }),
    knex.schema.createTable("reactions", (table) => {
      table.bigInteger("portal").notNullable();
      table.text("event").notNullable();
      table.text("target").notNullable();
      table.text("key").notNullable();
      table.text("author").notNullable();
      table.bigInteger("at_ms").notNullable();
      table.primary(["portal", "event"]);
      table.index(["at_ms"], "reactions_age");
    }),
    knex.schema.createTable("expiring", (table) => {
      table.text("key").notNullable().primary();
      table.text("value").notNullable();
      table.bigInteger("expires_at_ms").notNullable();
      table.index(["expires_at_ms"], "expiring_end");
    }),
    knex.schema.createTable("secrets", (table) => {
      table.text("name").notNullable().primary();
      table.text("key_id").notNullable();
      table.text("nonce").notNullable();
      table.text("sealed").notNullable();
    }),
    knex.schema.alterTable("ghosts", (table) => {
      table.text("avatar");
    }),
    knex.raw("delete from kv where substr(key, 1, 9) = 'reaction/'"),
  ],
  move: {
    from: (knex) => knex("kv").select("key", "value").whereRaw("substr(key, 1, 9) = 'reaction/'"),
    into: "reactions",
    columns: ["portal", "event", "target", "key", "author", "at_ms"],
    rowOf: ([key, value], nowMs) => {
      const place = /^reaction\/(\d+)\/(.+)$/s.exec(decodeText(String(key)));
      const row = reactionOf(decodeText(String(value)));
      if (place === null || row === undefined) return undefined;
      // when it was said was not kept; from now on it lives as long as any other
      return { portal: Number(place[1]), event: place[2] ?? "", ...row, at_ms: nowMs };
    },
  },
};

function reactionOf(json: string): { target: string; key: string; author: string } | undefined {
  try {
    const { target, key, by } = JSON.parse(json) as Record<string, unknown>;
    return typeof target === "string" && typeof key === "string"
      ? { target, key, author: typeof by === "string" ? by : "" }
      : undefined;
  } catch {
    return undefined;
  }
}
