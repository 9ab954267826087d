/**
 * The calls that make a ghost what it ought to be. A new ghost speaks after three of them: it is registered, joins with its name
 * in the member event itself, and sends. Its profile is set afterwards. Servers that take no such join get the name first.
 */
import { BridgeError, type GhostStore, type Log, type RemoteAuthor, type RoomId, type UserId } from "@trestle/core";
import { boundedMap } from "./bounded-map.ts";
import type { Caps } from "./caps.ts";
import type { Client, JsonObject } from "./client.ts";
import { failureOf, isAway, isStatus } from "./errors.ts";
import type { Members } from "./members.ts";
import { createSlots } from "./slots.ts";

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

export interface GhostAccountOptions {
  readonly client: Client;
  readonly caps: Caps;
  readonly store: GhostStore;
  readonly members: Members;
  readonly bot: UserId;
  readonly log: Log;
}

export interface GhostAccount {
  /** Registered and called so: in its profile, unless it has only just been made and its join will name it. */
  ensure(ghost: Ghost, author: RemoteAuthor, name: string, joinsNow: boolean): Promise<void>;
  join(ghost: Ghost, author: RemoteAuthor, name: string, room: RoomId): Promise<void>;
  leave(ghost: Ghost, room: RoomId): Promise<void>;
  /** What can wait until its first message is out. */
  complete(ghost: Ghost, author: RemoteAuthor, name: string): Promise<void>;
  setAvatar(ghost: Ghost, author: RemoteAuthor, mxc: string, source: string): Promise<void>;
}

export function createGhostAccount(options: GhostAccountOptions): GhostAccount {
  const { client, caps, store, members, bot, log } = options;
  const joins = createSlots(joinsMax);
  /** Rooms where a ghost must be invited first. */
  const inviteFirst = boundedMap<RoomId, true>(5_000);
  /** Until a server shows that it takes no join with a name. */
  let joinsByState = true;

  const setProfile = (ghost: Ghost, what: "displayname" | "avatar_url", value: string) =>
    client.call({
      method: "PUT",
      path: `/_matrix/client/v3/profile/${encodeURIComponent(ghost.userId)}/${what}`,
      as: ghost.userId,
      body: JSON.stringify({ [what]: value }),
    });

  const save = (ghost: Ghost, author: RemoteAuthor) =>
    store.put({
      userId: ghost.userId,
      network: author.network,
      remoteUser: author.id,
      registered: true,
      ...(ghost.name === undefined ? {} : { name: ghost.name }),
      ...(ghost.avatar === undefined ? {} : { avatar: ghost.avatar }),
    });

  async function rename(ghost: Ghost, author: RemoteAuthor, name: string): Promise<void> {
    await setProfile(ghost, "displayname", name);
    ghost.name = name;
    await save(ghost, author);
  }

  const roomPath = (room: RoomId) => `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;

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
    await invite(ghost, room);
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

  async function invite(ghost: Ghost, room: RoomId): Promise<void> {
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

  return {
    async ensure(ghost, author, name, joinsNow) {
      if (!ghost.registered) {
        // Made anew, it has lost what it had.
        if (await registerUser(client, ghost.userId)) Object.assign(ghost, { name: undefined, avatar: undefined });
        ghost.registered = true;
      }
      if (isNamed(ghost, name) || (joinsNow && ghost.name === undefined)) return;
      await rename(ghost, author, name);
    },
    async join(ghost, author, name, room) {
      if (ghost.bannedFrom.has(room)) throw banned(ghost.userId);
      await joins.run(async () => {
        try {
          if (inviteFirst.has(room)) await invite(ghost, room);
          await enter(ghost, author, name, room);
        } catch (error) {
          if (!isStatus(error, 403)) throw error;
          await enterInvited(ghost, author, name, { room, refusal: error });
        }
      });
      ghost.rooms.add(room);
      await Promise.all([store.setJoined(ghost.userId, room, true), ghost.name === undefined && save(ghost, author)]);
    },
    async leave(ghost, room) {
      try {
        await client.call({ method: "POST", path: `${roomPath(room)}/leave`, as: ghost.userId, body: "{}" });
      } catch (error) {
        if (!(error instanceof BridgeError) || error.code !== "homeserver-refused") throw error;
      }
      ghost.rooms.delete(room);
      await store.setJoined(ghost.userId, room, false);
    },
    async complete(ghost, author, name) {
      if (ghost.name !== undefined) return;
      // Before its name, since a ghost with a name is a finished one.
      if (caps.mutesGhosts) await mute(client, ghost.userId, log);
      await rename(ghost, author, ghost.shown ?? name);
    },
    async setAvatar(ghost, author, mxc, source) {
      await setProfile(ghost, "avatar_url", mxc);
      ghost.avatar = source;
      await save(ghost, author);
    },
  };
}

const banned = (user: UserId, cause?: unknown): BridgeError =>
  new BridgeError("homeserver-refused", `${user} is banned from this room`, cause === undefined ? {} : { cause });

/** Makes an account of ours; one that is there already is just as good. Whether it was made now. */
export async function registerUser(client: Client, user: UserId, timeoutMs?: number): Promise<boolean> {
  const localpart = user.slice(1, user.indexOf(":"));
  try {
    await client.call({
      method: "POST",
      path: "/_matrix/client/v3/register",
      as: undefined,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      // Without inhibit_login a server with delegated authentication refuses, and the others make a device that nobody uses.
      body: JSON.stringify({ type: "m.login.application_service", username: localpart, inhibit_login: true }),
    });
    return true;
  } catch (error) {
    if (failureOf(error)?.errcode !== "M_USER_IN_USE") throw error;
    return false;
  }
}

/** Once per ghost: a homeserver that reckons notifications for local members then writes none for it. */
async function mute(client: Client, user: UserId, log: Log): Promise<void> {
  try {
    await client.call({
      method: "PUT",
      path: "/_matrix/client/v3/pushrules/global/override/.m.rule.master/enabled",
      as: user,
      body: JSON.stringify({ enabled: true }),
    });
  } catch (error) {
    log.debug({ user, error }, "could not mute a ghost; it only costs the homeserver");
  }
}
