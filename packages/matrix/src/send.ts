/**
 * One planned part onto the homeserver. A part of a ghost that is ready is exactly one PUT; everything else (a ghost that was
 * thrown out, a reaction to be taken back) leaves that path. It decides nothing about when to try again: the core's lanes do,
 * under the same key, hence under the same transaction id.
 */
import {
  BridgeError,
  type EventId,
  eventId,
  type Log,
  type PartKey,
  type RemoteAuthor,
  type RoomId,
  remoteUserId,
  type UserId,
  userId,
} from "@trestle/core";
import { boundedMap } from "./bounded-map.ts";
import type { Client, JsonObject } from "./client.ts";
import { originField } from "./delivery/confirmation.ts";
import type { EventPut, Put } from "./delivery/event-put.ts";
import { failureOf, isStatus } from "./errors.ts";
import type { GhostIds } from "./ghosts/ghost-id.ts";
import type { Ghosts } from "./ghosts/ghosts.ts";
import type { FileSender } from "./media/send.ts";
import type { MatrixPart } from "./outbound.ts";
import type { PuppetSender } from "./puppets/send.ts";
import { findReaction } from "./reactions.ts";
import type { Members } from "./rooms/members.ts";
import type { Sdk } from "./sdk.ts";

const rejoinEveryMs = 60_000;
const typingMs = 30_000;
/** What leaves no event that anybody could refer to. */
const noEvent = eventId("");

export interface Sender {
  sendPart(room: RoomId, part: MatrixPart, author: RemoteAuthor, key: PartKey): Promise<EventId>;
  /** An event by the bot itself. */
  sendAsBot(room: RoomId, type: string, content: JsonObject, key: string): Promise<EventId>;
}

export interface SenderOptions {
  readonly client: Client;
  readonly put: EventPut["put"];
  readonly sdk: Sdk;
  readonly ghosts: Ghosts;
  readonly ids: GhostIds;
  readonly files: FileSender;
  readonly bot: UserId;
  readonly now: () => number;
  readonly log: Log;
  readonly asPuppet: PuppetSender;
  readonly members: Pick<Members, "state">;
}

type Op<K extends MatrixPart["op"]> = Extract<MatrixPart, { op: K }>;

export function createSender(options: SenderOptions): Sender {
  const { client, put, ghosts, ids, bot, log } = options;
  const rejoined = boundedMap<string, number>(10_000);

  /** At once when the ghost is ready. */
  const speaker = (author: RemoteAuthor, room: RoomId): UserId | Promise<UserId> =>
    author.service === true ? bot : ghosts.ready(author, room);

  function mayRejoin(as: UserId, room: RoomId): boolean {
    const name = `${as}\n${room}`;
    const now = options.now();
    if (as === bot || now - (rejoined.get(name) ?? Number.NEGATIVE_INFINITY) < rejoinEveryMs) return false;
    rejoined.set(name, now);
    return true;
  }

  async function sendEvent(room: RoomId, planned: Op<"event">, author: RemoteAuthor, key: PartKey): Promise<EventId> {
    const part = author.puppet === undefined ? planned : await options.asPuppet.forGhost(room, planned, author);
    const ready = speaker(author, room);
    const as = typeof ready === "string" ? ready : await ready;
    const origin = part.content[originField] as JsonObject | undefined;
    const content = { ...part.content, [originField]: { ...origin, key } };
    const request: Put = { room, as, type: part.type, content, key, others: othersOf(author) };
    try {
      return await put(request);
    } catch (error) {
      if (failureOf(error)?.errcode === "M_DUPLICATE_ANNOTATION") {
        const there = await findReaction(client, { room, as, ...annotation(part.content) });
        if (there !== undefined) return there;
      }
      if (!isStatus(error, 403)) throw error;
      // nobody may speak there any more; its tombstone may be on its way to us still
      const tombstone = await options.members.state(room, "m.room.tombstone").catch(() => undefined);
      if (tombstone !== undefined) throw new BridgeError("room-closed", "it was replaced", { cause: error });
      if (!mayRejoin(as, room)) throw error;
      log.info({ room, ghost: as }, "a ghost was refused; it joins once more");
      await ghosts.rejoin(author, room);
      return put(request);
    }
  }

  async function redact(room: RoomId, part: Op<"redact">, author: RemoteAuthor, key: PartKey): Promise<EventId> {
    const { event, reason } = part;
    const content = { ...(reason === null ? {} : { reason }), [originField]: { key, network: author.network } };
    const request: Put = {
      room,
      as: bot,
      type: "m.room.redaction",
      content,
      redacts: event,
      key,
      others: [bot, ids.of(author), ...othersOf(author)],
    };
    const as = await speaker(author, room);
    try {
      return await put({ ...request, as });
    } catch (error) {
      // Somebody else's message: the far side let a moderator do it, so the bot does it here.
      if (as === bot || !isStatus(error, 403)) throw error;
      return put(request);
    }
  }

  async function unreact(room: RoomId, part: Op<"unreact">, author: RemoteAuthor, key: PartKey): Promise<EventId> {
    const as = await speaker(author, room);
    const found = await findReaction(client, { room, as, target: part.target, key: part.key });
    if (found === undefined) throw new BridgeError("no-target", "there is no such reaction");
    return redact(room, { op: "redact", event: found, reason: null }, author, key);
  }

  async function membership(room: RoomId, part: Op<"membership">, author: RemoteAuthor): Promise<EventId> {
    if (part.change === "leave") await ghosts.leave(author, room);
    else await speaker(author, room);
    return noEvent;
  }

  return {
    sendAsBot: (room, type, content, key) =>
      put({ room, as: bot, type, content: { ...content, [originField]: { key } }, key }),
    async sendPart(room, planned, author, key) {
      const part = planned.op === "file" ? await options.files.carry(room, planned) : planned;
      if (author.puppet !== undefined) {
        const done = await options.asPuppet.sendPart(room, part, author, key);
        if (done !== undefined) return done;
      }
      switch (part.op) {
        case "event":
          return sendEvent(room, part, author, key);
        case "redact":
          return redact(room, part, author, key);
        case "unreact":
          return unreact(room, part, author, key);
        case "membership":
          return membership(room, part, author);
        case "typing":
          await (await options.sdk(await speaker(author, room))).setTyping(room, part.active, typingMs);
          return noEvent;
        case "read":
          await (await options.sdk(await speaker(author, room))).sendReadReceipt(room, part.upTo);
          return noEvent;
        case "moderate":
          await moderate(options, room, part, author);
          return noEvent;
      }
    },
  };
}

/** Who may have said it instead of the ghost. */
const othersOf = ({ puppet }: RemoteAuthor): UserId[] => (puppet === undefined ? [] : [puppet]);

const annotation = (content: JsonObject): { target: string; key: string } => {
  const relates = content["m.relates_to"] as { event_id: string; key: string };
  return { target: relates.event_id, key: relates.key };
};

async function moderate({ sdk, ids, bot }: SenderOptions, room: RoomId, part: Op<"moderate">, author: RemoteAuthor) {
  const isMatrix = part.user.startsWith("@") && part.user.includes(":");
  const target = isMatrix ? userId(part.user) : ids.of({ network: author.network, id: remoteUserId(part.user) });
  const matrix = await sdk(bot);
  if (part.what === "kick") await matrix.kickUser(target, room, part.reason);
  else if (part.what === "ban") await matrix.banUser(target, room, part.reason);
  else await matrix.unbanUser(target, room);
}
