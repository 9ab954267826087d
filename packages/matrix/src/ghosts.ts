/**
 * Our ghosts as they ought to be: registered, named, in the room. Desired against remembered, so that a ghost which is ready
 * costs no call and not even a promise, also after a restart (store.ghosts). Registering, naming and joining happen once at a
 * time for each ghost; a banned ghost is never joined again.
 */
import {
  BridgeError,
  type GhostStore,
  type Log,
  type MatrixEvent,
  type RemoteAuthor,
  type RoomId,
  type UserId,
  userId,
} from "@trestle/core";
import { type BoundedMap, boundedMap } from "./bounded-map.ts";
import type { Caps } from "./caps.ts";
import type { Client } from "./client.ts";
import { failureOf, isStatus } from "./errors.ts";
import type { GhostIds } from "./ghost-id.ts";
import type { Members } from "./members.ts";
import type { Sdk } from "./sdk.ts";
import { createSlots } from "./slots.ts";

const ghostsMax = 50_000;
/** Joins under way at once: a small homeserver does some 40 a second whatever we ask. */
const joinsMax = 8;

interface Ghost {
  readonly userId: UserId;
  registered: boolean;
  name?: string | undefined;
  readonly rooms: Set<RoomId>;
  readonly bannedFrom: Set<RoomId>;
  /** Work on this ghost, one after the other. */
  chain: Promise<unknown>;
}

export interface Ghosts {
  /** The ghost's id, registered, named and joined: at once when it is so already. */
  ready(author: RemoteAuthor, room: RoomId): UserId | Promise<UserId>;
  /** The homeserver refused this ghost in this room: forget that it is there and join once more. */
  rejoin(author: RemoteAuthor, room: RoomId): Promise<void>;
  rename(author: RemoteAuthor, was?: RemoteAuthor["id"]): Promise<void>;
  leave(author: Pick<RemoteAuthor, "network" | "id">, room: RoomId): Promise<void>;
  /** Membership events of our ghosts, whoever made them. */
  feed(event: MatrixEvent): void;
}

export interface GhostsOptions {
  readonly client: Client;
  readonly sdk: Sdk;
  readonly caps: Caps;
  readonly ids: GhostIds;
  readonly store: GhostStore;
  readonly members: Members;
  readonly bot: UserId;
  readonly displayName: (author: RemoteAuthor) => string;
  readonly log: Log;
}

export function createGhosts(options: GhostsOptions): Ghosts {
  const { ids, store } = options;
  const cache = boundedMap<UserId, Ghost>(ghostsMax);
  const loading = new Map<UserId, Promise<Ghost>>();
  const account = createGhostAccount(options);

  async function load(user: UserId): Promise<Ghost> {
    const [row, rooms] = await Promise.all([store.get(user), store.joinedRooms(user)]);
    const ghost: Ghost = {
      userId: user,
      registered: row?.registered ?? false,
      name: row?.name,
      rooms: new Set(rooms),
      bannedFrom: new Set(),
      chain: Promise.resolve(),
    };
    cache.set(user, ghost);
    return ghost;
  }

  const find = (user: UserId): Ghost | Promise<Ghost> => {
    const known = cache.get(user);
    if (known !== undefined) return known;
    let pending = loading.get(user);
    if (pending === undefined) {
      pending = load(user).finally(() => loading.delete(user));
      loading.set(user, pending);
    }
    return pending;
  };

  const queued = <T>(ghost: Ghost, work: () => Promise<T>): Promise<T> => {
    const result = ghost.chain.then(work, work);
    ghost.chain = result.catch(() => undefined);
    return result;
  };

  const isReady = (ghost: Ghost, name: string, room: RoomId): boolean =>
    ghost.registered && ghost.name === name && ghost.rooms.has(room);

  async function prepare(author: RemoteAuthor, room: RoomId): Promise<UserId> {
    const ghost = await find(ids.of(author));
    const name = options.displayName(author);
    if (!isReady(ghost, name, room)) {
      await queued(ghost, async () => {
        await account.ensure(ghost, author, name);
        if (!ghost.rooms.has(room)) await account.join(ghost, room);
      });
    }
    return ghost.userId;
  }

  return {
    ready(author, room) {
      const ghost = cache.get(ids.of(author));
      if (ghost !== undefined && isReady(ghost, options.displayName(author), room)) return ghost.userId;
      return prepare(author, room);
    },
    async rejoin(author, room) {
      const ghost = await find(ids.of(author));
      await queued(ghost, async () => {
        ghost.rooms.delete(room);
        await store.setJoined(ghost.userId, room, false);
        // A server that lost its memory of the ghost says 403 too.
        ghost.registered = false;
        await account.ensure(ghost, author, options.displayName(author));
        await account.join(ghost, room);
      });
    },
    async rename(author, was) {
      const ghost = await find(ids.of(author));
      // The former id's ghost stays as it is: its messages are in the rooms. The new one takes over only if it exists or spoke.
      if (!ghost.registered) {
        if (was === undefined) return;
        const former = await find(ids.of({ network: author.network, id: was }));
        if (!former.registered) return;
      }
      await queued(ghost, () => account.ensure(ghost, author, options.displayName(author)));
    },
    async leave(author, room) {
      const ghost = await find(ids.of(author));
      if (!ghost.rooms.has(room)) return;
      await queued(ghost, () => account.leave(ghost, room));
    },
    feed: (event) => feed(options, cache, event),
  };
}

