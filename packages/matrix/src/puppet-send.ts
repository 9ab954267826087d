/**
 * A part said by a person as himself. Whatever keeps us from it (his token, his place in the room, his rights there) leaves it to
 * his ghost, under the same key: what an earlier try may have left in the room is looked for under both names first. An edit
 * is its message's sender's alone, whoever that was.
 */
import {
  type EventId,
  eventId,
  matrixNetwork,
  type PartKey,
  type RemoteAuthor,
  type RoomId,
  type UserId,
} from "@trestle/core";
import { boundedMap } from "./bounded-map.ts";
import type { Client, JsonObject } from "./client.ts";
import { originField } from "./confirmation.ts";
import { failureOf, isAway, isStatus } from "./errors.ts";
import type { EventPut, Put } from "./event-put.ts";
import type { GhostIds } from "./ghost-id.ts";
import type { Members } from "./members.ts";
import type { MatrixPart } from "./outbound.ts";
import { type PuppetAccess, puppetField, puppetMark } from "./puppet-access.ts";
import type { ActingPuppets } from "./puppets.ts";
import { findReaction } from "./reactions.ts";

export interface PuppetSender {
  /** The event (its id is empty for what makes none); undefined when the ghost is to do it. */
  sendPart(room: RoomId, part: MatrixPart, author: RemoteAuthor, key: PartKey): Promise<EventId | undefined>;
  /** An event as the ghost has to say it: an edit of what the person said himself becomes a message. */
  forGhost(room: RoomId, part: EventPart, author: RemoteAuthor): Promise<EventPart>;
}

export interface PuppetSenderOptions {
  readonly client: Client;
  readonly put: EventPut["put"];
  readonly puppets: Pick<ActingPuppets, "has" | "act">;
  readonly members: Members;
  readonly ids: GhostIds;
  readonly bot: UserId;
  readonly span: string;
  readonly now: () => number;
}

type EventPart = Extract<MatrixPart, { op: "event" }>;

/** Where somebody could not join, he does not try again with every line. */
const joinAgainMs = 60_000;
const typingMs = 30_000;
const noEvent = eventId("");

