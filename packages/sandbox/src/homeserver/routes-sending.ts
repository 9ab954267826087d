/** Writing into rooms: messages, state, redactions, typing and receipts. */

import { annotationOf, checkContent } from "./content-rules.ts";
import type { Database } from "./database.ts";
import { isObject, type JsonObject } from "./event.ts";
import { type Change, checkJoined, checkRedact, checkSend } from "./event-rules.ts";
import { MatrixFault } from "./fault.ts";
import type { Members } from "./membership.ts";
import type { Profile } from "./profile.ts";
import type { RateLimit } from "./rate-limit.ts";
import { type Room, stateEvent } from "./room.ts";
import { type Call, numberOf, param, type Register } from "./route.ts";
import { limited } from "./routes-account.ts";
import type { Timeline } from "./timeline.ts";
import type { TransactionIds } from "./transaction-ids.ts";
import type { Typing } from "./typing.ts";

export interface SendingParts {
  readonly profile: Profile;
  readonly database: Database;
  readonly timeline: Timeline;
  readonly members: Members;
  readonly txns: TransactionIds;
  readonly limit: RateLimit;
  readonly typing: Typing;
  readonly roomOf: (call: Call) => Room;
}

export function sendingRoutes(parts: SendingParts, register: Register): void {
  const { database, timeline, txns, profile, limit, typing, roomOf } = parts;
  register("PUT", "/rooms/:room/send/:type/:txn", (call) => sendEvent(parts, call));
  register("PUT", "/rooms/:room/state/:type", (call) => sendState(parts, call, ""));
  register("PUT", "/rooms/:room/state/:type/", (call) => sendState(parts, call, ""));
  register("PUT", "/rooms/:room/state/:type/:key", (call) => sendState(parts, call, param(call, 2)));
  const redact = (call: Call): string => {
    const room = roomOf(call);
    limited(limit, profile, call, "message");
    const target = database.eventById(room, param(call, 1));
    if (!target) {
      checkJoined(room, call.who.user);
      throw new MatrixFault(...profile.redactUnknown, "Could not find event to redact");
    }
    checkRedact(room, call.who.user, target);
    return timeline.add(room, {
      sender: call.who.user,
      type: "m.room.redaction",
      content: { ...call.body, redacts: target.event_id },
      redacts: target.event_id,
      ...sentAs(profile, call, param(call, 2)),
    }).event_id;
  };
  register("PUT", "/rooms/:room/redact/:event/:txn", (call) => ({
    event_id: txns.onceByPath(call.who, call.path, () => redact(call)),
  }));
  register("POST", "/rooms/:room/redact/:event", (call) => ({ event_id: redact(call) }));
  register("PUT", "/rooms/:room/typing/:user", (call) => {
    const room = roomOf(call);
    if (param(call, 1) !== call.who.user) throw new MatrixFault(400, "M_UNKNOWN", "Cannot type for others");
    checkJoined(room, call.who.user);
    const ms = call.body["typing"] === true ? Number(call.body["timeout"] ?? 30_000) : 0;
    typing.set(room, call.who.user, ms);
    return {};
  });
  register("POST", "/rooms/:room/receipt/:kind/:event", (call) => {
    const room = roomOf(call);
    checkJoined(room, call.who.user);
    if (param(call, 1) === "m.read") typing.read(room, call.who.user, param(call, 2));
    return {};
  });
  register("POST", "/rooms/:room/read_markers", (call) => {
    const room = roomOf(call);
    checkJoined(room, call.who.user);
    const event = call.body["m.read"];
    if (typeof event === "string") typing.read(room, call.who.user, event);
    return {};
  });
}

function sendEvent(parts: SendingParts, call: Call): JsonObject | Promise<JsonObject> {
  const { profile, timeline, txns, limit } = parts;
  const type = param(call, 1);
  const txnId = param(call, 2);
  const room = parts.roomOf(call);
  const make = (): string => {
    limited(limit, profile, call, "message");
    checkContent(profile, type, call.body, call.raw);
    const redacts = type === "m.room.redaction" ? String(call.body["redacts"] ?? "") : undefined;
    if (redacts === undefined) checkSend(room, call.who.user, type, call.body);
    else {
      const target = parts.database.eventById(room, redacts);
      if (!target) throw new MatrixFault(...profile.redactUnknown, "Could not find event to redact");
      checkRedact(room, call.who.user, target);
    }
    if (type === "m.reaction" && profile.duplicateReactionRefused) refuseDuplicate(room, call);
    return timeline.add(room, {
      sender: call.who.user,
      type,
      content: call.body,
      ...(redacts === undefined ? {} : { redacts }),
      ...sentAs(profile, call, txnId),
    }).event_id;
  };
  const event = txns.once(call.who, room.id, call.path, txnId, make);
  return typeof event === "string" ? { event_id: event } : event.then((event_id) => ({ event_id }));
}

/** `ts=` is heard from appservices only, but for Dendrite; the transaction id is shown to the device that chose it. */
function sentAs(profile: Profile, call: Call, txnId: string): { ts?: number; txnId: string; txnOwner: string } {
  const heard = call.who.service !== undefined || profile.tsOfAnyone;
  const ts = heard ? numberOf(call.query, "ts", Number.NaN, Number.MAX_SAFE_INTEGER) : Number.NaN;
  const owner = `${call.who.user} ${call.who.device ?? ""}`;
  return { ...(Number.isNaN(ts) ? {} : { ts }), txnId, txnOwner: owner };
}

function sendState(parts: SendingParts, call: Call, stateKey: string): JsonObject {
  const { profile, timeline, members, limit } = parts;
  const type = param(call, 1);
  const room = parts.roomOf(call);
  limited(limit, profile, call, "message");
  checkContent(profile, type, call.body, call.raw);
  const { ts } = sentAs(profile, call, "");
  if (type === "m.room.member") {
    const { membership, ...extra } = call.body;
    const made = members.change(room, call.who.user, stateKey, membership as Change, extra, ts);
    return { event_id: made?.event_id ?? stateEvent(room, type, stateKey)?.event_id };
  }
  checkSend(room, call.who.user, type, call.body, stateKey);
  const before = stateEvent(room, type, stateKey);
  if (before && profile.equalStateReused && before.sender === call.who.user && equal(before.content, call.body))
    return { event_id: before.event_id };
  if (type === "m.room.canonical_alias") checkAlias(parts.database, room, call.body);
  const event = { sender: call.who.user, type, stateKey, content: call.body, ...(ts === undefined ? {} : { ts }) };
  return { event_id: timeline.add(room, event).event_id };
}

function checkAlias(database: Database, room: Room, content: JsonObject): void {
  const alias = content["alias"];
  if (typeof alias === "string" && database.aliases.get(alias)?.room !== room.id)
    throw new MatrixFault(400, "M_BAD_ALIAS", `Room alias ${alias} does not point to the room`);
}

function refuseDuplicate(room: Room, call: Call): void {
  const wanted = annotationOf(call.body);
  if (!wanted) return;
  const twin = room.events.some((event) => {
    if (event.type !== "m.reaction" || event.sender !== call.who.user) return false;
    const own = annotationOf(event.content);
    return own?.event === wanted.event && own.key === wanted.key;
  });
  if (twin) throw new MatrixFault(400, "M_DUPLICATE_ANNOTATION", "Can't send same reaction twice");
}

/** Equal as JSON, whatever the order of keys. */
function equal(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((value, index) => equal(value, right[index]));
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => key in right && equal(left[key], right[key]));
}
