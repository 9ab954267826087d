/**
 * The Matrix side behind the fake homeserver handle: rooms, events, members, known transaction ids, and the transactions that
 * nobody has acknowledged. It outlives a handle, as a homeserver outlives a bridge.
 */
import { type EventId, eventId, type MatrixEvent, type RoomId, roomId, type UserId, userId } from "@trestle/core";
import { createFakeFiles, type FakeFiles } from "./fake-media.ts";

export interface FakeRoom {
  readonly id: RoomId;
  readonly version: string;
  readonly creator: UserId;
  /** In order, our own included. */
  readonly events: MatrixEvent[];
  /** Current state by type and state key. */
  readonly state: Map<string, MatrixEvent>;
  readonly direct: boolean;
  readonly inviteOnly: boolean;
}

export interface FakeMatrix {
  readonly serverName: string;
  readonly rooms: Map<RoomId, FakeRoom>;
  readonly aliases: Map<string, RoomId>;
  /** Key of a part to the event it became. */
  readonly transactions: Map<string, EventId>;
  /** Sends that came again under a known key. */
  readonly duplicates: string[];
  readonly registered: Set<UserId>;
  readonly displayNames: Map<UserId, string>;
  /** `source` of the picture that a ghost was last given. */
  readonly avatars: Map<UserId, string>;
  /** Spaces of ours by their key. */
  readonly spaces: Map<string, RoomId>;
  /** Pushed and not yet acknowledged, oldest first. */
  readonly unacknowledged: MatrixEvent[][];
  /** Files by their `mxc:` address. */
  readonly files: FakeFiles;
  /** Typing and receipts that we sent. */
  readonly ephemeral: { readonly room: RoomId; readonly user: UserId; readonly what: string }[];
  createRoom(options?: NewRoom): FakeRoom;
  room(id: RoomId): FakeRoom | undefined;
  /** Puts an event into a room: state takes effect, a redaction empties its target. */
  write(room: FakeRoom, sender: UserId, event: NewEvent): MatrixEvent;
  membership(room: FakeRoom, user: UserId): string | undefined;
  levels(room: FakeRoom, user: UserId): { level: number; stateDefault: number; redact: number };
}

export interface NewRoom {
  readonly id?: string;
  readonly version?: string;
  readonly creator?: string;
  readonly alias?: string;
  /** Joined from the start. */
  readonly members?: readonly string[];
  readonly topic?: string;
  readonly encrypted?: boolean;
  readonly direct?: boolean;
  readonly inviteOnly?: boolean;
  /** `m.space` */
  readonly type?: string;
  /** What it replaces. */
  readonly predecessor?: { readonly room_id: string; readonly event_id?: string };
}

export interface NewEvent {
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly stateKey?: string;
  readonly redacts?: EventId;
  readonly atMs?: number;
  readonly id?: string;
}

const stateKeyText = (type: string, key: string): string => `${type}\u001f${key}`;

/** The state event of this type, if the room has one. */
export const stateOf = (room: FakeRoom, type: string, key = ""): MatrixEvent | undefined =>
  room.state.get(stateKeyText(type, key));

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
const numberOr = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise);

/** A homeserver without rooms. */
export function createFakeMatrix(serverName = "test"): FakeMatrix {
  const rooms = new Map<RoomId, FakeRoom>();
  const aliases = new Map<string, RoomId>();
  let events = 0;

  const write = (room: FakeRoom, sender: UserId, event: NewEvent): MatrixEvent => {
    events += 1;
    const written: MatrixEvent = {
      event_id: eventId(event.id ?? `$e${events}`),
      room_id: room.id,
      sender,
      type: event.type,
      origin_server_ts: event.atMs ?? Date.now(),
      content: event.content,
      ...(event.stateKey === undefined ? {} : { state_key: event.stateKey }),
      ...(event.redacts === undefined ? {} : { redacts: event.redacts }),
    };
    room.events.push(written);
    if (event.stateKey !== undefined) room.state.set(stateKeyText(event.type, event.stateKey), written);
    if (event.redacts !== undefined) {
      const index = room.events.findIndex((one) => one.event_id === event.redacts);
      const target = room.events[index];
      if (target) room.events[index] = { ...target, content: {}, unsigned: { redacted_because: written } };
    }
    return written;
  };

  const createRoom = (options: NewRoom = {}): FakeRoom => {
    const creator = userId(options.creator ?? `@admin:${serverName}`);
    const room: FakeRoom = {
      id: roomId(options.id ?? `!room${rooms.size + 1}:${serverName}`),
      version: options.version ?? "11",
      creator,
      events: [],
      state: new Map(),
      direct: options.direct ?? false,
      inviteOnly: options.inviteOnly ?? false,
    };
    rooms.set(room.id, room);
    if (options.alias !== undefined) aliases.set(options.alias, room.id);
    write(room, creator, { type: "m.room.create", stateKey: "", content: creationOf(options) });
    for (const member of new Set([creator, ...(options.members ?? [])])) {
      write(room, userId(member), { type: "m.room.member", stateKey: member, content: { membership: "join" } });
    }
    if (options.topic !== undefined) {
      write(room, creator, { type: "m.room.topic", stateKey: "", content: { topic: options.topic } });
    }
    if (options.encrypted === true) {
      const content = { algorithm: "m.megolm.v1.aes-sha2" };
      write(room, creator, { type: "m.room.encryption", stateKey: "", content });
    }
    return room;
  };

  return {
    serverName,
    rooms,
    aliases,
    transactions: new Map(),
    duplicates: [],
    registered: new Set(),
    displayNames: new Map(),
    avatars: new Map(),
    spaces: new Map(),
    unacknowledged: [],
    ephemeral: [],
    files: createFakeFiles(`mxc://${serverName}/`),
    createRoom,
    room: (id) => rooms.get(id),
    write,
    membership: (room, user) => {
      const membership = stateOf(room, "m.room.member", user)?.content["membership"];
      return typeof membership === "string" ? membership : undefined;
    },
    levels: (room, user) => {
      const content = stateOf(room, "m.room.power_levels")?.content;
      if (!content) {
        return { level: user === room.creator ? creatorLevel(room) : 0, stateDefault: 50, redact: 50 };
      }
      const given = numberOr(record(content["users"])[user], numberOr(content["users_default"], 0));
      return {
        level: user === room.creator && room.version === "12" ? Number.POSITIVE_INFINITY : given,
        stateDefault: numberOr(content["state_default"], 50),
        redact: numberOr(content["redact"], 50),
      };
    },
  };
}

const creationOf = ({ version = "11", type, predecessor }: NewRoom) => ({
  room_version: version,
  ...(type === undefined ? {} : { type }),
  ...(predecessor === undefined ? {} : { predecessor }),
});

const creatorLevel = (room: FakeRoom): number => (room.version === "12" ? Number.POSITIVE_INFINITY : 100);
