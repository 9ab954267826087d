/**
 * Files of the far side onto the homeserver, each once: what was uploaded is remembered by its source, so that a crash between
 * an upload and its event uploads nothing again. Where the server gives an address before the bytes (MSC2246), the address is
 * remembered first, and a broken upload ends in the same file. It tries nothing again by itself.
 */
import { hash } from "node:crypto";
import { BridgeError, type Clock, type ExpiringStore, type HomeserverHost, type Log, type UserId } from "@trestle/core";
import { type Caps, tryFeature } from "../caps.ts";
import type { Client, JsonObject } from "../client.ts";
import { failureOf, isAway, isUnrecognized } from "../errors.ts";
import type { MediaBudget } from "./budget.ts";
import { mediaError } from "./download.ts";
import type { MediaBody, MediaHttp } from "./http.ts";
import { isActive, mimeTypeOf, mxcPattern, sizeText, unknownType } from "./name.ts";
import { spool } from "./spool.ts";
import type { Tries } from "./tries.ts";

export interface Uploaded {
  readonly mxc: string;
  /** Unknown for what was on the homeserver already. */
  readonly byteLength?: number;
  readonly mimeType: string;
}

/** A file to be had on the homeserver. */
export interface Wanted {
  readonly network: string;
  readonly source: string;
  readonly mimeType: string;
  /** Shown to who downloads it. */
  readonly name?: string;
}

export interface MediaUpload {
  /** From then on files of the far side can be opened. */
  open(host: Pick<HomeserverHost, "openMedia">): void;
  /** `queue`: whose turn it is when there is no room. Rejects with `media-gone`, `media-too-large`, `media-failed`. */
  upload(wanted: Wanted, queue: string): Promise<Uploaded>;
  readonly underWay: number;
}

export interface MediaUploadOptions {
  readonly client: Client;
  readonly http: MediaHttp;
  readonly caps: Caps;
  readonly budget: MediaBudget;
  readonly tries: Tries;
  readonly store: ExpiringStore;
  readonly bot: UserId;
  readonly clock: Clock;
  readonly log: Log;
}

const rememberedMs = 30 * 24 * 60 * 60 * 1000;
const limitKeptMs = 10 * 60 * 1000;
/** Of a file whose length its source does not say, where the server names no limit. */
const spoolBytesMax = 256 * 1024 * 1024;

/** Addresses without bytes at a time: Synapse gives a user five, and holds it against him for a day. */
const announcedMax = 4;

interface Remembered extends Uploaded {
  /** The address is ours, the bytes are not there yet. */
  readonly pending?: boolean;
}

export function createMediaUpload(options: MediaUploadOptions): MediaUpload {
  const { store, clock, budget, tries } = options;
  const underWay = new Map<string, Promise<Uploaded>>();
  const limitOf = createLimit(options);
  const transfer = createTransfer(options);
  let host: Pick<HomeserverHost, "openMedia"> | undefined;

  async function once(wanted: Wanted, key: string, queue: string): Promise<Uploaded> {
    const known = await remembered(store, key);
    if (known !== undefined && known.pending !== true) return known;
    if (host === undefined) throw new BridgeError("homeserver-unreachable", "not started");
    const limit = await limitOf();
    const lease = await budget.enter(queue);
    try {
      const stream = await host.openMedia({ source: wanted.source });
      try {
        if (stream.byteLength !== undefined) checkSize(stream.byteLength, limit);
        const sized =
          stream.byteLength === undefined
            ? await spool({ ...stream, bytes: held(stream.bytes, lease) }, limit ?? spoolBytesMax)
            : { ...stream, byteLength: stream.byteLength };
        try {
          const mimeType = typeOf(wanted.mimeType, stream.mimeType);
          const { byteLength } = sized;
          const mxc = await transfer(wanted, known?.mxc, key, {
            bytes: held(sized.bytes, lease),
            byteLength,
            mimeType,
          });
          const done: Remembered = { mxc, byteLength, mimeType };
          await store.put(key, JSON.stringify(done), clock.now() + rememberedMs);
          tries.worked(key);
          return done;
        } finally {
          sized.close();
        }
      } finally {
        stream.close();
      }
    } catch (error) {
      throw tries.failed(key, mediaError(error));
    } finally {
      lease.release();
    }
  }

  return {
    get underWay() {
      return underWay.size;
    },
    open(given) {
      host = given;
    },
    upload(wanted, queue) {
      const mimeType = mimeTypeOf(wanted.mimeType);
      if (mxcPattern.test(wanted.source)) return Promise.resolve({ mxc: wanted.source, mimeType });
      const key = keyOf(wanted);
      let running = underWay.get(key);
      if (running === undefined) {
        running = once(wanted, key, queue).finally(() => underWay.delete(key));
        underWay.set(key, running);
      }
      return running;
    },
  };
}

