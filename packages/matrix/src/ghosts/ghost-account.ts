/**
 * The calls that make a ghost what it ought to be. A new ghost speaks after three of them: it is registered, joins with its name
 * in the member event itself, and sends. Its profile is set afterwards. Servers that take no such join get the name first.
 */
import { BridgeError, type GhostStore, type Log, type RemoteAuthor, type RoomId, type UserId } from "@trestle/core";
import type { Caps } from "../caps.ts";
import type { Client } from "../client.ts";
import { failureOf } from "../errors.ts";
import { createGhostJoins, type Ghost, type GhostJoinsOptions, isNamed, roomPath } from "./ghost-joins.ts";

export interface GhostAccountOptions extends GhostJoinsOptions {
  readonly caps: Caps;
  readonly store: GhostStore;
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
  const { client, caps, store, log } = options;
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

  const joins = createGhostJoins(options, rename);

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
      await joins.join(ghost, author, name, room);
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
