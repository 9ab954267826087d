/**
 * Files over HTTP: bodies streamed both ways with back-pressure, on connections of their own so that fifty slow files take none
 * from the messages. Nothing is limited in total time, only in standing still. It decides nothing about trying again.
 */
import { BridgeError, type Clock, type UserId } from "@trestle/core";
import { Agent, type Dispatcher, Pool } from "undici";
import type { JsonObject } from "../client.ts";
import { type Failure, retryAfterMs, toBridgeError } from "../errors.ts";

export interface MediaAnswer {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly byteLength?: number;
  readonly mimeType?: string;
  /** Ends it before its end; whoever reads then fails. */
  abort(why: string): void;
}

export interface MediaBody {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly byteLength: number;
  readonly mimeType: string;
}

export interface MediaHttp {
  /** Resolves with the headers of a 200; rejects with a BridgeError whose cause is a Failure. */
  get(path: string, as: UserId): Promise<MediaAnswer>;
  /** Resolves with the JSON of a 2xx. */
  send(method: "POST" | "PUT", path: string, as: UserId, body: MediaBody): Promise<JsonObject>;
  close(): Promise<void>;
}

export interface MediaHttpOptions {
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
  /** Longest time in which nothing moves. */
  readonly stallMs: number;
  readonly connections: number;
}

/** A homeserver may have to fetch it from another one first, or to make sense of a large upload. */
const answerMs = 120_000;
const redirectsMax = 3;
const answerBytesMax = 64 * 1024;

export function createMediaHttp({ url, token, clock, stallMs, connections }: MediaHttpOptions): MediaHttp {
  const address = new URL(url);
  const prefix = address.pathname.replace(/\/+$/, "");
  const limits = { headersTimeout: answerMs, bodyTimeout: stallMs, connect: { timeout: 10_000 } };
  const pool = new Pool(address.origin, { ...limits, connections, pipelining: 1 });
  let elsewhere: Agent | undefined;
  const authorization = `Bearer ${token}`;
  const target = (path: string, as: UserId) =>
    `${prefix}${path}${path.includes("?") ? "&" : "?"}user_id=${encodeURIComponent(as)}`;

  const failureOfAnswer = async ({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<BridgeError> => {
    const answer = await shortJson(body);
    const after = retryAfterMs(answer, headers["retry-after"], clock.now());
    const failure: Failure = {
      status: statusCode,
      ...(typeof answer?.["errcode"] === "string" ? { errcode: answer["errcode"] } : {}),
      text: typeof answer?.["error"] === "string" ? answer["error"].slice(0, 300) : "",
      ...(after === undefined ? {} : { retryAfterMs: after }),
      outcome: statusCode >= 500 ? "unknown" : "not-done",
    };
    return toBridgeError(failure);
  };

  /** Media may lie elsewhere (MSC3916 lets a server say so); our token stays at home. */
  async function follow(answer: Dispatcher.ResponseData, left: number, from: string): Promise<Dispatcher.ResponseData> {
    const location = answer.headers["location"];
    if (![301, 302, 307, 308].includes(answer.statusCode) || typeof location !== "string") return answer;
    drop(answer.body);
    const to = URL.canParse(location, from) ? new URL(location, from) : undefined;
    if (left === 0 || to === undefined || !/^https?:$/.test(to.protocol))
      throw toBridgeError({ status: 502, text: "the homeserver points nowhere", outcome: "unknown" });
    elsewhere ??= new Agent({ ...limits, connections });
    const next = await elsewhere.request({ origin: to.origin, path: `${to.pathname}${to.search}`, method: "GET" });
    return follow(next, left - 1, to.href);
  }

  return {
    async get(path, as) {
      let answer: Dispatcher.ResponseData;
      try {
        const first = await pool.request({ method: "GET", path: target(path, as), headers: { authorization } });
        answer = await follow(first, redirectsMax, address.href);
      } catch (error) {
        throw error instanceof BridgeError ? error : noAnswer(error);
      }
      if (answer.statusCode !== 200) throw await failureOfAnswer(answer);
      return streamOf(answer);
    },
    async send(method, path, as, { bytes, byteLength, mimeType }) {
      const aborted = new AbortController();
      const watch = createWatch(stallMs, (why) => aborted.abort(new Error(why)));
      let answer: Dispatcher.ResponseData;
      try {
        answer = await pool.request({
          method,
          path: target(path, as),
          headers: { authorization, "content-type": mimeType, "content-length": String(byteLength) },
          body: watched(bytes, watch) as never,
          signal: aborted.signal,
          headersTimeout: 0,
        });
      } catch (error) {
        throw error instanceof BridgeError ? error : noAnswer(error);
      } finally {
        watch.end();
      }
      if (answer.statusCode < 200 || answer.statusCode > 299) throw await failureOfAnswer(answer);
      return (await shortJson(answer.body)) ?? {};
    },
    close: async () => {
      await Promise.all([pool.destroy(), elsewhere?.destroy()]);
    },
  };
}

interface Watch {
  moved(): void;
  sent(): void;
  end(): void;
}

function createWatch(stallMs: number, late: (why: string) => void): Watch {
  let timer: NodeJS.Timeout | undefined;
  const set = (ms: number, why: string) => {
    clearTimeout(timer);
    timer = setTimeout(late, ms, why);
  };
  const moved = () => set(stallMs, "the upload stands still");
  moved();
  return { moved, sent: () => set(answerMs, "there was no answer to the upload"), end: () => clearTimeout(timer) };
}

/** Nobody reads it: its end is an error for nobody. */
function drop(body: Dispatcher.ResponseData["body"], why?: Error): void {
  body.on("error", () => undefined);
  body.destroy(why);
}

/** Each piece that is taken shows that it moves; after the last one there is some time for an answer. */
async function* watched(bytes: AsyncIterable<Uint8Array>, watch: Watch): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    watch.moved();
    yield piece;
    watch.moved();
  }
  watch.sent();
}

function streamOf({ headers, body }: Dispatcher.ResponseData): MediaAnswer {
  // Broken before it is read, it still fails for who reads it.
  body.on("error", () => undefined);
  const length = Number(headers["content-length"]);
  const type = headers["content-type"];
  const encoded = headers["content-encoding"] !== undefined && headers["content-encoding"] !== "identity";
  return {
    bytes: body,
    ...(headers["content-length"] === undefined || encoded || !Number.isSafeInteger(length)
      ? {}
      : { byteLength: length }),
    ...(typeof type === "string" ? { mimeType: type } : {}),
    abort: (why) => drop(body, new Error(why)),
  };
}

async function shortJson(body: Dispatcher.ResponseData["body"]): Promise<JsonObject | undefined> {
  try {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of body as AsyncIterable<Uint8Array>) {
      bytes += piece.length;
      if (bytes > answerBytesMax) break;
      pieces.push(piece);
    }
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

const notSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

function noAnswer(error: unknown): BridgeError {
  const code = (error as { code?: unknown }).code;
  const text = error instanceof Error ? error.message : String(error);
  const outcome = typeof code === "string" && notSent.has(code) ? "not-done" : "unknown";
  return toBridgeError({ status: 0, text: typeof code === "string" ? `${text} (${code})` : text, outcome });
}
