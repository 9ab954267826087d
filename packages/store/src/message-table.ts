/** The message map on a database: pairs of a remote message part and a Matrix event. */
import { eventId, type MessageRow, type MessageStore, type Outcome, portalId, remoteMessageId } from "@trestle/core";
import type { Knex } from "knex";
import type { Row, Statement, Step } from "./engine.ts";
import { remember } from "./journal-statements.ts";
import { type Compiler, limitPlaceholder } from "./statement.ts";
import { asNumber, asText, checkIds, optional, step, type Tables } from "./table.ts";

/** In the order that `messageOf` reads them. */
const columns = [
  "portal",
  "lane",
  "origin",
  "part",
  "event_id",
  "remote_id",
  "author",
  "author_name",
  "sent_at_ms",
  "text",
] as const;

export interface MessageStatements {
  readonly put: Statement;
  readonly setText: Statement;
  readonly byEvent: Statement;
  readonly byRemote: Statement;
  readonly byOrigin: Statement;
  readonly ofAuthor: Statement;
  readonly eraseAuthor: Statement;
  readonly ofAuthorThere: Statement;
  readonly eraseAuthorThere: Statement;
  readonly recent: Statement;
  readonly wipeTexts: Statement;
  readonly lastPosition: Statement;
}

/** Gives out row numbers: order of first writing. */
export interface Positions {
  next(): number;
}

export function compileMessages(compiler: Compiler): MessageStatements {
  const { knex } = compiler;
  const messages = () => knex("messages");
  const row = Object.fromEntries(["position", ...columns].map((column) => [column, `:${column}`]));
  const identity = ["portal", "lane", "origin", "part"];
  const put = (rows: number): Knex.QueryBuilder =>
    messages()
      .insert(Array(rows).fill(row))
      .onConflict(identity)
      .merge(columns.filter((column) => !identity.includes(column)));
  const sorted = ["position", ...columns].sort();
  /**
   * All parts of the messages that this id belongs to: the one whose origin it is, in the lane where such ids are origins, and
   * those that hold it in `column`. Two branches, because each is served by an index of its own.
   */
  const whole = (column: string, lane: string): Knex.QueryBuilder =>
    messages()
      .select(columns)
      .where({ portal: ":portal", lane, origin: ":id" })
      .unionAll(
        knex("messages as found")
          .distinct(columns.map((name) => `whole.${name}`))
          .join("messages as whole", (join) => {
            for (const name of ["portal", "lane", "origin"]) join.on(`whole.${name}`, `found.${name}`);
          })
          .where({ "found.portal": ":portal", [`found.${column}`]: ":id" })
          .whereRaw(`found.${column} <> found.origin`),
      )
      .orderBy("part");
  /** Of the people of one network; what was relayed into a chat of another stands in the outward lane. */
  const isThere = (query: Knex.QueryBuilder): void =>
    void query
      .where("lane", "outward")
      .orWhereIn("portal", knex("portals").select("id").where({ network: ":network" }));
  return {
    put: compiler.compile(put(1), {
      of: remember((rows) => compiler.compile(put(rows))),
      keyOf: (params) => `messages ${identity.map((name) => params[sorted.indexOf(name)]).join("\u001f")}`,
    }),
    setText: compiler.compile(
      messages()
        .where({ portal: ":portal", origin: ":origin", part: 0 })
        .whereIn("lane", ["inward", "outward"])
        .update({ text: ":text" }),
    ),
    byEvent: compiler.compile(whole("event_id", "outward")),
    byRemote: compiler.compile(whole("remote_id", "inward")),
    byOrigin: compiler.compile(
      messages()
        .select(columns)
        .where({ portal: ":portal", origin: ":origin" })
        .whereIn("lane", ["inward", "outward"])
        .orderBy(["part", "lane"]),
    ),
    // people ask for these once in years: a look through the table spares every message an index
    ofAuthor: compiler.compile(messages().count("*").count("text").where({ author: ":author" })),
    eraseAuthor: compiler.compile(
      messages()
        .where({ author: ":author" })
        .update({ author_name: "", text: knex.raw("null") }),
    ),
    ofAuthorThere: compiler.compile(messages().count("*").count("text").where({ author: ":author" }).where(isThere)),
    eraseAuthorThere: compiler.compile(
      messages()
        .where({ author: ":author" })
        .where(isThere)
        .update({ author_name: "", text: knex.raw("null") }),
    ),
    recent: compiler.compile(
      messages()
        .select(columns)
        .where({ portal: ":portal", lane: ":lane" })
        .orderBy("position", "desc")
        .limit(limitPlaceholder),
    ),
    wipeTexts: compiler.compile(
      messages().whereRaw("text is not null").where("sent_at_ms", "<", ":before").update({ text: null }),
    ),
    lastPosition: compiler.compile(messages().max("position")),
  };
}

/** The steps that write an outcome's rows and texts, to stand in the same commit as its job. */
export function messageSteps(statements: MessageStatements, positions: Positions, outcome: Outcome): Step[] {
  const rows = outcome.messages ?? [];
  for (const row of rows) checkIds(row.origin, row.eventId, row.remoteId);
  return [
    ...rows.map((row) =>
      step(statements.put, {
        position: positions.next(),
        portal: row.portal,
        lane: row.lane,
        origin: row.origin,
        part: row.part,
        event_id: row.eventId,
        remote_id: row.remoteId,
        author: row.author,
        author_name: row.authorName,
        sent_at_ms: row.sentAtMs,
        text: row.text,
      }),
    ),
    ...(outcome.texts ?? []).map(({ portal, origin, text }) => step(statements.setText, { portal, origin, text })),
  ];
}

const messageOf = (row: Row): MessageRow => ({
  portal: portalId(asNumber(row[0])),
  lane: asText(row[1]) as MessageRow["lane"],
  origin: asText(row[2]),
  part: asNumber(row[3]),
  eventId: eventId(asText(row[4])),
  remoteId: remoteMessageId(asText(row[5])),
  author: asText(row[6]),
  authorName: asText(row[7]),
  sentAtMs: asNumber(row[8]),
  ...optional("text", row[9]),
});

export function createMessages(tables: Tables, statements: MessageStatements): MessageStore {
  return {
    findByEvent: async (portal, id) => (await tables.read(statements.byEvent, { portal, id })).map(messageOf),
    findByRemote: async (portal, id) => (await tables.read(statements.byRemote, { portal, id })).map(messageOf),
    findByOrigin: async (portal, origin) => (await tables.read(statements.byOrigin, { portal, origin })).map(messageOf),
    ofAuthor: async (author, network) => {
      const [row] =
        network === undefined
          ? await tables.read(statements.ofAuthor, { author })
          : await tables.read(statements.ofAuthorThere, { author, network });
      return { messages: asNumber(row?.[0]), texts: asNumber(row?.[1]) };
    },
    eraseAuthor: async (author, network) => {
      const erase =
        network === undefined
          ? step(statements.eraseAuthor, { author })
          : step(statements.eraseAuthorThere, { author, network });
      return (await tables.write(erase))[0] ?? 0;
    },
    recent: async (portal, lane, limit) =>
      (await tables.read(statements.recent, { portal, lane, limit })).map(messageOf),
    wipeTexts: async (beforeMs) => (await tables.write(step(statements.wipeTexts, { before: beforeMs })))[0] ?? 0,
  };
}
