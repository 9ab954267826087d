/** Reading rooms: single events, history, state, members, relations. */
import type { Database } from "./database.ts";
import { clientEvent, isObject, type JsonObject, type StoredEvent } from "./event.ts";
import { checkJoined } from "./event-rules.ts";
import { MatrixFault, notFound, serverBroke } from "./fault.ts";
import { compileFilter } from "./filter.ts";
import type { Profile } from "./profile.ts";
import type { Requester } from "./requester.ts";
import { allState, firstAfter, membershipOf, type Room, stateEvent } from "./room.ts";
import { type Call, numberOf, param, type Register } from "./route.ts";

export interface ReadingParts {
  readonly profile: Profile;
  readonly database: Database;
  readonly now: () => number;
  readonly roomOf: (call: Call) => Room;
}

export function readingRoutes(parts: ReadingParts, register: Register): void {
  const { profile, database, now } = parts;
  const show = (who: Requester) => (event: StoredEvent) => clientEvent(event, now(), viewer(who));
  const mine = (call: Call): Room => {
    const room = parts.roomOf(call);
    checkJoined(room, call.who.user);
    return room;
  };
  const historyFor = (call: Call): Room => {
    if (profile.historyBreaksForAppservices && call.who.service) throw serverBroke("Internal server error");
    return mine(call);
  };
  const eventOf = (room: Room, id: string): StoredEvent => {
    const event = database.eventById(room, id);
    if (!event) throw notFound("Event not found.");
    return event;
  };

  register("GET", "/rooms/:room/event/:event", (call) => show(call.who)(eventOf(mine(call), param(call, 1))));
  register("GET", "/rooms/:room/messages", (call) =>
    messages(historyFor(call), call, show(call.who), profile.forwardsNeedsFrom),
  );
  register("GET", "/rooms/:room/context/:event", (call) => {
    const room = historyFor(call);
    return context(room, eventOf(room, param(call, 1)), numberOf(call.query, "limit", 10, 100), show(call.who));
  });
  register(
    "GET",
    "/rooms/:room/state",
    (call) => [...allState(mine(call))].map(show(call.who)) as unknown as JsonObject,
  );
  const state = (call: Call, key: string): JsonObject => {
    const event = stateEvent(mine(call), param(call, 1), key);
    if (!event) throw notFound("Event not found.");
    return call.query.get("format") === "event" ? show(call.who)(event) : event.content;
  };
  register("GET", "/rooms/:room/state/:type", (call) => state(call, ""));
  register("GET", "/rooms/:room/state/:type/", (call) => state(call, ""));
  register("GET", "/rooms/:room/state/:type/:key", (call) => state(call, param(call, 2)));
  register("GET", "/rooms/:room/members", (call) => {
    const wanted = call.query.get("membership");
    const unwanted = call.query.get("not_membership");
    const kept = [...mine(call).members.values()].filter(({ content }) => {
      const membership = content["membership"];
      return (wanted === null || membership === wanted) && (unwanted === null || membership !== unwanted);
    });
    return { chunk: kept.map(show(call.who)) };
  });
  register("GET", "/rooms/:room/joined_members", (call) => {
    const room = mine(call);
    const joined = [...room.members].filter(([user]) => membershipOf(room, user) === "join");
    return { joined: Object.fromEntries(joined.map(([user, event]) => [user, nameAndPicture(event)])) };
  });
  register("GET", "/rooms/:room/initialSync", (call) => ({ room_id: mine(call).id }));
  const relations = (call: Call): JsonObject => {
    const [, target, relType, eventType] = call.params;
    const found = mine(call).events.filter((event) => {
      const relation = event.content["m.relates_to"];
      if (!isObject(relation) || relation["event_id"] !== target) return false;
      return (
        (relType === undefined || relation["rel_type"] === relType) &&
        (eventType === undefined || event.type === eventType)
      );
    });
    return {
      chunk: found
        .reverse()
        .slice(0, numberOf(call.query, "limit", 50, 1000))
        .map(show(call.who)),
    };
  };
  const newer = { versions: ["v1"] };
  register("GET", "/rooms/:room/relations/:event", relations, newer);
  register("GET", "/rooms/:room/relations/:event/:rel", relations, newer);
  register("GET", "/rooms/:room/relations/:event/:rel/:type", relations, newer);
  if (profile.timestampToEvent) {
    const byTime = (call: Call): JsonObject => nearest(mine(call), call.query);
    register("GET", "/rooms/:room/timestamp_to_event", byTime, newer);
  }
}

/** Transaction ids are shown to the device that chose them. */
export const viewer = (who: Requester): string => `${who.user} ${who.device ?? ""}`;

/** Tokens are places between events: `t5` stands before the room's sixth event; `s9` after stream position 9. */
function placeOf(room: Room, token: string | null, fallback: number): number {
  if (token === null || token === "") return fallback;
  const value = Number(token.slice(1).split("_")[0]);
  if (!/^[ts]\d/.test(token) || Number.isNaN(value)) throw new MatrixFault(400, "M_INVALID_PARAM", "Invalid token");
  return token.startsWith("s") ? room.dropped + firstAfter(room, value) : value;
}

function messages(room: Room, call: Call, show: (event: StoredEvent) => JsonObject, needsFrom: boolean): JsonObject {
  const { query } = call;
  const backwards = query.get("dir") !== "f";
  if (!backwards && needsFrom && !query.has("from")) throw new MatrixFault(400, "M_MISSING_PARAM", "from is missing");
  const limit = numberOf(query, "limit", 10, 1000);
  const first = room.dropped;
  const last = room.dropped + room.events.length;
  const passes = compileFilter(query.get("filter"));
  const from = Math.min(Math.max(placeOf(room, query.get("from"), backwards ? last : first), first), last);
  const to = placeOf(room, query.get("to"), backwards ? first : last);
  const chunk: JsonObject[] = [];
  let place = from;
  while (chunk.length < limit && (backwards ? place > Math.max(to, first) : place < Math.min(to, last))) {
    const event = room.events[(backwards ? place - 1 : place) - room.dropped];
    place += backwards ? -1 : 1;
    if (event && passes(event)) chunk.push(show(event));
  }
  const more = backwards ? place > first : place < last || chunk.length > 0;
  return { chunk, start: `t${from}`, ...(more ? { end: `t${place}` } : {}) };
}

function context(room: Room, event: StoredEvent, limit: number, show: (event: StoredEvent) => JsonObject): JsonObject {
  const index = firstAfter(room, event.stream) - 1;
  const before = Math.max(0, index - Math.floor(limit / 2));
  const after = Math.min(room.events.length, index + 1 + Math.ceil(limit / 2));
  return {
    event: show(event),
    events_before: room.events.slice(before, index).reverse().map(show),
    events_after: room.events.slice(index + 1, after).map(show),
    start: `t${room.dropped + before}`,
    end: `t${room.dropped + after}`,
    state: [...allState(room)].map(show),
  };
}

function nearest(room: Room, query: URLSearchParams): JsonObject {
  const ts = numberOf(query, "ts", 0, Number.MAX_SAFE_INTEGER);
  const events = query.get("dir") === "b" ? [...room.events].reverse() : room.events;
  const found = events.find((event) =>
    query.get("dir") === "b" ? event.origin_server_ts <= ts : event.origin_server_ts >= ts,
  );
  if (!found) throw notFound("Unable to find event");
  return { event_id: found.event_id, origin_server_ts: found.origin_server_ts };
}

function nameAndPicture({ content }: StoredEvent): JsonObject {
  return { display_name: content["displayname"] ?? null, avatar_url: content["avatar_url"] ?? null };
}
