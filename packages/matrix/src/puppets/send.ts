/**
 * A part said by a person as himself. Whatever keeps us from it (his token, his place in the room, his rights there) leaves it to
 * his ghost, under the same key: what an earlier try may have left in the room is looked for under both names first. An edit
 * is its message's sender's alone, whoever that was.
 */
import {
  type EventId,
  eventId,
  type MatrixEvent,
  type PartKey,
  type RemoteAuthor,
  type RoomId,
  type UserId,
} from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import type { Call, JsonObject } from "../client.ts";
import { originField } from "../delivery/confirmation.ts";
import type { EventPut, Put } from "../delivery/event-put.ts";
import { failureOf, isStatus } from "../errors.ts";
import type { GhostIds } from "../ghosts/ghost-id.ts";
import type { MatrixPart } from "../outbound.ts";
import { findReaction } from "../reactions.ts";
import { puppetField, puppetMark } from "./access.ts";
import { createPuppetPlace, type PuppetPlace, type PuppetPlaceOptions } from "./place.ts";

export interface PuppetSender {
  /** The event (its id is empty for what makes none); undefined when the ghost is to do it. */
  sendPart(room: RoomId, part: MatrixPart, author: RemoteAuthor, key: PartKey): Promise<EventId | undefined>;
  /** Whether this is a redaction that he made through us: some servers keep no mark in one. */
  didRedact(event: MatrixEvent): boolean;
  /** An event as the ghost has to say it: an edit of what the person said himself becomes a message. */
  forGhost(room: RoomId, part: EventPart, author: RemoteAuthor): Promise<EventPart>;
}

export interface PuppetSenderOptions extends PuppetPlaceOptions {
  readonly put: EventPut["put"];
  readonly ids: GhostIds;
}

interface Turn {
  readonly room: RoomId;
  readonly author: RemoteAuthor;
  /** Who he is here. */
  readonly user: UserId;
  readonly key: PartKey;
}

type EventPart = Extract<MatrixPart, { op: "event" }>;

const typingMs = 30_000;
const noEvent = eventId("");

export function createPuppetSender(options: PuppetSenderOptions): PuppetSender {
  const { client, put, puppets, members, ids, bot } = options;
  const mark = puppetMark(options.span);
  const place = createPuppetPlace(options);
  const redactions = createRedactions();

  async function say(user: UserId, author: RemoteAuthor, wanted: Omit<Put, "as">): Promise<EventId | undefined> {
    const { room } = wanted;
    if (!(await place.enter(room, author, user))) return undefined;
    const others = [ids.of(author), bot];
    const content = { ...wanted.content, [puppetField]: mark };
    try {
      const said = await puppets.act(user, (access) => put({ ...wanted, content, as: user, access, others }));
      if (said !== undefined) place.said(user, said.done);
      return said?.done;
    } catch (error) {
      if (!isStatus(error, 403)) throw error;
      // Thrown out unnoticed, muted, suspended: the next line looks anew.
      members.forget(room, user);
      return undefined;
    }
  }

  async function sendEvent({ room, author, user, key }: Turn, part: EventPart) {
    const target = editTarget(part.content);
    if (target !== undefined && (await place.senderOf(room, target)) !== user) return undefined;
    const origin = part.content[originField] as JsonObject | undefined;
    const content = { ...part.content, [originField]: { ...origin, key } };
    try {
      return await say(user, author, { room, type: part.type, content, key });
    } catch (error) {
      if (failureOf(error)?.errcode !== "M_DUPLICATE_ANNOTATION") throw error;
      const { event_id: about, key: reaction } = part.content["m.relates_to"] as { event_id: string; key: string };
      const there = await findReaction(client, { room, as: bot, by: user, target: about, key: reaction });
      if (there === undefined) throw error;
      return there;
    }
  }

  async function redact({ room, author, user, key }: Turn, event: string, reason: string | null) {
    if ((await place.senderOf(room, event)) !== user) return undefined;
    const content = { ...(reason === null ? {} : { reason }), [originField]: { key, network: author.network } };
    redactions.add(room, user, event);
    return say(user, author, { room, type: "m.room.redaction", content, redacts: event, key });
  }

  /** The reaction may be his own or, of another time, his ghost's; his own is taken back by the bot when he cannot. */
  async function unreact(turn: Turn, part: Extract<MatrixPart, { op: "unreact" }>) {
    const { room, author, user, key } = turn;
    const found = await findReaction(client, { room, as: bot, by: user, target: part.target, key: part.key });
    if (found === undefined) return undefined;
    place.said(user, found);
    const done = puppets.has(user) ? await redact(turn, found, null) : undefined;
    if (done !== undefined) return done;
    const content = { [originField]: { key, network: author.network } };
    return put({ room, as: bot, type: "m.room.redaction", content, redacts: found, key, others: [user] });
  }

  return {
    async sendPart(room, part, author, key) {
      const { puppet: user } = author;
      if (user === undefined || author.service === true) return undefined;
      const turn: Turn = { room, author, user, key };
      if (part.op === "unreact") return unreact(turn, part);
      if (!puppets.has(user)) return undefined;
      switch (part.op) {
        case "event":
          return sendEvent(turn, part);
        case "redact":
          return redact(turn, part.event, part.reason);
        case "typing":
        case "read":
          return (await showAs(options, place, room, user, part)) ? noEvent : undefined;
        case "membership":
          // Leaving over there is no leaving here.
          return part.change === "join" && (await place.enter(room, author, user)) ? noEvent : undefined;
        default:
          return undefined;
      }
    },
    didRedact: redactions.has,
    forGhost: (room, part, author) => asGhostSays(place, room, part, author),
  };
}

