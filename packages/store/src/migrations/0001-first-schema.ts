/**
 * The first schema. Types are text and 64-bit integers only (times in ms since the epoch, truth as 0 and 1, JSON as text), so
 * that SQLite and PostgreSQL hold the same.
 */
import type { Knex } from "knex";
import type { Dialect } from "../engine.ts";
import type { Migration } from "./migration.ts";

/** In SQLite an `integer` primary key is the row's own number and costs no index; in PostgreSQL it would be 32 bits wide. */
const rowNumber = (table: Knex.CreateTableBuilder, name: string, dialect: Dialect) =>
  table
    .specificType(name, dialect === "sqlite" ? "integer" : "bigint")
    .notNullable()
    .primary();

export const firstSchema: Migration = {
  version: 1,
  name: "first-schema",
  up: (knex, dialect) => [
    knex.schema.createTable("owner", (table) => {
      rowNumber(table, "id", dialect);
      table.text("token").notNullable();
      table.text("who").notNullable();
    }),
    knex.schema.createTable("jobs", (table) => {
      rowNumber(table, "seq", dialect);
      table.bigInteger("portal").notNullable();
      table.text("lane").notNullable();
      table.text("key").notNullable();
      table.text("state").notNullable();
      table.text("author").notNullable();
      table.bigInteger("created_at_ms").notNullable();
      table.bigInteger("not_before_ms").notNullable();
      table.bigInteger("ended_at_ms");
      table.bigInteger("attempts").notNullable();
      table.bigInteger("delayed").notNullable();
      table.text("failure");
      table.text("plan");
      table.text("sent").notNullable();
      table.text("body").notNullable();
      table.unique(["key"], { indexName: "jobs_key" });
      // serves load by its order, backlog and counts without touching the rows
      table.index(["portal", "lane", "seq", "state", "created_at_ms"], "jobs_open", {
        predicate: knex.whereRaw("state in ('queued', 'parked')"),
      });
      table.index(["seq"], "jobs_dead", { predicate: knex.whereRaw("state = 'dead'") });
      table.index(["ended_at_ms"], "jobs_over", { predicate: knex.whereRaw("state in ('done', 'cancelled')") });
    }),
    knex.schema.createTable("messages", (table) => {
      rowNumber(table, "position", dialect);
      table.bigInteger("portal").notNullable();
      table.text("lane").notNullable();
      table.text("origin").notNullable();
      table.bigInteger("part").notNullable();
      table.text("event_id").notNullable();
      table.text("remote_id").notNullable();
      table.text("author").notNullable();
      table.text("author_name").notNullable();
      table.bigInteger("sent_at_ms").notNullable();
      table.text("text");
      table.unique(["portal", "lane", "origin", "part"], { indexName: "messages_part" });
      // half of all ids are the origin itself and found by it: each index spared is a page less to write for every message
      table.index(["portal", "event_id"], "messages_event", { predicate: knex.whereRaw("event_id <> origin") });
      table.index(["portal", "remote_id"], "messages_remote", { predicate: knex.whereRaw("remote_id <> origin") });
      table.index(["portal", "lane", "position"], "messages_recent");
      table.index(["sent_at_ms"], "messages_with_text", { predicate: knex.whereRaw("text is not null") });
    }),
    knex.schema.createTable("portals", (table) => {
      rowNumber(table, "id", dialect);
      table.text("network").notNullable();
      table.text("chat").notNullable();
      table.text("owner");
      table.text("room").notNullable();
      table.text("state").notNullable();
      table.text("origin").notNullable();
      table.text("requested_by").notNullable();
      table.text("approved_by");
      table.text("pause_reason");
      table.bigInteger("created_at_ms").notNullable();
      table.text("settings").notNullable();
    }),
    knex.schema.createTable("ghosts", (table) => {
      table.text("user_id").notNullable().primary();
      table.text("network").notNullable();
      table.text("remote_user").notNullable();
      table.bigInteger("registered").notNullable();
      table.text("name");
    }),
    knex.schema.createTable("ghost_rooms", (table) => {
      table.text("user_id").notNullable();
      table.text("room").notNullable();
      table.primary(["user_id", "room"]);
      table.index(["room"], "ghost_rooms_room");
    }),
    knex.schema.createTable("kv", (table) => {
      table.text("key").notNullable().primary();
      table.text("value").notNullable();
    }),
  ],
};
