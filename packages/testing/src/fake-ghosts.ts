/** The ghosts of the fake homeserver: their ids, and getting one registered, named and joined before it speaks. */
import { BridgeError, networkId, type RemoteAuthor, remoteUserId, type UserId, userId } from "@trestle/core";
import type { FakeMatrix, FakeRoom } from "./fake-matrix.ts";

type RemoteId = Pick<RemoteAuthor, "network" | "id">;

/** `@_fake_<network>_<id>`, bytes outside `a-z0-9.-` written as `=xx`. */
export function ghostId(serverName: string, author: RemoteId): UserId {
  const escaped = [...Buffer.from(author.id)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[a-z0-9.-]/.test(char) ? char : `=${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
  return userId(`@_fake_${author.network}_${escaped}:${serverName}`);
}

/** The way back from `ghostId`; undefined for anybody else. */
export function authorOfGhost(serverName: string, user: UserId): RemoteId | undefined {
  if (!user.startsWith("@_fake_") || !user.endsWith(`:${serverName}`)) return undefined;
  const match = /^([a-z0-9-]+)_((?:[a-z0-9.-]|=[0-9a-f]{2})*)$/.exec(user.slice(7, -serverName.length - 1));
  if (!match) return undefined;
  const bytes = (match[2] ?? "").replace(
    /=([0-9a-f]{2})|(.)/g,
    (_all, hex: string | undefined, char: string) => hex ?? char.charCodeAt(0).toString(16).padStart(2, "0"),
  );
  return { network: networkId(match[1] ?? ""), id: remoteUserId(Buffer.from(bytes, "hex").toString()) };
}

export interface FakeGhosts {
  isOurs(user: UserId): boolean;
  /** The bot's id, if it is in the room. */
  requireBot(room: FakeRoom): UserId;
  ensureIn(room: FakeRoom, author: RemoteAuthor): UserId;
  rename(author: RemoteAuthor, was: RemoteAuthor["id"] | undefined): void;
  leave(room: FakeRoom, ghost: UserId): void;
}

export function createGhosts(matrix: FakeMatrix, bot: UserId): FakeGhosts {
  const joinAs = (room: FakeRoom, user: UserId, name: string) =>
    matrix.write(room, user, {
      type: "m.room.member",
      stateKey: user,
      content: { membership: "join", displayname: name },
    });
  const setName = (ghost: UserId, name: string) => {
    if (matrix.displayNames.get(ghost) === name) return;
    matrix.displayNames.set(ghost, name);
    for (const room of matrix.rooms.values()) {
      if (matrix.membership(room, ghost) === "join") joinAs(room, ghost, name);
    }
  };
  const requireBot = (room: FakeRoom): UserId => {
    if (matrix.membership(room, bot) === "join") return bot;
    throw new BridgeError("homeserver-refused", "the bot is not in the room");
  };
  return {
    isOurs: (user) => authorOfGhost(matrix.serverName, user) !== undefined,
    requireBot,
    ensureIn: (room, author) => {
      const ghost = ghostId(matrix.serverName, author);
      matrix.registered.add(ghost);
      setName(ghost, author.name);
      if (author.avatar !== undefined) matrix.avatars.set(ghost, author.avatar.source);
      const membership = matrix.membership(room, ghost);
      if (membership === "ban") throw new BridgeError("homeserver-refused", `${ghost} is banned here`);
      if (membership !== "join") {
        requireBot(room);
        joinAs(room, ghost, author.name);
      }
      return ghost;
    },
    rename: (author, was) => {
      const candidates = [author.id, ...(was === undefined ? [] : [was])];
      const ghost = candidates
        .map((id) => ghostId(matrix.serverName, { network: author.network, id }))
        .find((id) => matrix.registered.has(id));
      if (ghost !== undefined) setName(ghost, author.name);
    },
    leave: (room, ghost) => {
      if (matrix.membership(room, ghost) !== "join") return;
      matrix.write(room, ghost, { type: "m.room.member", stateKey: ghost, content: { membership: "leave" } });
    },
  };
}
