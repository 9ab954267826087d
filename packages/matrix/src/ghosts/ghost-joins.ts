/**
 * Getting a ghost into a room with its name: in one request where the server takes a join with a name, invited where one must
 * be, never where it is banned. What a server or a room turned out to want is remembered.
 */
import { BridgeError, type Log, type RemoteAuthor, type RoomId, type UserId } from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import type { Client, JsonObject } from "../client.ts";
import { failureOf, isAway, isStatus } from "../errors.ts";
import type { Members } from "../rooms/members.ts";
import { createSlots } from "../slots.ts";

/** Joins under way at once: a small homeserver does some 40 a second whatever we ask. */
const joinsMax = 8;

export interface Ghost {
  readonly userId: UserId;
  registered: boolean;
  /** In its profile, as far as we know. */
  name?: string | undefined;
  /** Only in its joins yet. */
  shown?: string | undefined;
  /** `source` of the picture in its profile. */
  avatar?: string | undefined;
  readonly rooms: Set<RoomId>;
  readonly bannedFrom: Set<RoomId>;
  /** Work on this ghost, one after the other. */
  chain: Promise<unknown>;
  /** What is left to do for it after its message; `notBeforeMs` grows when that fails. */
  readonly upkeep: { running: boolean; tries: number; notBeforeMs: number; avatarGivenUp?: string };
}

/** Whether it goes by this name wherever it is. */
export const isNamed = (ghost: Ghost, name: string): boolean =>
  ghost.name === undefined ? ghost.shown === name : ghost.name === name;

export interface GhostJoinsOptions {
  readonly client: Client;
  readonly members: Members;
  readonly bot: UserId;
  readonly log: Log;
}

export interface GhostJoins {
  /** Rejects with `homeserver-refused`. */
  join(ghost: Ghost, author: RemoteAuthor, name: string, room: RoomId): Promise<void>;
}

export const roomPath = (room: RoomId): string => `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;

/** `rename` puts the name into its profile, where a join cannot carry it. */
export function createGhostJoins(
  options: GhostJoinsOptions,
  rename: (ghost: Ghost, author: RemoteAuthor, name: string) => Promise<void>,
): GhostJoins {
  const { client, members, log } = options;
  const joins = createSlots(joinsMax);
  /** Rooms where a ghost must be invited first. */
  const inviteFirst = boundedMap<RoomId, true>(5_000);
  /** Until a server shows that it takes no join with a name. */
  let joinsByState = true;

  const plainJoin = (ghost: Ghost, room: RoomId) =>
    client.call({ method: "POST", path: `${roomPath(room)}/join`, as: ghost.userId, body: "{}" });

  /** One call where a name and a join would be two. */
  const namedJoin = (ghost: Ghost, author: RemoteAuthor, name: string, room: RoomId) => {
    const picture = author.avatar?.source;
    const content: JsonObject = {
      membership: "join",
      displayname: name,
      ...(picture?.startsWith("mxc://") ? { avatar_url: picture } : {}),
    };
    const path = `${roomPath(room)}/state/m.room.member/${encodeURIComponent(ghost.userId)}`;
    return client.call({ method: "PUT", path, as: ghost.userId, body: JSON.stringify(content) });
  };

  /** Rejects with the refusal when it has to be invited. */
  async function enter(ghost: Ghost, author: RemoteAuthor, name: string, room: RoomId): Promise<void> {
    if (ghost.name !== undefined || !joinsByState) return enterPlainly(ghost, author, name, room);
    try {
      await namedJoin(ghost, author, name, room);
      ghost.shown = name;
    } catch (error) {
      if (isAway(error) || isStatus(error, 403) || failureOf(error) === undefined) throw error;
      await enterPlainly(ghost, author, name, room);
      joinsByState = false;
      log.info({ error }, "the homeserver takes no join with a name; ghosts are named first");
    }
  }

  async function enterPlainly(ghost: Ghost, author: RemoteAuthor, name: string, room: RoomId): Promise<void> {
    if (ghost.name !== name) await rename(ghost, author, name);
    await plainJoin(ghost, room);
  }

  async function enterInvited(
    ghost: Ghost,
    author: RemoteAuthor,
    name: string,
    { room, refusal }: { readonly room: RoomId; readonly refusal: unknown },
  ): Promise<void> {
    const member = await members.state(room, "m.room.member", ghost.userId).catch(() => undefined);
    if (member?.["membership"] === "ban") {
      ghost.bannedFrom.add(room);
      throw banned(ghost.userId, refusal);
    }
    await invite(options, ghost, room);
    if (inviteFirst.has(room)) {
      // Invited before, and refused all the same: then it is the way of joining.
      const byState = ghost.name === undefined && joinsByState;
      await enterPlainly(ghost, author, name, room);
      if (byState) joinsByState = false;
    } else {
      await enter(ghost, author, name, room).catch((error: unknown) => {
        if (!isStatus(error, 403) || ghost.name !== undefined) throw error;
        return enterPlainly(ghost, author, name, room);
      });
    }
    inviteFirst.set(room, true);
  }

  return {
    async join(ghost, author, name, room) {
      if (ghost.bannedFrom.has(room)) throw banned(ghost.userId);
      await joins.run(async () => {
        try {
          if (inviteFirst.has(room)) await invite(options, ghost, room);
          await enter(ghost, author, name, room);
        } catch (error) {
          if (!isStatus(error, 403)) throw error;
          await enterInvited(ghost, author, name, { room, refusal: error });
        }
      });
    },
  };
}

const banned = (user: UserId, cause?: unknown): BridgeError =>
  new BridgeError("homeserver-refused", `${user} is banned from this room`, cause === undefined ? {} : { cause });

async function invite({ client, members, bot }: GhostJoinsOptions, ghost: Ghost, room: RoomId): Promise<void> {
  try {
    const body = JSON.stringify({ user_id: ghost.userId });
    await client.call({ method: "POST", path: `${roomPath(room)}/invite`, as: bot, body });
  } catch (error) {
    // In there already: some servers say so with a 403.
    if (!isStatus(error, 403)) throw error;
    const member = await members.state(room, "m.room.member", ghost.userId).catch(() => undefined);
    if (member?.["membership"] !== "join" && member?.["membership"] !== "invite") throw error;
  }
}
