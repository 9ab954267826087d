/**
 * The HTTP side of the appservice API, on both path styles. It checks the token in constant time before it reads a body, takes
 * up to 64 MiB, answers a transaction only when its handler is done and then always `200 {}` (Synapse takes an empty 200 for a
 * failure, Dendrite any other 2xx), and answers queries from memory at once, because Synapse holds back everybody's events while
 * one is open. It knows nothing of what a transaction means.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { BridgeError, type Clock, type Log, type Meter } from "@trestle/core";
import type { JsonObject } from "../client.ts";

export interface AppserviceHttpOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly hsToken: string;
  /** Resolves when durable. */
  readonly transaction: (body: JsonObject) => Promise<"taken" | "refused">;
  /** The homeserver's own connection to us broke off in a way that idle ones do not. */
  readonly connectionLost: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

export interface AppserviceHttp {
  /** Rejects with `port-taken`. Gives the port that it got. */
  listen(): Promise<number>;
  close(): Promise<void>;
}

const bodyBytesMax = 64 * 1024 * 1024;
/** A kept-alive connection that was in use this recently is not closed for being idle. */
const recentMs = 30_000;

const lingerMs = 3_000;

interface Connection {
  served: number;
  lastAtMs: number;
  open: number;
  /** It showed the homeserver's token; a stranger's connection tells nothing. */
  trusted: boolean;
}

export function createAppserviceHttp(options: AppserviceHttpOptions): AppserviceHttp {
  const { log, clock } = options;
  const connections = new WeakMap<Socket, Connection>();
  let closing = false;

  const isToken = tokenCheck(options.hsToken);
  const route = createRoute(options);
  const server = createServer({ connectionsCheckingInterval: 2_000 }, (request, response) => {
    const connection = connections.get(request.socket);
    if (connection !== undefined) {
      connection.open += 1;
      connection.lastAtMs = clock.now();
    }
    response.on("close", () => {
      if (connection === undefined) return;
      connection.open -= 1;
      if (response.writableFinished) connection.served += 1;
    });
    const failed = (error: unknown) => {
      log.error({ error }, "a request to the appservice port failed");
      if (!response.headersSent) answer(response, 500, "M_UNKNOWN", "failed");
    };
    try {
      const denied = isToken(request.headers.authorization, request.url ?? "");
      if (denied !== undefined) return deny(options, request, response, denied);
      if (connection !== undefined) connection.trusted = true;
      const pending = route(request, response);
      if (pending instanceof Promise) pending.catch(failed);
    } catch (error) {
      failed(error);
    }
  });
  limitTimes(server);
  const isSign = createLossCheck(clock);
  server.on("connection", (socket: Socket) => {
    const connection: Connection = { served: 0, lastAtMs: clock.now(), open: 0, trusted: false };
    connections.set(socket, connection);
    socket.on("close", () => {
      if (!closing && isSign(connection)) options.connectionLost();
    });
  });

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.on("error", (error: NodeJS.ErrnoException) => {
          const { host, port } = options.listen;
          reject(
            new BridgeError("port-taken", `appservice.listen ${host}:${port} (${error.code ?? error.message})`, {
              cause: error,
            }),
          );
        });
        server.listen(options.listen.port, options.listen.host, () => {
          const address = server.address();
          resolve(typeof address === "object" && address !== null ? address.port : options.listen.port);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        closing = true;
        server.close(() => resolve());
        server.closeIdleConnections();
        // Somebody who never ends his request does not keep us.
        setTimeout(() => server.closeAllConnections(), 500).unref();
      }),
  };
}

function deny(
  { log, meter }: AppserviceHttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
  status: 401 | 403,
): void {
  meter.count("trestle_appservice_denied_total", { status: String(status) });
  const [path] = (request.url ?? "").slice(0, 60).split("?");
  log.warn({ path, status }, "a request to the appservice port had not our homeserver's token");
  if (status === 401) hangUp(response, 401, "M_UNAUTHORIZED", "the homeserver's token is missing");
  else hangUp(response, 403, "M_FORBIDDEN", "this is not the homeserver's token");
}

