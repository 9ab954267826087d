/**
 * A room that was replaced by another: the new one is believed only when both sides say so. The old room must point there
 * as its current state, put by somebody with the power for it, and the new room's creation must name the old one; else a
 * tombstone would be a way to carry a link wherever somebody likes (CVE-2021-32659). Room ids are opaque.
 */
import {
  type EventId,
  eventId,
  type Homeserver,
  type Log,
  type MatrixEvent,
  type RoomId,
  roomId,
  type Upgrade,
  type UserId,
} from "@trestle/core";
import type { Client, JsonObject } from "../client.ts";
import { failureOf, isAway, isStatus } from "../errors.ts";
import type { Members } from "./members.ts";
import { creatorsAreInfinite, levelOf, neededFor, versionOf } from "./power.ts";

export interface RoomUpgradesOptions {
  readonly client: Client;
  readonly members: Members;
  readonly bot: UserId;
  readonly log: Log;
}

const refused = (why: string): Upgrade => ({ kind: "refused", why });
const notYet = (why: string): Upgrade => ({ kind: "not-yet", why });

export function createRoomUpgrades(options: RoomUpgradesOptions): Pick<Homeserver, "followUpgrade"> {
  const { log } = options;
  /** Entered only to look, and not proven yet: left again when it turns out to be none of ours. */
  const onTrial = new Set<RoomId>();

  async function follow(tombstone: MatrixEvent): Promise<Upgrade> {
    const target = targetOf(tombstone);
    if (target === undefined) return refused("it names no other room");
    const doubt = await doubtOnTombstone(options, tombstone, target);
    if (doubt !== undefined) return refused(doubt);
    const waits = await enter(options, target, tombstone.sender, onTrial);
    if (waits !== undefined) return waits;
    const proof = await prove(options, tombstone, target);
    if (proof.created !== undefined) {
      onTrial.delete(target);
      return { kind: "followed", room: target, created: proof.created };
    }
    // Where the bot was before, it stays: nobody makes it leave a room by pointing at it.
    if (onTrial.has(target)) {
      await call(options, "POST", target, "leave");
      onTrial.delete(target);
    }
    return refused(proof.doubt);
  }

  return {
    async followUpgrade(tombstone) {
      try {
        const upgrade = await follow(tombstone);
        if (upgrade.kind === "refused")
          log.warn({ room: tombstone.room_id, why: upgrade.why }, "did not follow a room");
        return upgrade;
      } catch (error) {
        if (isAway(error)) return notYet("the homeserver is away");
        if (failureOf(error) !== undefined)
          return refused(`the homeserver refused to look: ${(error as Error).message}`);
        throw error;
      }
    },
  };
}

function targetOf({ type, state_key: key, room_id: room, content }: MatrixEvent): RoomId | undefined {
  const target = content["replacement_room"];
  // Not state: anybody who may speak can send an event of this type.
  if (type !== "m.room.tombstone" || key !== "") return undefined;
  if (typeof target !== "string" || !target.startsWith("!") || target.length > 255 || target === room) return undefined;
  return roomId(target);
}

/** As the homeserver has it, whatever was pushed. */
async function doubtOnTombstone(
  options: RoomUpgradesOptions,
  { room_id: room, event_id: id }: MatrixEvent,
  target: RoomId,
): Promise<string | undefined> {
  const { members } = options;
  const [now, event, power] = await Promise.all([
    members.state(room, "m.room.tombstone"),
    eventOf(options, room, id),
    members.powerNow(room),
  ]);
  if (event?.["type"] !== "m.room.tombstone" || event["state_key"] !== "") return "the room knows no such tombstone";
  if (now?.["replacement_room"] !== target) return "the room does not point there any more";
  const sender = String(event["sender"]);
  if (levelOf(power, sender) < neededFor(power, "m.room.tombstone")) return `${sender} has not the power to close it`;
  return undefined;
}

/** Undefined: the bot is in there. */
async function enter(
  options: RoomUpgradesOptions,
  target: RoomId,
  by: UserId,
  onTrial: Set<RoomId>,
): Promise<Upgrade | undefined> {
  const { client, members, bot } = options;
  const own = await members.state(target, "m.room.member", bot).catch((error: unknown) => {
    if (isAway(error)) throw error;
    return undefined;
  });
  if (own?.["membership"] === "join") return undefined;
  const server = encodeURIComponent(by.slice(by.indexOf(":") + 1));
  const path = `/_matrix/client/v3/join/${encodeURIComponent(target)}`;
  try {
    // Two names for the same: older servers know the first, newer ones want the second.
    await client.call({ method: "POST", path, query: `server_name=${server}&via=${server}`, as: bot, body: "{}" });
  } catch (error) {
    if (isStatus(error, 403) || isStatus(error, 404)) return notYet("the bot is not invited there");
    if (isAway(error)) return notYet("the homeserver or the room's is away");
    return refused(`the homeserver does not let the bot in: ${(error as Error).message}`);
  }
  onTrial.add(target);
  return undefined;
}

type Proof = { readonly created: EventId } | { readonly created?: never; readonly doubt: string };

async function prove(options: RoomUpgradesOptions, tombstone: MatrixEvent, target: RoomId): Promise<Proof> {
  const create = await options.members.state(target, "m.room.create");
  const predecessor = (create?.["predecessor"] ?? {}) as { readonly room_id?: unknown; readonly event_id?: unknown };
  if (predecessor.room_id !== tombstone.room_id)
    return { doubt: "the new room does not name this one as its predecessor" };
  const last = predecessor.event_id;
  // Gone since version 12; before it, the old room's last event as its maker saw it.
  if (typeof last === "string" && last !== tombstone.event_id) {
    if ((await eventOf(options, tombstone.room_id, last)) === undefined)
      return { doubt: "the new room names an event that this one does not have" };
  }
  const created = await creationOf(options, target, create);
  return created === undefined ? { doubt: "the homeserver does not show the new room's creation" } : { created };
}

async function creationOf(
  { client, members, bot }: RoomUpgradesOptions,
  room: RoomId,
  create: JsonObject | undefined,
): Promise<EventId | undefined> {
  // Since version 12 a room is named by its creation.
  if (creatorsAreInfinite(versionOf(create)) && !room.includes(":")) return eventId(`$${room.slice(1)}`);
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/state/m.room.create/`;
  const whole = await client.call({ method: "GET", path, query: "format=event", as: bot }).catch((error: unknown) => {
    if (isAway(error)) throw error;
    return {} as JsonObject;
  });
  if (whole["type"] === "m.room.create" && typeof whole["event_id"] === "string") return eventId(whole["event_id"]);
  const found = (await members.allState(room)).find(({ type }) => type === "m.room.create");
  return typeof found?.event_id === "string" ? eventId(found.event_id) : undefined;
}

async function eventOf(options: RoomUpgradesOptions, room: RoomId, id: string): Promise<JsonObject | undefined> {
  try {
    return await call(options, "GET", room, `event/${encodeURIComponent(id)}`);
  } catch (error) {
    if (isAway(error) || failureOf(error) === undefined) throw error;
    return undefined;
  }
}

const call = ({ client, bot }: RoomUpgradesOptions, method: "GET" | "POST", room: RoomId, what: string) =>
  client.call({
    method,
    path: `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/${what}`,
    as: bot,
    ...(method === "POST" ? { body: "{}" } : {}),
  });
