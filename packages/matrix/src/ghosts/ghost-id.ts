/**
 * A ghost's Matrix id from a remote id, and the way back: `@_irc_<network>_<encoded id>:server`. The network holds no `_`, so
 * the first one after the prefix ends it. Letters outside `[a-z0-9._/-]` are written `=xx`, one per UTF-8 byte: what the
 * strictest homeserver takes. An id too long for Matrix's 255 bytes is cut and ends in `==` and a hash; it cannot be read back.
 */
import { createHash } from "node:crypto";
import { networkId, type RemoteAuthor, remoteUserId, type UserId, userId } from "@trestle/core";

const userIdBytesMax = 255;
const hashLetters = 32;
const plain = new Set([..."abcdefghijklmnopqrstuvwxyz0123456789._/-"].map((letter) => letter.charCodeAt(0)));

type RemoteIdentity = Pick<RemoteAuthor, "network" | "id">;

export interface GhostIds {
  of(author: RemoteIdentity): UserId;
  read(user: string): RemoteIdentity | undefined;
  /** Whether this id lies in our namespace, readable or not. */
  isGhost(user: string): boolean;
}

export function createGhostIds(prefix: string, serverName: string): GhostIds {
  const head = `@${prefix}`;
  const tail = `:${serverName}`;
  return {
    of(author) {
      const start = `${head}${author.network}_`;
      const room = userIdBytesMax - Buffer.byteLength(start) - Buffer.byteLength(tail);
      const encoded = encodeLocalpart(author.id);
      return userId(`${start}${encoded.length <= room ? encoded : cut(encoded, author.id, room)}${tail}`);
    },
    read(user) {
      if (!user.startsWith(head) || !user.endsWith(tail)) return undefined;
      const body = user.slice(head.length, -tail.length);
      const end = body.indexOf("_");
      if (end < 1) return undefined;
      const id = decodeLocalpart(body.slice(end + 1));
      return id === undefined ? undefined : { network: networkId(body.slice(0, end)), id: remoteUserId(id) };
    },
    isGhost: (user) => user.startsWith(head) && user.endsWith(tail),
  };
}

/** Any text as letters that every homeserver takes in a localpart. */
export function encodeLocalpart(text: string): string {
  let out = "";
  for (const byte of Buffer.from(text.toWellFormed(), "utf8")) {
    out += plain.has(byte) ? String.fromCharCode(byte) : `=${byte.toString(16).padStart(2, "0")}`;
  }
  return out;
}

/** The way back; undefined for anything that `encodeLocalpart` cannot have made. */
export function decodeLocalpart(encoded: string): string | undefined {
  if (!/^(?:[a-z0-9._/-]|=[0-9a-f]{2})+$/.test(encoded)) return undefined;
  const bytes = encoded.replace(/=([0-9a-f]{2})|([^=])/g, (_all, hex: string | undefined, letter: string) =>
    hex === undefined ? letter.charCodeAt(0).toString(16).padStart(2, "0") : hex,
  );
  const text = Buffer.from(bytes, "hex").toString("utf8");
  // One id, one spelling: `=61` for `a` is not ours.
  return encodeLocalpart(text) === encoded ? text : undefined;
}

function cut(encoded: string, id: string, room: number): string {
  const hash = createHash("sha256").update(id).digest("hex").slice(0, hashLetters);
  const kept = encoded.slice(0, Math.max(0, room - hashLetters - 2)).replace(/=[0-9a-f]?$/, "");
  return `${kept}==${hash}`;
}
