/**
 * Our ghosts as they ought to be: registered, named, in the room. Desired against remembered, so that a ghost which is ready
 * costs no call and not even a promise, also after a restart (store.ghosts). Registering, naming and joining happen once at a
 * time for each ghost; a banned ghost is never joined again. What a message need not wait for (the profile of a new ghost,
 * its picture) is done after it, a few ghosts at once, later again when it fails.
 */
import {
  type Clock,
  type GhostStore,
  type Log,
  type MatrixEvent,
  type NetworkId,
  type RemoteAuthor,
  type RoomId,
  type UserId,
  userId,
} from "@trestle/core";
import { type BoundedMap, boundedMap } from "../bounded-map.ts";
import type { Caps } from "../caps.ts";
import type { Client } from "../client.ts";
import type { Members } from "../rooms/members.ts";
import { createSlots } from "../slots.ts";
import { createGhostAccount, type GhostAccount } from "./ghost-account.ts";
import type { GhostIds } from "./ghost-id.ts";
import { type Ghost, isNamed } from "./ghost-joins.ts";

const ghostsMax = 50_000;
const upkeepAtOnce = 2;
const upkeepRetryMs = 60_000;
const upkeepRetryMaxMs = 6 * 60 * 60_000;

/**
 * A picture of the far side on the homeserver: its `mxc:` address, uploaded if need be; undefined when it can never be had.
 * Rejects when it cannot be had now.
 */
export type TakeOver = (avatar: Avatar, network?: NetworkId) => Promise<string | undefined>;
export type Avatar = NonNullable<RemoteAuthor["avatar"]>;

export interface Ghosts {
  /** The ghost's id, registered, named and joined: at once when it is so already. */
  ready(author: RemoteAuthor, room: RoomId): UserId | Promise<UserId>;
  /** The homeserver refused this ghost in this room: forget that it is there and join once more. */
  rejoin(author: RemoteAuthor, room: RoomId): Promise<void>;
  rename(author: RemoteAuthor, was?: RemoteAuthor["id"]): Promise<void>;
  leave(author: Pick<RemoteAuthor, "network" | "id">, room: RoomId): Promise<void>;
  leaveAs(user: UserId, room: RoomId): Promise<void>;
  /** Begins what messages left to be done; called after one is out. Never fails. */
  tend(): void;
  /** Membership events of our ghosts, whoever made them. */
  feed(event: MatrixEvent): void;
}

export interface GhostsOptions {
  readonly client: Client;
  readonly caps: Caps;
  readonly ids: GhostIds;
  readonly store: GhostStore;
  readonly members: Members;
  readonly bot: UserId;
  readonly displayName: (author: RemoteAuthor) => string;
  readonly takeOver: TakeOver;
  readonly clock: Clock;
  readonly log: Log;
}

export function createGhosts(options: GhostsOptions): Ghosts {
  const { ids, store } = options;
  const cache = boundedMap<UserId, Ghost>(ghostsMax);
  const find = createFinder(store, cache);
  const account = createGhostAccount(options);
  const upkeep = createUpkeep(options, account);

  const isReady = (ghost: Ghost, name: string, room: RoomId): boolean =>
    ghost.registered && isNamed(ghost, name) && ghost.rooms.has(room);

  async function prepare(author: RemoteAuthor, room: RoomId): Promise<UserId> {
    const ghost = await find(ids.of(author));
    const name = options.displayName(author);
    if (!isReady(ghost, name, room)) {
      await queued(ghost, async () => {
        await account.ensure(ghost, author, name, !ghost.rooms.has(room));
        if (!ghost.rooms.has(room)) await account.join(ghost, author, name, room);
      });
    }
    upkeep.note(ghost, author);
    return ghost.userId;
  }

  async function leaveAs(user: UserId, room: RoomId): Promise<void> {
    const ghost = await find(user);
    if (!ghost.rooms.has(room)) return;
    await queued(ghost, () => account.leave(ghost, room));
  }

  return {
    ready(author, room) {
      const ghost = cache.get(ids.of(author));
      if (ghost === undefined || !isReady(ghost, options.displayName(author), room)) return prepare(author, room);
      upkeep.note(ghost, author);
      return ghost.userId;
    },
    async rejoin(author, room) {
      const ghost = await find(ids.of(author));
      const name = options.displayName(author);
      await queued(ghost, async () => {
        ghost.rooms.delete(room);
        await store.setJoined(ghost.userId, room, false);
        // A server that lost its memory of the ghost says 403 too.
        ghost.registered = false;
        await account.ensure(ghost, author, name, true);
        await account.join(ghost, author, name, room);
      });
      upkeep.note(ghost, author);
    },
    async rename(author, was) {
      const ghost = await find(ids.of(author));
      // The former id's ghost stays as it is: its messages are in the rooms. The new one takes over only if it exists or spoke.
      if (!ghost.registered) {
        if (was === undefined) return;
        const former = await find(ids.of({ network: author.network, id: was }));
        if (!former.registered) return;
      }
      await queued(ghost, () => account.ensure(ghost, author, options.displayName(author), false));
      upkeep.note(ghost, author);
      upkeep.begin();
    },
    leave: (author, room) => leaveAs(ids.of(author), room),
    leaveAs,
    tend: upkeep.begin,
    feed: (event) => feed(options, cache, event),
  };
}