/** What is done with a request of the homeserver. */
function createRoute(options: AppserviceHttpOptions) {
  const { log, meter } = options;

  async function transaction(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const body = await readJson(request, response);
    if (body === undefined) return;
    if (body["events"] !== undefined && !Array.isArray(body["events"])) {
      return answer(response, 400, "M_BAD_JSON", "`events` is no array");
    }
    try {
      if ((await options.transaction(body)) === "refused") {
        return answer(response, 503, "M_UNAVAILABLE", "the bridge is stopping");
      }
    } catch (error) {
      log.error({ error }, "a transaction could not be stored; the homeserver keeps it");
      return answer(response, 500, "M_UNKNOWN", "could not be stored");
    }
    meter.observe("trestle_transaction_seconds", (performance.now() - startedAt) / 1000);
    ok(response);
  }

  return function route(request: IncomingMessage, response: ServerResponse): void | Promise<void> {
    const target = request.url ?? "/";
    const split = target.indexOf("?");
    const path = split < 0 ? target : target.slice(0, split);
    const place = path.startsWith("/_matrix/app/v1/") ? path.slice(15) : path;
    const [, what, rest] = /^\/(transactions|users|rooms|ping|thirdparty)(?:\/([^/].*))?$/.exec(place) ?? [];
    if (what === undefined) return hangUp(response, 404, "M_UNRECOGNIZED", "there is no such endpoint");
    if (what === "transactions") {
      if (rest === undefined) return hangUp(response, 404, "M_UNRECOGNIZED", "there is no transaction id");
      if (request.method !== "PUT") return hangUp(response, 405, "M_UNRECOGNIZED", "a transaction is a PUT");
      return transaction(request, response);
    }
    request.resume();
    if (what === "ping") {
      if (request.method !== "POST") return answer(response, 405, "M_UNRECOGNIZED", "a ping is a POST");
      return ok(response);
    }
    if (request.method !== "GET") return answer(response, 405, "M_UNRECOGNIZED", "a query is a GET");
    // A ghost that speaks is registered by then; nobody and nothing is made because somebody asked.
    return answer(response, 404, "M_NOT_FOUND", "not ours, or not yet");
  };
}

/**
 * Whether this connection's end tells that the homeserver went away. Servers without keep-alive end each after one transaction,
 * and those with it end idle ones after always the same time: neither is a sign.
 */
function createLossCheck(clock: Clock): (connection: Connection) => boolean {
  let usualIdleMs = Number.NEGATIVE_INFINITY;
  return ({ served, lastAtMs, open, trusted }) => {
    if (!trusted) return false;
    if (open > 0) return true;
    const idleMs = clock.now() - lastAtMs;
    if (served < 2 || idleMs >= recentMs) return false;
    const usual = Math.abs(idleMs - usualIdleMs) <= Math.max(250, usualIdleMs / 10);
    usualIdleMs = idleMs;
    return !usual;
  };
}

/** Slow headers, slow bodies and idle connections end; Synapse closes its own idle ones after two minutes, so we wait longer. */
function limitTimes(server: Server): void {
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  server.keepAliveTimeout = 150_000;
  server.maxConnections = 512;
}

/** Undefined: it is the homeserver. Both places must agree when both are given. */
function tokenCheck(token: string): (header: string | undefined, target: string) => 401 | 403 | undefined {
  const wanted = digest(token);
  const isWanted = (given: string) => timingSafeEqual(digest(given), wanted);
  return (header, target) => {
    const inHeader =
      header === undefined ? undefined : /^Bearer +/i.test(header) ? header.replace(/^Bearer +/i, "") : "";
    const query = target.indexOf("?");
    const inQuery = query < 0 ? [] : new URLSearchParams(target.slice(query + 1)).getAll("access_token");
    if (inHeader === undefined && inQuery.length === 0) return 401;
    let right = inHeader === undefined || isWanted(inHeader);
    for (const one of inQuery) right = isWanted(one) && right;
    return right ? undefined : 403;
  };
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** The body as a JSON object; undefined when the answer was given already. */
function readJson(request: IncomingMessage, response: ServerResponse): Promise<JsonObject | undefined> {
  return new Promise((resolve) => {
    const refuse = (status: number, code: string, why: string) => {
      hangUp(response, status, code, why);
      resolve(undefined);
    };
    if (Number(request.headers["content-length"] ?? 0) > bodyBytesMax) {
      return refuse(413, "M_TOO_LARGE", "more than 64 MiB");
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) {
        chunks.length = 0;
        request.removeAllListeners("data");
        request.resume();
        refuse(413, "M_TOO_LARGE", "more than 64 MiB");
      } else {
        chunks.push(chunk);
      }
    });
    request.on("end", () => {
      if (bytes > bodyBytesMax) return;
      const body = parseObject(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      if (typeof body !== "string") resolve(body);
      else {
        answer(response, 400, body, "the body is no JSON object");
        resolve(undefined);
      }
    });
    request.on("error", () => resolve(undefined));
    request.on("aborted", () => resolve(undefined));
  });
}

function parseObject(bytes: Buffer): JsonObject | "M_NOT_JSON" | "M_BAD_JSON" {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : "M_BAD_JSON";
  } catch {
    return "M_NOT_JSON";
  }
}

const okHeaders = { "content-type": "application/json", "content-length": "2" };

function ok(response: ServerResponse): void {
  response.writeHead(200, okHeaders);
  response.end("{}");
}

function answer(response: ServerResponse, status: number, errcode: string, error: string): void {
  const text = JSON.stringify({ errcode, error });
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** An answer before the body was read. The rest is read past, for a moment, so that the sender gets to see the answer. */
function hangUp(response: ServerResponse, status: number, errcode: string, error: string): void {
  if (response.headersSent) return;
  const { req: request } = response;
  request.resume();
  answer(response, status, errcode, error);
  if (request.complete) return;
  setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, lingerMs).unref();
}
