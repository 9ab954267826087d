/** `/sync`: what a user has not seen yet, room by room, waiting for something to come when there is nothing. */
import type { SandboxClock } from "./clock.ts";
import type { Database, User } from "./database.ts";
import { clientEvent, isObject, type JsonObject, type StoredEvent, strippedEvent } from "./event.ts";
import { forbidden, MatrixFault, serverBroke } from "./fault.ts";
import { compileFilter } from "./filter.ts";
import type { Profile } from "./profile.ts";
import { allState, firstAfter, membershipOf, type Room } from "./room.ts";
import { type Call, numberOf, type Register } from "./route.ts";
import { viewer } from "./routes-reading.ts";
import type { Typing } from "./typing.ts";

export interface Syncs {
  /** Wakes those who wait and are in this room, or are this user. */
  wake(room: Room | undefined, user?: string): void;
  /** Ends every waiting request. */
  halt(): void;
}

export function syncRoutes(
  parts: {
    readonly profile: Profile;
    readonly database: Database;
    readonly clock: SandboxClock;
    readonly typing: () => Typing;
    /** Whether this is the sender of an appservice. */
    readonly isBot: (user: string) => boolean;
  },
  register: Register,
): Syncs {
  const { profile, database, clock } = parts;
  const waiting = new Map<string, Set<AbortController>>();
  register("GET", "/sync", async (call) => {
    refuse(profile, call, parts.isBot(call.who.user));
    const user = database.users.get(call.who.user);
    if (!user) throw serverBroke("Internal server error");
    const since = parseSince(call.query.get("since"));
    const gone = call.gone();
    const deadline = clock.now() + numberOf(call.query, "timeout", 0, 60_000);
    for (;;) {
      const answer = collect(database, parts.typing(), user, since, call, clock.now());
      const leftMs = deadline - clock.now();
      if (answer.news || since === undefined || leftMs <= 0 || gone.aborted) return answer.body;
      const woken = new AbortController();
      const set = waiting.get(user.id) ?? new Set();
      waiting.set(user.id, set.add(woken));
      await clock.wait(leftMs, AbortSignal.any([woken.signal, gone]));
      set.delete(woken);
      if (set.size === 0) waiting.delete(user.id);
    }
  });
  return {
    wake: (room, user) => {
      if (waiting.size === 0) return;
      for (const [id, waiters] of waiting)
        if (id === user || (room && (membershipOf(room, id) === "join" || membershipOf(room, id) === "invite")))
          for (const waiter of waiters) waiter.abort();
    },
    halt: () => {
      for (const waiters of waiting.values()) for (const waiter of waiters) waiter.abort();
    },
  };
}

/** Synapse: the appservice's sender may never sync, its ghosts may. Conduit: none with the appservice token. Dendrite: all. */
function refuse({ appserviceSync: { bot, botLogin, ghost } }: Profile, { who }: Call, isBot: boolean): void {
  const status = who.service ? (isBot ? bot : ghost) : isBot ? botLogin : 200;
  if (status === 500) throw serverBroke("Internal server error");
  if (status === 403 && who.device === undefined) throw forbidden("Appservices must masquerade to use this endpoint.");
}

function parseSince(token: string | null): number | undefined {
  if (token === null || token === "") return undefined;
  const match = /^s(\d+)$/.exec(token);
  if (!match) throw new MatrixFault(400, "M_UNKNOWN", "Invalid since token");
  return Number(match[1]);
}