const queued = <T>(ghost: Ghost, work: () => Promise<T>): Promise<T> => {
  const result = ghost.chain.then(work, work);
  ghost.chain = result.catch(() => undefined);
  return result;
};

/** From the cache, else from the store, asked once at a time. */
function createFinder(store: GhostStore, cache: BoundedMap<UserId, Ghost>) {
  const loading = new Map<UserId, Promise<Ghost>>();

  async function load(user: UserId): Promise<Ghost> {
    const [row, rooms] = await Promise.all([store.get(user), store.joinedRooms(user)]);
    const ghost: Ghost = {
      userId: user,
      registered: row?.registered ?? false,
      name: row?.name,
      avatar: row?.avatar,
      rooms: new Set(rooms),
      bannedFrom: new Set(),
      chain: Promise.resolve(),
      upkeep: { running: false, tries: 0, notBeforeMs: 0 },
    };
    cache.set(user, ghost);
    return ghost;
  }

  return (user: UserId): Ghost | Promise<Ghost> => {
    const known = cache.get(user);
    if (known !== undefined) return known;
    let pending = loading.get(user);
    if (pending === undefined) {
      pending = load(user).finally(() => loading.delete(user));
      loading.set(user, pending);
    }
    return pending;
  };
}

/** What is left to do for ghosts once they have spoken: nobody waits for it. */
function createUpkeep({ displayName, takeOver, clock, log }: GhostsOptions, account: GhostAccount) {
  const due = new Map<Ghost, RemoteAuthor>();
  const slots = createSlots(upkeepAtOnce);

  const newAvatar = (ghost: Ghost, { avatar }: RemoteAuthor): Avatar | undefined =>
    avatar === undefined || avatar.source === ghost.avatar || avatar.source === ghost.upkeep.avatarGivenUp
      ? undefined
      : avatar;

  async function tend(ghost: Ghost, author: RemoteAuthor): Promise<void> {
    const { upkeep } = ghost;
    try {
      await queued(ghost, () => account.complete(ghost, author, displayName(author)));
      const avatar = newAvatar(ghost, author);
      if (avatar !== undefined) {
        const mxc = await takeOver(avatar, author.network);
        if (mxc === undefined) upkeep.avatarGivenUp = avatar.source;
        else await queued(ghost, () => account.setAvatar(ghost, author, mxc, avatar.source));
      }
      upkeep.tries = 0;
    } catch (error) {
      upkeep.notBeforeMs = clock.now() + Math.min(upkeepRetryMs * 2 ** Math.min(upkeep.tries, 20), upkeepRetryMaxMs);
      upkeep.tries += 1;
      log.info({ ghost: ghost.userId, error }, "a ghost's profile could not be brought up to date; later again");
    } finally {
      upkeep.running = false;
    }
  }

  return {
    note(ghost: Ghost, author: RemoteAuthor): void {
      if (ghost.name !== undefined && (author.avatar === undefined || newAvatar(ghost, author) === undefined)) return;
      if (!ghost.upkeep.running && clock.now() >= ghost.upkeep.notBeforeMs) due.set(ghost, author);
    },
    begin(): void {
      if (due.size === 0) return;
      for (const [ghost, author] of due) {
        ghost.upkeep.running = true;
        void slots.run(() => tend(ghost, author));
      }
      due.clear();
    },
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
