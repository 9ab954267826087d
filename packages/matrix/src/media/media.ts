/**
 * Files both ways, put together: streams from the homeserver, uploads to it, public addresses of what networks can take only as
 * one. Everything that has a file in its hands shares one budget of memory.
 */
import {
  BridgeError,
  type Clock,
  type Homeserver,
  type HomeserverHost,
  type Log,
  type MatrixEvent,
  type Meter,
  type Store,
  type UserId,
} from "@trestle/core";
import type { Caps } from "../caps.ts";
import type { Client } from "../client.ts";
import { createAvatars } from "../ghosts/avatars.ts";
import type { TakeOver } from "../ghosts/ghosts.ts";
import { createMediaBudget, type MediaBudget } from "./budget.ts";
import { createMediaDownload } from "./download.ts";
import { createMediaHttp } from "./http.ts";
import { mxcPattern } from "./name.ts";
import { createMediaProxy, type MediaProxyConfig } from "./proxy.ts";
import { createFileSender, type FileSender } from "./send.ts";
import { createTries } from "./tries.ts";
import { createMediaUpload, type MediaUpload } from "./upload.ts";

export interface MediaOptions {
  readonly url: string;
  readonly token: string;
  readonly client: Client;
  readonly caps: Caps;
  readonly store: Store["media"];
  readonly bot: UserId;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Undefined: no public addresses. */
  readonly proxy: MediaProxyConfig | undefined;
  /** Longest time in which a transfer may stand still; default 60 s. */
  readonly stallMs?: number;
}

export interface Media extends Pick<Homeserver, "openMedia" | "publish"> {
  readonly uploads: MediaUpload;
  readonly files: FileSender;
  readonly takeOver: TakeOver;
  readonly budget: MediaBudget;
  /** Where the media proxy listens, once started; undefined without one. */
  readonly port: number | undefined;
  /** Rejects with `port-taken`. */
  start(host: Pick<HomeserverHost, "openMedia">): Promise<void>;
  stop(): Promise<void>;
  /** Every event that the homeserver pushed or that was found without; one may come twice. */
  feed(event: MatrixEvent): void;
}

/** More transfers than the budget lets in are never under way. */
const connections = 64;

export function createMedia(options: MediaOptions): Media {
  const { url, token, clock, meter, proxy: config, stallMs = 60_000, ...rest } = options;
  const http = createMediaHttp({ url, token, clock, stallMs, connections });
  const shared = { ...rest, clock, http, budget: createMediaBudget(meter), tries: createTries() };
  const downloads = createMediaDownload({ ...shared, abandonedMs: 2 * stallMs });
  const uploads = createMediaUpload(shared);
  const proxy =
    config === undefined
      ? undefined
      : createMediaProxy({ ...shared, ...config, meter, openMedia: (source, queue) => downloads.open(source, queue) });
  let port: number | undefined;
  let host: Pick<HomeserverHost, "openMedia"> | undefined;
  const takeOver = createAvatars({
    ...shared,
    async open(avatar) {
      if (host === undefined) throw new BridgeError("homeserver-unreachable", "not started");
      return host.openMedia(avatar);
    },
    async upload(bytes, mimeType) {
      const body = { bytes: pieceOf(bytes), byteLength: bytes.length, mimeType };
      const { content_uri: mxc } = await http.send("POST", "/_matrix/media/v3/upload", rest.bot, body);
      if (typeof mxc === "string" && mxcPattern.test(mxc)) return mxc;
      throw new BridgeError("media-failed", "the homeserver names no address for it");
    },
  });
  return {
    uploads,
    takeOver,
    files: createFileSender({ uploads, log: options.log }),
    budget: shared.budget,
    get port() {
      return port;
    },
    openMedia: ({ source }) => downloads.open(source, `out ${source}`),
    publish: async (event, what) => proxy?.publish(event, what),
    async start(given) {
      host = given;
      uploads.open(given);
      port = await proxy?.listen();
    },
    async stop() {
      await Promise.all([proxy?.close(), http.close()]);
    },
    feed(event) {
      if (proxy === undefined || event.type !== "m.room.redaction") return;
      const target = event.redacts ?? event.content["redacts"];
      if (typeof target === "string") proxy.forget(event.room_id, target);
    },
  };
}

async function* pieceOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