/** What somebody did to a ghost of ours, or it to itself. */
function feed({ ids, store, log }: GhostsOptions, cache: BoundedMap<UserId, Ghost>, event: MatrixEvent): void {
  if (event.type !== "m.room.member" || event.state_key === undefined || !ids.isGhost(event.state_key)) return;
  const user = userId(event.state_key);
  const ghost = cache.get(user);
  const { membership } = event.content;
  if (membership === "ban") ghost?.bannedFrom.add(event.room_id);
  else ghost?.bannedFrom.delete(event.room_id);
  if (membership !== "leave" && membership !== "ban") return;
  ghost?.rooms.delete(event.room_id);
  store.setJoined(user, event.room_id, false).catch((error: unknown) => {
    log.warn({ error }, "could not note that a ghost is out of a room; its next message finds out");
  });
}

/** The calls that make a ghost what it ought to be. */
function createGhostAccount({ client, sdk, caps, store, members, bot, log }: GhostsOptions) {
  const joins = createSlots(joinsMax);
  /** Rooms where a ghost must be invited first. */
  const inviteFirst = boundedMap<RoomId, true>(5_000);

  async function join(ghost: Ghost, room: RoomId): Promise<void> {
    if (ghost.bannedFrom.has(room)) throw banned(ghost.userId);
    await joins.run(async () => {
      try {
        if (inviteFirst.has(room)) await invite(ghost, room);
        await joinCall(ghost, room);
      } catch (error) {
        if (!isStatus(error, 403)) throw error;
        await joinInvited(ghost, room, error);
      }
    });
    ghost.rooms.add(room);
    await store.setJoined(ghost.userId, room, true);
  }

  async function joinInvited(ghost: Ghost, room: RoomId, refusal: unknown): Promise<void> {
    const member = await members.state(room, "m.room.member", ghost.userId).catch(() => undefined);
    if (member?.["membership"] === "ban") {
      ghost.bannedFrom.add(room);
      throw banned(ghost.userId, refusal);
    }
    await invite(ghost, room);
    await joinCall(ghost, room);
    inviteFirst.set(room, true);
  }

  const joinCall = (ghost: Ghost, room: RoomId) =>
    client.call({
      method: "POST",
      path: `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/join`,
      as: ghost.userId,
      body: "{}",
    });

  const invite = async (ghost: Ghost, room: RoomId): Promise<void> => {
    try {
      await (await sdk(bot)).inviteUser(ghost.userId, room);
    } catch (error) {
      // In there already: some servers say so with a 403.
      if (!isStatus(error, 403)) throw error;
      const member = await members.state(room, "m.room.member", ghost.userId).catch(() => undefined);
      if (member?.["membership"] !== "join" && member?.["membership"] !== "invite") throw error;
    }
  };

  return {
    join,
    async ensure(ghost: Ghost, author: RemoteAuthor, name: string): Promise<void> {
      if (ghost.registered && ghost.name === name) return;
      if (!ghost.registered) {
        await registerUser(client, ghost.userId);
        if (caps.mutesGhosts) await mute(client, ghost.userId, log);
      }
      if (ghost.name !== name) await (await sdk(ghost.userId)).setDisplayName(name);
      ghost.registered = true;
      ghost.name = name;
      await store.put({ userId: ghost.userId, network: author.network, remoteUser: author.id, registered: true, name });
    },
    async leave(ghost: Ghost, room: RoomId): Promise<void> {
      try {
        await (await sdk(ghost.userId)).leaveRoom(room);
      } catch (error) {
        if (!(error instanceof BridgeError) || error.code !== "homeserver-refused") throw error;
      }
      ghost.rooms.delete(room);
      await store.setJoined(ghost.userId, room, false);
    },
  };
}

const banned = (user: UserId, cause?: unknown): BridgeError =>
  new BridgeError("homeserver-refused", `${user} is banned from this room`, cause === undefined ? {} : { cause });

/** Makes an account of ours; one that is there already is just as good. */
export async function registerUser(client: Client, user: UserId, timeoutMs?: number): Promise<void> {
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
  } catch (error) {
    if (failureOf(error)?.errcode !== "M_USER_IN_USE") throw error;
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