async function asGhostSays(
  place: PuppetPlace,
  room: RoomId,
  part: EventPart,
  author: RemoteAuthor,
): Promise<EventPart> {
  const target = author.puppet === undefined ? undefined : editTarget(part.content);
  if (target === undefined || (await place.senderOf(room, target)) !== author.puppet) return part;
  const { "m.new_content": _new, "m.relates_to": _relates, ...content } = part.content;
  return { ...part, content };
}

/** Who took back what through us, by room. */
function createRedactions() {
  const made = boundedMap<string, true>(5_000);
  const nameOf = (room: RoomId, user: UserId, target: string): string => `${room}\n${user}\n${target}`;
  return {
    add: (room: RoomId, user: UserId, target: string): void => made.set(nameOf(room, user, target), true),
    has(event: MatrixEvent): boolean {
      if (event.type !== "m.room.redaction" || made.size === 0) return false;
      const target = event.redacts ?? event.content["redacts"];
      return made.has(nameOf(event.room_id, event.sender, String(target)));
    },
  };
}

/** Typing and reading: only where he is already. */
async function showAs(
  { puppets, client }: PuppetSenderOptions,
  place: PuppetPlace,
  room: RoomId,
  user: UserId,
  part: Extract<MatrixPart, { op: "typing" | "read" }>,
): Promise<boolean> {
  if (!(await place.isIn(room, user))) return false;
  const base = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
  const call: Call =
    part.op === "read"
      ? { method: "POST", path: `${base}/receipt/m.read/${encodeURIComponent(part.upTo)}`, as: user, body: "{}" }
      : {
          method: "PUT",
          path: `${base}/typing/${encodeURIComponent(user)}`,
          as: user,
          body: JSON.stringify(part.active ? { typing: true, timeout: typingMs } : { typing: false }),
        };
  return (await puppets.act(user, (access) => client.call({ ...call, ...access }))) !== undefined;
}

function editTarget(content: EventPart["content"]): string | undefined {
  const relates = content["m.relates_to"] as JsonObject | undefined;
  const target = relates?.["rel_type"] === "m.replace" ? relates["event_id"] : undefined;
  return typeof target === "string" ? target : undefined;
}
