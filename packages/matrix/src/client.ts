/**
 * The one way to the homeserver: pooled, kept-alive HTTP, one attempt per call. It refuses to retry by itself (the caller
 * decides, once the first attempt is over) and to act as nobody: each call says as whom. The token goes in the header only,
 * because header and query together are a 401 on Synapse and Dendrite.
 */
import { hash } from "node:crypto";
import type { BridgeError, Clock, Meter, UserId } from "@trestle/core";
import { type Dispatcher, Pool } from "undici";
import { boundedMap } from "./bounded-map.ts";
import { type Failure, retryAfterMs, toBridgeError } from "./errors.ts";

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path below the homeserver's address, its variable parts encoded. */
  readonly path: string;
  /** As whom; undefined only where there is no user yet (register, versions). */
  readonly as: UserId | undefined;
  /** Further query parameters, encoded, without `?`. */
  readonly query?: string;
  /** JSON text. */
  readonly body?: string;
  readonly timeoutMs?: number;
  /** Another token than the appservice's; then `user_id` is not sent. */
  readonly token?: string;
  /** `token` is that of another appservice registration: `user_id` is sent. */
  readonly masquerade?: boolean;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export interface Client {
  /** The JSON object of a 2xx answer; anything else rejects with a BridgeError whose `cause` is a Failure. */
  call(call: Call): Promise<JsonObject>;
  /** The same for the few endpoints that answer with an array. */
  list(call: Call): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

export interface ClientOptions {
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly timeoutMs: number;
  readonly connections?: number;
}

const answerBytesMax = 64 * 1024 * 1024;
const notSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Same inputs, same id, for ever: no server can tell two ghosts' or two rooms' equal counters apart, so all of it goes in. */
export const transactionId = (span: string, ghost: string, room: string, type: string, key: string): string =>
  hash("sha256", `${span}\n${ghost}\n${room}\n${type}\n${key}`, "base64url");

export function createClient(options: ClientOptions): Client {
  const { clock, meter } = options;
  const address = new URL(options.url);
  const prefix = address.pathname.replace(/\/+$/, "");
  const pool = new Pool(address.origin, {
    connections: options.connections ?? 128,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 120_000,
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    connect: { timeout: 10_000 },
  });
  const plainHeaders = ["authorization", `Bearer ${options.token}`];
  const jsonHeaders = [...plainHeaders, "content-type", "application/json"];
  /** A limit is per user on the servers that have one: it must not hold up the others. */
  const limitedUntil = boundedMap<string, number>(10_000);
  let unreachable = 0;

  const fail = (failure: Failure, call: Call): BridgeError => {
    if (notSentFailure(failure)) unreachable += 1;
    const error = toBridgeError(failure, Math.min(250 * 2 ** Math.min(unreachable, 5), 5000));
    if (error.code === "homeserver-limit" && call.as !== undefined) {
      const waitMs = typeof error.retry === "object" ? error.retry.afterMs : 1000;
      limitedUntil.set(call.as, clock.now() + waitMs);
    }
    meter.count("trestle_homeserver_failures_total", { code: error.code });
    return error;
  };

  function dispatchOptions(call: Call): Dispatcher.DispatchOptions {
    let query = call.as === undefined || isPersonal(call) ? "" : `?user_id=${encodeURIComponent(call.as)}`;
    if (call.query !== undefined && call.query !== "") query += `${query === "" ? "?" : "&"}${call.query}`;
    const dispatch: Dispatcher.DispatchOptions = {
      method: call.method,
      path: `${prefix}${call.path}${query}`,
      headers: call.token === undefined ? (call.body === undefined ? plainHeaders : jsonHeaders) : ownToken(call),
      body: call.body ?? null,
    };
    if (call.timeoutMs === undefined) return dispatch;
    return { ...dispatch, headersTimeout: call.timeoutMs, bodyTimeout: call.timeoutMs };
  }

  const exchange = <T>(call: Call, read: (value: unknown) => T | undefined): Promise<T> => {
    if (limitedUntil.size > 0 && call.as !== undefined) {
      const leftMs = (limitedUntil.get(call.as) ?? 0) - clock.now();
      if (leftMs > 0) return Promise.reject(limited(leftMs));
      limitedUntil.delete(call.as);
    }
    return new Promise((resolve, reject) => {
      const done = (value: unknown) => {
        unreachable = 0;
        const answer = read(value);
        if (answer !== undefined) resolve(answer);
        else reject(fail({ status: 200, text: "the answer is not the JSON it ought to be", outcome: "unknown" }, call));
      };
      pool.dispatch(dispatchOptions(call), new Exchange(done, (failure) => reject(fail(failure, call)), clock));
    });
  };

  return {
    call: (call) => exchange(call, asObject),
    list: (call) => exchange(call, (value) => (Array.isArray(value) ? value : undefined)),
    close: () => pool.destroy(),
  };
}

const isPersonal = (call: Call): boolean => call.token !== undefined && call.masquerade !== true;

const ownToken = (call: Call): string[] => [
  "authorization",
  `Bearer ${call.token}`,
  ...(call.body === undefined ? [] : ["content-type", "application/json"]),
];

const notSentFailure = (failure: Failure): boolean => failure.status === 0 && failure.outcome === "not-done";

const limited = (leftMs: number): BridgeError =>
  toBridgeError({
    status: 429,
    errcode: "M_LIMIT_EXCEEDED",
    text: "the homeserver asked us to wait",
    retryAfterMs: leftMs,
    outcome: "not-done",
  });

/** One request's answer being gathered. Only undici calls it. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #done: (answer: unknown) => void;
  readonly #failed: (failure: Failure) => void;
  readonly #clock: Clock;
  #status = 0;
  #retryAfter: unknown;
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;
  #bytes = 0;

  constructor(done: (answer: unknown) => void, failed: (failure: Failure) => void, clock: Clock) {
    this.#done = done;
    this.#failed = failed;
    this.#clock = clock;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    this.#status = status;
    if (status >= 400) this.#retryAfter = headers["retry-after"];
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > answerBytesMax) {
      controller.abort(new Error("the answer is too large"));
    } else if (this.#first === undefined) {
      this.#first = chunk;
    } else {
      this.#rest ??= [this.#first];
      this.#rest.push(chunk);
    }
  }

  onResponseEnd(): void {
    const value = parse(this.#rest === undefined ? this.#first : Buffer.concat(this.#rest));
    const status = this.#status;
    if (status >= 200 && status < 300) {
      this.#done(value);
      return;
    }
    const body = asObject(value);
    const after = retryAfterMs(body, this.#retryAfter, this.#clock.now());
    this.#failed({
      status,
      ...(typeof body?.["errcode"] === "string" ? { errcode: body["errcode"] } : {}),
      text: typeof body?.["error"] === "string" ? body["error"].slice(0, 300) : "",
      ...(after === undefined ? {} : { retryAfterMs: after }),
      outcome: status >= 500 || status < 400 || status === 408 ? "unknown" : "not-done",
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    const code = (error as { code?: unknown }).code;
    this.#failed({
      status: 0,
      text: `${error.message}${typeof code === "string" ? ` (${code})` : ""}`,
      outcome: typeof code === "string" && notSent.has(code) ? "not-done" : "unknown",
    });
  }
}

const asObject = (value: unknown): JsonObject | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

function parse(bytes: Buffer | undefined): unknown {
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
