/**
 * Pictures of people and rooms of the far side, on the homeserver once each: known by their source, and by their content, since
 * many people have the same. They are small, so they are held whole: a hash has to be known before an upload.
 */
import { createHash } from "node:crypto";
import { BridgeError, type Clock, type ExpiringStore, type MediaStream, type NetworkId } from "@trestle/core";
import type { MediaBudget } from "../media/budget.ts";
import { mxcPattern } from "../media/name.ts";
import type { Avatar, TakeOver } from "./ghosts.ts";

export interface AvatarsOptions {
  readonly store: ExpiringStore;
  readonly open: (avatar: Avatar) => Promise<MediaStream>;
  readonly budget: MediaBudget;
  /** Resolves with the `mxc:` address. */
  readonly upload: (bytes: Uint8Array, mimeType: string) => Promise<string>;
  readonly clock: Clock;
}

const avatarBytesMax = 4 * 1024 * 1024;
const rememberedMs = 90 * 24 * 60 * 60_000;
/** What every client shows and no client runs. */
const types = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);

export function createAvatars({ store, open, budget, upload, clock }: AvatarsOptions): TakeOver {
  const underWay = new Map<string, Promise<string | undefined>>();

  async function take(avatar: Avatar, row: string): Promise<string | undefined> {
    const known = await store.get(row);
    if (known !== undefined) return known;
    const lease = await budget.enter("avatars");
    try {
      return await carry(avatar, row, (bytes) => lease.hold(bytes));
    } finally {
      lease.release();
    }
  }

  async function carry(avatar: Avatar, row: string, hold: (bytes: number) => void): Promise<string | undefined> {
    const found = await read(avatar, hold);
    if (found === undefined) return undefined;
    const content = `content/${createHash("sha256").update(found.bytes).digest("hex")}`;
    const twin = await store.get(content);
    const mxc = twin ?? (await upload(found.bytes, found.mimeType));
    const expiresAtMs = clock.now() + rememberedMs;
    await Promise.all([store.put(content, mxc, expiresAtMs), store.put(row, mxc, expiresAtMs)]);
    return mxc;
  }

  /** Undefined: it is none, or no longer there. */
  async function read(
    avatar: Avatar,
    hold: (bytes: number) => void,
  ): Promise<{ bytes: Uint8Array; mimeType: string } | undefined> {
    if ((avatar.byteLength ?? 0) > avatarBytesMax) return undefined;
    const stream = await open(avatar).catch((error: unknown) => {
      if (error instanceof BridgeError && error.retry === "never") return undefined;
      throw error;
    });
    if (stream === undefined) return undefined;
    try {
      const mimeType = typeOf(stream.mimeType ?? avatar.mimeType);
      if (mimeType === undefined || (stream.byteLength ?? 0) > avatarBytesMax) return undefined;
      const pieces: Uint8Array[] = [];
      let length = 0;
      for await (const piece of stream.bytes) {
        length += piece.length;
        if (length > avatarBytesMax) return undefined;
        hold(length);
        pieces.push(piece);
      }
      return length === 0 ? undefined : { bytes: Buffer.concat(pieces), mimeType };
    } finally {
      stream.close();
    }
  }

  return (avatar, network) => {
    if (avatar.source.startsWith("mxc:"))
      return Promise.resolve(mxcPattern.test(avatar.source) ? avatar.source : undefined);
    const row = rowOf(network, avatar.source);
    let running = underWay.get(row);
    if (running === undefined) {
      running = take(avatar, row).finally(() => underWay.delete(row));
      underWay.set(row, running);
    }
    return running;
  };
}

const rowOf = (network: NetworkId | undefined, source: string): string =>
  `avatar/${network ?? ""}/${source.length > 200 ? createHash("sha256").update(source).digest("base64url") : source}`;

const typeOf = (said: string): string | undefined => {
  const type = said.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return types.has(type) ? type : undefined;
};
