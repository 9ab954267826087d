/** One room: its timeline, its current state and who is in it. It stores; whether something may happen is event-rules.ts. */
import { type JsonObject, type StoredEvent, textOf } from "./event.ts";

export interface Room {
  readonly id: string;
  readonly version: string;
  readonly order: number;
  /** Of version 12 rooms: who has all power for ever. Empty below. */
  readonly creators: ReadonlySet<string>;
  /** The newest events; in a lean server only a short tail, `dropped` counts what went. */
  readonly events: StoredEvent[];
  dropped: number;
  lastStream: number;
  readonly state: Map<string, StoredEvent>;
  readonly members: Map<string, StoredEvent>;
  joinedCount: number;
  /** Joined members per appservice that owns them. */
  readonly interest: Map<string, number>;
  readonly receipts: Map<string, { readonly event: string; readonly ts: number; readonly stream: number }>;
}

const leanTail = 64;

export function createRoom(id: string, version: string, order: number, creators: readonly string[]): Room {
  return {
    id,
    version,
    order,
    creators: new Set(version === "12" ? creators : []),
    events: [],
    dropped: 0,
    lastStream: 0,
    state: new Map(),
    members: new Map(),
    joinedCount: 0,
    interest: new Map(),
    receipts: new Map(),
  };
}

export const stateEvent = (room: Room, type: string, key = ""): StoredEvent | undefined =>
  type === "m.room.member" ? room.members.get(key) : room.state.get(`${type}\u0000${key}`);

export const membershipOf = (room: Room, user: string): string =>
  textOf(room.members.get(user)?.content["membership"]) ?? "leave";

/** All current state, creation first. */
export function* allState(room: Room): Generator<StoredEvent> {
  yield* room.state.values();
  yield* room.members.values();
}

/** Puts the event into timeline and state; returns the user whose membership it changed. */
export function appendEvent(room: Room, event: StoredEvent, lean: boolean): string | undefined {
  room.events.push(event);
  room.lastStream = event.stream;
  if (lean && room.events.length >= 2 * leanTail) {
    room.events.splice(0, leanTail);
    room.dropped += leanTail;
  }
  if (event.state_key === undefined) return undefined;
  if (event.type !== "m.room.member") {
    room.state.set(`${event.type}\u0000${event.state_key}`, event);
    return undefined;
  }
  const was = membershipOf(room, event.state_key);
  room.members.set(event.state_key, event);
  const is = membershipOf(room, event.state_key);
  if (was !== "join" && is === "join") room.joinedCount++;
  if (was === "join" && is !== "join") room.joinedCount--;
  return event.state_key;
}

/** Index in `room.events` of the first event after this stream position. */
export function firstAfter(room: Room, stream: number): number {
  let low = 0;
  let high = room.events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((room.events[middle]?.stream ?? 0) <= stream) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function findEvent(room: Room, id: string): StoredEvent | undefined {
  for (let index = room.events.length - 1; index >= 0; index--)
    if (room.events[index]?.event_id === id) return room.events[index];
  return undefined;
}

export const roomContent = (room: Room, type: string): JsonObject | undefined => stateEvent(room, type)?.content;