/** What a remote network says to be a picture and to be a page at once is neither. */
function typeOf(declared: string, streamed: string | undefined): string {
  const type = mimeTypeOf(declared);
  return isActive(mimeTypeOf(streamed)) && !isActive(type) ? unknownType : type;
}

const keyOf = ({ network, source }: Wanted): string =>
  `upload/${network}/${source.length > 200 ? hash("sha256", source, "base64url") : source}`;

async function remembered(store: ExpiringStore, key: string): Promise<Remembered | undefined> {
  const row = await store.get(key);
  return row === undefined ? undefined : (JSON.parse(row) as Remembered);
}

function checkSize(bytes: number, limit: number | undefined): void {
  if (limit !== undefined && bytes > limit)
    throw new BridgeError("media-too-large", `${sizeText(bytes)}, and this homeserver takes ${sizeText(limit)}`);
}

async function* held(
  bytes: AsyncIterable<Uint8Array>,
  lease: { hold(bytes: number): void },
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    lease.hold(piece.length);
    yield piece;
    lease.hold(0);
  }
}

/** The server's own limit, asked now and then; unknown when it does not say. */
function createLimit({ client, bot, clock, log }: MediaUploadOptions): () => Promise<number | undefined> {
  let known: { readonly limit: Promise<number | undefined>; readonly untilMs: number } | undefined;
  const ask = async (path: string) => (await client.call({ method: "GET", path, as: bot }))["m.upload.size"];

  async function limit(): Promise<number | undefined> {
    try {
      const said = await ask("/_matrix/client/v1/media/config").catch((error: unknown) => {
        if (!isUnrecognized(error)) throw error;
        return ask("/_matrix/media/v3/config");
      });
      return typeof said === "number" && Number.isFinite(said) && said > 0 ? said : undefined;
    } catch (error) {
      known = undefined;
      if (isAway(error)) throw error;
      log.debug({ error }, "the homeserver does not say how large a file may be");
      return undefined;
    }
  }

  return () => {
    if (known === undefined || known.untilMs < clock.now())
      known = { limit: limit(), untilMs: clock.now() + limitKeptMs };
    return known.limit;
  };
}

type Transfer = (wanted: Wanted, pending: string | undefined, key: string, body: MediaBody) => Promise<string>;

/** The bytes onto the server; resolves with their address. */
function createTransfer({ http, caps, store, bot, clock }: MediaUploadOptions): Transfer {
  let waiting = 0;

  async function create(key: string, mimeType: string): Promise<string | undefined> {
    let answer: JsonObject | undefined;
    try {
      answer = await tryFeature(caps, "async-media", () =>
        http.send("POST", "/_matrix/media/v1/create", bot, emptyJson()),
      );
    } catch (error) {
      // Too many that wait for their bytes, or whatever else: the other way has no such step.
      if (failureOf(error)?.status === 0) throw error;
      return undefined;
    }
    const mxc = answer?.["content_uri"];
    if (typeof mxc !== "string" || !mxcPattern.test(mxc)) return undefined;
    const until = answer?.["unused_expires_at"];
    const row: Remembered = { mxc, mimeType, pending: true };
    await store.put(key, JSON.stringify(row), typeof until === "number" ? until : clock.now() + 60 * 60 * 1000);
    return mxc;
  }

  async function post(wanted: Wanted, body: MediaBody): Promise<string> {
    const answer = await http.send("POST", `/_matrix/media/v3/upload${nameQuery(wanted)}`, bot, body);
    const uri = answer["content_uri"];
    if (typeof uri === "string" && mxcPattern.test(uri)) return uri;
    throw new BridgeError("media-failed", "the homeserver names no address for it");
  }

  async function put(wanted: Wanted, mxc: string, key: string, body: MediaBody): Promise<string> {
    try {
      await http.send("PUT", `/_matrix/media/v3/upload/${mxc.slice("mxc://".length)}${nameQuery(wanted)}`, bot, body);
    } catch (error) {
      const failure = failureOf(error);
      // It was there: the answer to an earlier try was lost.
      if (failure?.errcode === "M_CANNOT_OVERWRITE_MEDIA") return mxc;
      // The address is no longer ours to fill: the next try gets another.
      if (failure?.status === 404 || failure?.status === 403) {
        await store.remove(key);
        throw new BridgeError("media-failed", failure.text, { cause: failure });
      }
      throw error;
    }
    return mxc;
  }

  return async (wanted, pending, key, body) => {
    if (pending === undefined && waiting >= announcedMax) return post(wanted, body);
    waiting += 1;
    try {
      const mxc = pending ?? (await create(key, body.mimeType));
      return mxc === undefined ? await post(wanted, body) : await put(wanted, mxc, key, body);
    } finally {
      waiting -= 1;
    }
  };
}

const nameQuery = ({ name }: Wanted): string => (name === undefined ? "" : `?filename=${encodeURIComponent(name)}`);

const emptyJson = (): MediaBody => ({
  bytes: (async function* () {
    yield Buffer.from("{}");
  })(),
  byteLength: 2,
  mimeType: "application/json",
});
