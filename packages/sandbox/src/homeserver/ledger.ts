/**
 * Persistence in a folder: an append-only file of what happened, one JSON line each, replayed at the start. For a server
 * that is to outlive its process (the demo, kill tests from outside). Queues of appservices are not in it: a server
 * that was killed with its process repeats nothing by itself, gap repair has to find it.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Database, Writer } from "./database.ts";
import { type JsonObject, redactedContent, type StoredEvent } from "./event.ts";
import { createRoom } from "./room.ts";

export interface Ledger extends Writer {
  replay(database: Database): void;
}

interface Entries {
  user: { id: string; password?: string; appservice?: string; displayName?: string };
  token: { token: string; owner: { user: string; device: string; guest: boolean } };
  logout: { token: string };
  profile: { user: string; change: { displayName?: string; avatarUrl?: string } };
  "account-data": { user: string; key: string; content: JsonObject };
  alias: { alias: string; entry?: { room: string; by: string } };
  room: { id: string; version: string; order: number; creators: string[] };
  event: StoredEvent;
  txn: { key: string; event: string };
}

export function openLedger(folder: string): Ledger {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "homeserver.jsonl");
  let replaying = false;
  return {
    write: (kind, entry) => {
      if (!replaying) appendFileSync(file, `${JSON.stringify([kind, entry])}\n`);
    },
    replay: (database) => {
      if (!existsSync(file)) return;
      replaying = true;
      for (const line of readFileSync(file, "utf8").split("\n")) {
        const entry = parseLine(line);
        if (entry) appliers[entry[0]](database, entry[1] as never);
      }
      replaying = false;
    },
  };
}

/** A line cut off by a kill is the last one and is left out. */
function parseLine(line: string): [keyof Entries, unknown] | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return Array.isArray(parsed) && parsed[0] in appliers ? [parsed[0] as keyof Entries, parsed[1]] : undefined;
  } catch {
    return undefined;
  }
}

const appliers: { [Kind in keyof Entries]: (database: Database, entry: Entries[Kind]) => void } = {
  user: (database, entry) => database.addUser(entry),
  token: (database, entry) => database.addToken(entry.token, entry.owner),
  logout: (database, entry) => database.removeToken(entry.token),
  profile: (database, entry) => {
    const user = database.users.get(entry.user);
    if (user) database.setProfile(user, entry.change);
  },
  "account-data": (database, entry) => {
    const user = database.users.get(entry.user);
    if (user) database.setAccountData(user, entry.key, entry.content);
  },
  alias: (database, entry) => database.setAlias(entry.alias, entry.entry),
  room: (database, entry) => database.addRoom(createRoom(entry.id, entry.version, entry.order, entry.creators)),
  event: (database, event) => {
    const room = database.rooms.get(event.room_id);
    if (!room) return;
    database.addEvent(room, event);
    const target = event.redacts === undefined ? undefined : database.eventById(room, event.redacts);
    if (target && event.type === "m.room.redaction") {
      target.content = redactedContent(target);
      target.redactedBecause = event;
    }
  },
  txn: (database, entry) => database.setTxn(entry.key, entry.event),
};