function collect(
  database: Database,
  typing: Typing,
  user: User,
  since: number | undefined,
  call: Call,
  nowMs: number,
): { readonly news: boolean; readonly body: JsonObject } {
  const roomFilter = filterOf(database, call.query.get("filter"));
  const join: Record<string, JsonObject> = {};
  const invite: Record<string, JsonObject> = {};
  const leave: Record<string, JsonObject> = {};
  const show = (event: StoredEvent) => withoutRoom(clientEvent(event, nowMs, viewer(call.who)));
  for (const id of user.rooms) {
    const room = database.rooms.get(id);
    if (!room) continue;
    const membership = membershipOf(room, user.id);
    const own = room.members.get(user.id);
    if (membership === "join") {
      const part = joinedRoom(room, user.id, since, roomFilter, typing, show);
      if (part) join[id] = part;
    } else if (own && (since === undefined ? membership === "invite" : own.stream > since)) {
      if (membership === "invite")
        invite[id] = { invite_state: { events: [...(own.inviteState ?? []), strippedEvent(own)] } };
      else leave[id] = leftRoom(room, own, since ?? 0, show);
    }
  }
  const data = [...user.accountData].filter(([key, { stream }]) => !key.includes("\u0000") && stream > (since ?? -1));
  const news = Object.keys(join).length + Object.keys(invite).length + Object.keys(leave).length + data.length > 0;
  const accountData = { events: data.map(([type, { content }]) => ({ type, content })) };
  const body = { next_batch: `s${database.counts.stream}`, account_data: accountData, rooms: { join, invite, leave } };
  return { news, body };
}

interface RoomFilter {
  readonly limit: number;
  readonly passes: (event: StoredEvent) => boolean;
}

function joinedRoom(
  room: Room,
  user: string,
  since: number | undefined,
  filter: RoomFilter,
  typing: Typing,
  show: (event: StoredEvent) => JsonObject,
): JsonObject | undefined {
  const ownJoin = joinedAt(room, user);
  const fresh = since === undefined || ownJoin > since;
  const from = fresh ? 0 : firstAfter(room, since ?? 0);
  const ephemeral = typing.newest(room) > (since ?? 0) ? typing.since(room, since ?? 0) : [];
  const passing = room.events.slice(from).filter(filter.passes);
  if (!fresh && passing.length === 0 && ephemeral.length === 0) return undefined;
  const shown = passing.slice(-filter.limit);
  const firstShown = shown[0];
  const start = firstShown ? room.dropped + firstAfter(room, firstShown.stream) - 1 : room.dropped + room.events.length;
  const inTimeline = new Set(shown);
  const state =
    fresh || shown.length < passing.length ? [...allState(room)].filter((event) => !inTimeline.has(event)) : [];
  return {
    timeline: { events: shown.map(show), limited: shown.length < passing.length || fresh, prev_batch: `t${start}` },
    state: { events: state.map(show) },
    ephemeral: { events: ephemeral },
    account_data: { events: [] },
    unread_notifications: {},
    summary: { "m.joined_member_count": room.joinedCount },
  };
}

/** Stream position since which the user has been in the room without a break. */
function joinedAt(room: Room, user: string): number {
  let at = room.members.get(user);
  while (at && at.prevContent?.["membership"] === "join") {
    const earlier = room.events.find(({ event_id }) => event_id === at?.replaces);
    if (!earlier) return 0;
    at = earlier;
  }
  return at?.stream ?? 0;
}

function leftRoom(room: Room, own: StoredEvent, since: number, show: (event: StoredEvent) => JsonObject): JsonObject {
  const events = room.events.slice(firstAfter(room, since), firstAfter(room, own.stream));
  return { timeline: { events: events.slice(-20).map(show), limited: false, prev_batch: "t0" }, state: { events: [] } };
}

function filterOf(database: Database, given: string | null): RoomFilter {
  const filter =
    given === null ? {} : given.startsWith("{") ? (JSON.parse(given) as unknown) : database.filters[Number(given)];
  const room = isObject(filter) && isObject(filter["room"]) ? filter["room"] : {};
  const timeline = isObject(room["timeline"]) ? room["timeline"] : {};
  const limit = typeof timeline["limit"] === "number" ? timeline["limit"] : 20;
  return { limit: Math.max(1, Math.min(limit, 1000)), passes: compileFilter(timeline) };
}

function withoutRoom({ room_id: _room, ...event }: JsonObject): JsonObject {
  return event;
}
