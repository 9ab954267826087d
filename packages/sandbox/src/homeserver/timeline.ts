/** The one place where an event comes to be: it is made, stored, and told to whoever listens. Rules were checked before. */
import type { Database } from "./database.ts";
import { createIdMaker, type JsonObject, redactedContent, type StoredEvent, strippedEvent } from "./event.ts";
import { createRoom, membershipOf, type Room, stateEvent } from "./room.ts";

export interface NewEvent {
  readonly sender: string;
  readonly type: string;
  readonly content: JsonObject;
  readonly stateKey?: string;
  readonly redacts?: string;
  readonly ts?: number;
  readonly txnId?: string;
  readonly txnOwner?: string;
}

export type EventListener = (event: StoredEvent, room: Room, membershipBefore?: string) => void;

export interface Timeline {
  addRoom(version: string, creators: readonly string[]): Room;
  add(room: Room, event: NewEvent): StoredEvent;
  listen(listener: EventListener): void;
  nextStream(): number;
}

const shownToInvited = [
  "m.room.create",
  "m.room.join_rules",
  "m.room.name",
  "m.room.canonical_alias",
  "m.room.avatar",
  "m.room.encryption",
];

export function createTimeline(options: {
  readonly database: Database;
  readonly serverName: string;
  readonly seed: string;
  readonly now: () => number;
}): Timeline {
  const { database, serverName, now } = options;
  const makeId = createIdMaker(options.seed);
  const listeners: EventListener[] = [];
  /** Version 12: a room is named by the id of its creation, known before the event is stored. */
  const creationIds = new Map<Room, string>();
  return {
    addRoom: (version, creators) => {
      const id = version === "12" ? makeId("!") : `${makeId("!")}:${serverName}`;
      const room = createRoom(id, version, database.rooms.size + 1, creators);
      if (version === "12") creationIds.set(room, `$${id.slice(1)}`);
      database.addRoom(room);
      return room;
    },
    add: (room, fresh) => {
      const { sender, type, content, stateKey } = fresh;
      const before = stateKey === undefined ? undefined : stateEvent(room, type, stateKey);
      const membershipBefore =
        type === "m.room.member" && stateKey !== undefined ? membershipOf(room, stateKey) : undefined;
      const event: StoredEvent = {
        event_id: (type === "m.room.create" && creationIds.get(room)) || makeId("$"),
        room_id: room.id,
        sender,
        type,
        origin_server_ts: fresh.ts ?? now(),
        content,
        stream: ++database.counts.stream,
        roomOrder: room.order,
      };
      const extra: Record<string, unknown> = {};
      if (stateKey !== undefined) extra["state_key"] = stateKey;
      if (fresh.redacts !== undefined) extra["redacts"] = fresh.redacts;
      if (fresh.txnId !== undefined) extra["txnId"] = fresh.txnId;
      if (fresh.txnOwner !== undefined) extra["txnOwner"] = fresh.txnOwner;
      if (before) Object.assign(extra, { prevContent: before.content, replaces: before.event_id });
      if (type === "m.room.member" && content["membership"] === "invite") extra["inviteState"] = inviteState(room);
      Object.assign(event, extra);
      if (type === "m.room.create") creationIds.delete(room);
      database.addEvent(room, event);
      if (fresh.redacts !== undefined) redact(database, room, fresh.redacts, event);
      for (const listener of listeners) listener(event, room, membershipBefore);
      return event;
    },
    listen: (listener) => listeners.push(listener),
    nextStream: () => ++database.counts.stream,
  };
}

function inviteState(room: Room): readonly JsonObject[] {
  return shownToInvited.flatMap((type) => {
    const event = stateEvent(room, type);
    return event ? [strippedEvent(event)] : [];
  });
}

function redact(database: Database, room: Room, id: string, because: StoredEvent): void {
  const target = database.eventById(room, id);
  if (!target) return;
  target.content = redactedContent(target);
  target.redactedBecause = because;
}