export function createPuppetSender(options: PuppetSenderOptions): PuppetSender {
  const { client, put, puppets, members, ids, bot } = options;
  const mark = puppetMark(options.span);
  const keptOut = boundedMap<string, number>(10_000);
  const saidBy = boundedMap<string, string>(10_000);

  async function senderOf(room: RoomId, event: string): Promise<string | undefined> {
    const known = saidBy.get(event);
    if (known !== undefined) return known;
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/event/${encodeURIComponent(event)}`;
    try {
      const { sender } = await client.call({ method: "GET", path, as: bot });
      if (typeof sender === "string") saidBy.set(event, sender);
      return typeof sender === "string" ? sender : undefined;
    } catch (error) {
      if (isAway(error)) throw error;
      return undefined;
    }
  }

  const isIn = async (room: RoomId, user: UserId): Promise<boolean> =>
    (await members.member(room, user)).membership === "join";

  /** As a state event, because that can hold our mark: nobody takes it for his own coming. */
  async function join(room: RoomId, user: UserId, access: PuppetAccess): Promise<void> {
    const call = { method: "PUT", as: user, ...access } as const;
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
    const profile = await client
      .call({ method: "GET", path: `/_matrix/client/v3/profile/${encodeURIComponent(user)}`, as: user, ...access })
      .catch((): JsonObject => ({}));
    const { displayname, avatar_url } = profile;
    const content = {
      membership: "join",
      ...(typeof displayname === "string" ? { displayname } : {}),
      ...(typeof avatar_url === "string" ? { avatar_url } : {}),
      [puppetField]: mark,
    };
    const state = `${path}/state/m.room.member/${encodeURIComponent(user)}`;
    await client.call({ ...call, path: state, body: JSON.stringify(content) });
  }

  /** Whether he is in the room, or got in. */
  async function enter(room: RoomId, author: RemoteAuthor, user: UserId): Promise<boolean> {
    if (await isIn(room, user)) return true;
    // Nobody is drawn into a room because it shares its chat with one that he is in.
    if (author.network === matrixNetwork) return false;
    const place = `${room}\n${user}`;
    if (options.now() < (keptOut.get(place) ?? 0)) return false;
    try {
      const joined = await puppets.act(user, (access) => join(room, user, access));
      if (joined === undefined) return false;
    } catch (error) {
      if (isAway(error)) throw error;
      keptOut.set(place, options.now() + joinAgainMs);
      return false;
    }
    members.forget(room, user);
    return isIn(room, user);
  }

  async function say(user: UserId, author: RemoteAuthor, wanted: Omit<Put, "as">): Promise<EventId | undefined> {
    const { room } = wanted;
    if (!(await enter(room, author, user))) return undefined;
    const others = [ids.of(author), bot];
    const content = { ...wanted.content, [puppetField]: mark };
    try {
      const said = await puppets.act(user, (access) => put({ ...wanted, content, as: user, access, others }));
      if (said !== undefined) saidBy.set(said.done, user);
      return said?.done;
    } catch (error) {
      if (!isStatus(error, 403)) throw error;
      // Thrown out unnoticed, muted, suspended: the next line looks anew.
      members.forget(room, user);
      return undefined;
    }
  }

  async function sendEvent(room: RoomId, part: EventPart, author: RemoteAuthor, user: UserId, key: PartKey) {
    const target = editTarget(part.content);
    if (target !== undefined && (await senderOf(room, target)) !== user) return undefined;
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

  async function redact(
    room: RoomId,
    event: string,
    reason: string | null,
    author: RemoteAuthor,
    key: PartKey,
    user: UserId,
  ) {
    if ((await senderOf(room, event)) !== user) return undefined;
    const content = { ...(reason === null ? {} : { reason }), [originField]: { key, network: author.network } };
    return say(user, author, { room, type: "m.room.redaction", content, redacts: event, key });
  }

  /** The reaction may be his own or, of another time, his ghost's; his own is taken back by the bot when he cannot. */
  async function unreact(
    room: RoomId,
    part: Extract<MatrixPart, { op: "unreact" }>,
    author: RemoteAuthor,
    key: PartKey,
    user: UserId,
  ) {
    const found = await findReaction(client, { room, as: bot, by: user, target: part.target, key: part.key });
    if (found === undefined) return undefined;
    saidBy.set(found, user);
    const done = puppets.has(user) ? await redact(room, found, null, author, key, user) : undefined;
    if (done !== undefined) return done;
    const content = { [originField]: { key, network: author.network } };
    return put({ room, as: bot, type: "m.room.redaction", content, redacts: found, key, others: [user] });
  }

  /** Typing and reading: only where he is already. */
  async function show(room: RoomId, user: UserId, part: Extract<MatrixPart, { op: "typing" | "read" }>) {
    if (!(await isIn(room, user))) return undefined;
    const place = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
    const done = await puppets.act(user, (access) =>
      part.op === "typing"
        ? client.call({
            method: "PUT",
            path: `${place}/typing/${encodeURIComponent(user)}`,
            as: user,
            body: JSON.stringify(part.active ? { typing: true, timeout: typingMs } : { typing: false }),
            ...access,
          })
        : client.call({
            method: "POST",
            path: `${place}/receipt/m.read/${encodeURIComponent(part.upTo)}`,
            as: user,
            body: "{}",
            ...access,
          }),
    );
    return done === undefined ? undefined : noEvent;
  }

  return {
    async sendPart(room, part, author, key) {
      const { puppet: user } = author;
      if (user === undefined || author.service === true) return undefined;
      if (part.op === "unreact") return unreact(room, part, author, key, user);
      if (!puppets.has(user)) return undefined;
      switch (part.op) {
        case "event":
          return sendEvent(room, part, author, user, key);
        case "redact":
          return redact(room, part.event, part.reason, author, key, user);
        case "typing":
        case "read":
          return show(room, user, part);
        case "membership":
          // Leaving over there is no leaving here.
          return part.change === "join" && (await enter(room, author, user)) ? noEvent : undefined;
        default:
          return undefined;
      }
    },
    async forGhost(room, part, author) {
      const target = author.puppet === undefined ? undefined : editTarget(part.content);
      if (target === undefined || (await senderOf(room, target)) !== author.puppet) return part;
      const { "m.new_content": _new, "m.relates_to": _relates, ...content } = part.content;
      return { ...part, content };
    },
  };
}

function editTarget(content: EventPart["content"]): string | undefined {
  const relates = content["m.relates_to"] as JsonObject | undefined;
  const target = relates?.["rel_type"] === "m.replace" ? relates["event_id"] : undefined;
  return typeof target === "string" ? target : undefined;
}
