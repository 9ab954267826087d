/**
 * Rooms as the core wants them: described, joined, made, their topic applied. Reads before it writes, because an equal state
 * event put twice is a second event on some servers. Room ids are opaque here as everywhere.
 */
import {
  BridgeError,
  type KeyValueStore,
  type Log,
  type RemoteAuthor,
  type RoomDescription,
  type RoomId,
  type RoomWanted,
  roomId,
  type UserId,
  userId,
} from "@trestle/core";
import type { JsonObject } from "../client.ts";
import { failureOf, isAway, isStatus } from "../errors.ts";
import type { GhostIds } from "../ghosts/ghost-id.ts";
import type { Ghosts, TakeOver } from "../ghosts/ghosts.ts";
import type { Sdk } from "../sdk.ts";
import type { Members } from "./members.ts";
import { creatorsAreInfinite, levelOf, neededFor, versionOf } from "./power.ts";
import type { RoomState, StateAt } from "./room-state.ts";

export interface Rooms {
  applyRoom(room: RoomId, wanted: RoomWanted, author?: RemoteAuthor): Promise<void>;
  describeRoom(room: RoomId): Promise<RoomDescription>;
  nameOf(room: RoomId, user: UserId): Promise<string>;
  powerOf(room: RoomId, user: UserId): Promise<{ level: number; stateDefault: number; redact: number }>;
  joinRoom(roomOrAlias: string): Promise<RoomId>;
  leaveRoom(room: RoomId, who: UserId): Promise<void>;
  invite(room: RoomId, user: UserId): Promise<void>;
  createDirectRoom(user: UserId): Promise<RoomId>;
  /** A private room with nobody but the bot in it. */
  createOwnRoom(name: string): Promise<RoomId>;
  /** The same of type `m.space`, in which only who has power speaks. */
  createSpace(name: string, creation: JsonObject): Promise<RoomId>;
}

export interface RoomsOptions {
  readonly sdk: Sdk;
  readonly members: Members;
  readonly ghosts: Ghosts;
  readonly ids: GhostIds;
  readonly state: RoomState;
  readonly kv: KeyValueStore;
  readonly takeOver: TakeOver;
  readonly bot: UserId;
  readonly roomVersion: string;
  readonly log: Log;
}

const nameMax = 255;
const directRow = (user: UserId) => `matrix/direct/${user}`;

export function createRooms(options: RoomsOptions): Rooms {
  const { sdk, members, ids, kv, bot } = options;

  async function describeRoom(room: RoomId): Promise<RoomDescription> {
    const [create, name, topic, encryption, joined] = await Promise.all([
      members.state(room, "m.room.create"),
      members.state(room, "m.room.name"),
      members.state(room, "m.room.topic"),
      members.state(room, "m.room.encryption"),
      sdk(bot).then((matrix) => matrix.getJoinedRoomMembers(room)),
    ]);
    const people = joined.filter((user) => user !== bot && !ids.isGhost(user)).map(userId);
    const marked = people[0] === undefined ? undefined : await kv.get(directRow(people[0]));
    return {
      ...textOf(name, "name"),
      ...textOf(topic, "topic"),
      encrypted: encryption !== undefined,
      version: versionOf(create),
      people,
      direct: people.length === 1 && (marked === room || (joined.length === 2 && name === undefined)),
    };
  }

  return {
    describeRoom,
    async applyRoom(room, { topic, name, avatar }, author) {
      const put = (type: string, content: JsonObject) => putAs(options, { room, type }, content, author);
      if (topic !== undefined) await put("m.room.topic", { topic: topic.toWellFormed() });
      if (name !== undefined) await put("m.room.name", { name: cut(name.toWellFormed(), nameMax) });
      if (avatar === undefined) return;
      const url = await takeOverNow(options, room, avatar, author);
      if (url !== undefined) await put("m.room.avatar", { url });
    },
    async nameOf(room, user) {
      try {
        return (await members.member(room, user)).name ?? localpartOf(user);
      } catch (error) {
        if (isAway(error)) throw error;
        // The bot may not see it: a name is no reason to lose what was said.
        return localpartOf(user);
      }
    },
    async powerOf(room, user) {
      const power = await members.power(room);
      return { level: levelOf(power, user), stateDefault: power.stateDefault, redact: power.redact };
    },
    joinRoom: async (roomOrAlias) => roomId(await (await sdk(bot)).joinRoom(roomOrAlias)),
    async invite(room, user) {
      // Servers disagree on what they say to an invitation of somebody who is there; a member is asked first.
      const member = await members.state(room, "m.room.member", user);
      if (member?.["membership"] === "join" || member?.["membership"] === "invite") return;
      await (await sdk(bot)).inviteUser(user, room);
    },
    async leaveRoom(room, who) {
      try {
        await (await sdk(who)).leaveRoom(room);
      } catch (error) {
        // Not in there: that is what was wanted, and homeservers have several words for it.
        if (![400, 403, 404].some((status) => isStatus(error, status))) throw error;
      }
    },
    async createDirectRoom(user) {
      const known = await kv.get(directRow(user));
      if (known !== undefined && (await stillThere(options, roomId(known), user))) return roomId(known);
      const made = await (await sdk(bot)).createRoom({
        ...roomRequest(options),
        is_direct: true,
        invite: [user],
      });
      await kv.put(directRow(user), made);
      return roomId(made);
    },
    async createOwnRoom(name) {
      return roomId(await (await sdk(bot)).createRoom({ ...roomRequest(options), name }));
    },
    async createSpace(name, creation) {
      const request = roomRequest(options);
      const levels = { ...request.power_level_content_override, events_default: 100 };
      const space = { ...request, power_level_content_override: levels, creation_content: creation, name };
      return roomId(await (await sdk(bot)).createRoom(space));
    },
  };
}

/**
 * What every room of ours begins with. `private_chat`, never `trusted_private_chat`: in version 12 the latter makes everybody
 * invited a creator for ever. Encryption asks for 150, so that nobody switches on what the bridge cannot read.
 */
function roomRequest({ bot, roomVersion }: RoomsOptions) {
  const infinite = creatorsAreInfinite(roomVersion);
  return {
    preset: "private_chat" as const,
    visibility: "private" as const,
    room_version: roomVersion,
    power_level_content_override: {
      // Below version 12 the creator must stand in here, from 12 on it must not.
      users: infinite ? {} : { [bot]: 100 },
      events: {
        "m.room.name": 50,
        "m.room.avatar": 50,
        "m.room.topic": 50,
        "m.room.canonical_alias": 50,
        "m.room.power_levels": 100,
        "m.room.history_visibility": 100,
        "m.room.server_acl": 100,
        "m.room.tombstone": infinite ? 150 : 100,
        "m.room.encryption": 150,
      },
    },
  };
}

/** As the author's ghost if it may, else the bot. */
async function putAs(options: RoomsOptions, at: StateAt, content: JsonObject, author?: RemoteAuthor): Promise<void> {
  const { members, state, bot } = options;
  const now = await members.state(at.room, at.type);
  // Other keys are others' business: a picture may have dimensions, a topic its formatted form.
  if (Object.entries(content).every(([key, value]) => (now?.[key] ?? "") === value)) return;
  const as = await mayPut(options, at, author);
  try {
    await state.put(at, content, as);
  } catch (error) {
    if (as === bot || !isStatus(error, 403)) throw error;
    await state.put(at, content);
  }
}

/** Everything else of the room stands whatever becomes of its picture. */
async function takeOverNow(
  { takeOver, log }: RoomsOptions,
  room: RoomId,
  avatar: NonNullable<RoomWanted["avatar"]>,
  author: RemoteAuthor | undefined,
): Promise<string | undefined> {
  try {
    return await takeOver(avatar, author?.network);
  } catch (error) {
    log.info({ room, error }, "the room's picture could not be taken over");
    return undefined;
  }
}

/** As whom to put this state: the author's ghost if it is in the room and may, else the bot. */
async function mayPut(options: RoomsOptions, { room, type }: StateAt, author?: RemoteAuthor): Promise<UserId> {
  const { members, ghosts, ids, bot } = options;
  if (author === undefined || author.service === true) return bot;
  const power = await members.power(room);
  if (levelOf(power, ids.of(author)) < neededFor(power, type)) return bot;
  return ghosts.ready(author, room);
}

async function stillThere({ members, bot }: RoomsOptions, room: RoomId, user: UserId): Promise<boolean> {
  try {
    const [own, theirs, encryption] = await Promise.all([
      members.state(room, "m.room.member", bot),
      members.state(room, "m.room.member", user),
      members.state(room, "m.room.encryption"),
    ]);
    const membership = theirs?.["membership"];
    return (
      own?.["membership"] === "join" && (membership === "join" || membership === "invite") && encryption === undefined
    );
  } catch (error) {
    if (error instanceof BridgeError && failureOf(error)?.status === 403) return false;
    throw error;
  }
}

const localpartOf = (user: UserId): string => {
  const end = user.indexOf(":");
  return end > 1 ? user.slice(1, end) : user;
};

const cut = (text: string, max: number): string => [...text].slice(0, max).join("");

const textOf = <K extends "name" | "topic">(content: Readonly<Record<string, unknown>> | undefined, key: K) => {
  const value = content?.[key];
  return (typeof value === "string" && value !== "" ? { [key]: value } : {}) as { [P in K]?: string };
};
