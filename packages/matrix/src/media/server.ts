/**
 * The web server under the media proxy: it knows strangers. Short requests, few at a time from one address and in all, no body,
 * nobody who holds on to a connection without reading; what a request means it does not know.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BridgeError, type Meter } from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import { safeHeaders } from "./headers.ts";

export interface MediaServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Whether a web server of ours stands in front and says in `X-Forwarded-For` who asks; default true. */
  readonly behindProxy?: boolean;
  readonly clientStallMs?: number;
  readonly meter: Meter;
  readonly serve: (request: IncomingMessage, response: ServerResponse, who: string) => Promise<void>;
  readonly failed: (error: unknown, response: ServerResponse) => void;
}

export interface MediaServer {
  listen(): Promise<number>;
  close(): Promise<void>;
}

const targetMax = 512;
const headerBytesMax = 8 * 1024;
const connectionsMax = 512;
const requestsMax = 32;
const requestsOfOneMax = 8;
/** A film being searched asks often; each time the homeserver gives the whole of it. */
const requestsOfOnePerMinute = 120;
/** Slower than this on the whole, and somebody only holds a place. */
const slowestBytesPerMs = 4;
const graceMs = 60_000;

export function createMediaServer(options: MediaServerOptions): MediaServer {
  const { behindProxy = true, clientStallMs = 30_000, meter } = options;
  const busy = new Map<string, number>();
  const isOften = createRate();
  let all = 0;

  const server = createServer(
    { maxHeaderSize: headerBytesMax, connectionsCheckingInterval: 1_000 },
    (request, response) => {
      const who = addressOf(request, behindProxy);
      const problem = problemOf(request);
      response.once("close", () =>
        meter.count("trestle_public_media_requests_total", { status: String(response.statusCode) }),
      );
      if (problem !== undefined) return turnAway(response, ...problem);
      const mine = busy.get(who) ?? 0;
      if (all >= requestsMax || mine >= requestsOfOneMax || isOften(who))
        return turnAway(response, 429, { "retry-after": "5" });
      all += 1;
      busy.set(who, mine + 1);
      const late = setInterval(endSlow, 5_000, response, performance.now(), response.socket?.bytesWritten ?? 0);
      response.once("close", () => {
        clearInterval(late);
        all -= 1;
        const left = (busy.get(who) ?? 1) - 1;
        if (left > 0) busy.set(who, left);
        else busy.delete(who);
      });
      options.serve(request, response, who).catch((error: unknown) => options.failed(error, response));
    },
  );
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  server.keepAliveTimeout = 5_000;
  server.maxConnections = connectionsMax;
  server.maxRequestsPerSocket = 100;
  server.timeout = clientStallMs;
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    else socket.destroy();
  });

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", (error: NodeJS.ErrnoException) => {
          const { host, port } = options.listen;
          reject(
            new BridgeError("port-taken", `media.listen ${host}:${port} (${error.code ?? error.message})`, {
              cause: error,
            }),
          );
        });
        server.listen(options.listen.port, options.listen.host, () => resolve((server.address() as AddressInfo).port));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Whether somebody asked too often in this minute. */
function createRate(): (who: string) => boolean {
  const counts = boundedMap<string, number>(10_000);
  let minute = 0;
  return (who) => {
    const now = Math.floor(performance.now() / 60_000);
    if (now !== minute) counts.clear();
    minute = now;
    const count = (counts.get(who) ?? 0) + 1;
    counts.set(who, count);
    return count > requestsOfOnePerMinute;
  };
}

type Refusal = readonly [status: number, headers?: Readonly<Record<string, string>>];

function problemOf({ method, url, headers }: IncomingMessage): Refusal | undefined {
  if (method !== "GET" && method !== "HEAD") return [405, { allow: "GET, HEAD" }];
  if ((url ?? "").length > targetMax) return [414];
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  return hasBody ? [413] : undefined;
}

function turnAway(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  // Whatever else comes on this connection is not waited for.
  response.writeHead(status, { ...safeHeaders, ...headers, "content-length": 0, connection: "close" });
  response.end();
}

function endSlow(response: ServerResponse, begunAt: number, writtenBefore: number): void {
  const ms = performance.now() - begunAt;
  const bytes = (response.socket?.bytesWritten ?? 0) - writtenBefore;
  if (ms > graceMs && bytes < ms * slowestBytesPerMs) response.destroy();
}

/** This machine and private networks: where the web server in front stands. */
const near = /^(?:::ffff:)?(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)|^::1$|^f[cd]/i;

/** Who asks: behind a web server of ours the one that it names last, whom nobody else can name. */
function addressOf(request: IncomingMessage, behindProxy: boolean): string {
  const peer = request.socket.remoteAddress ?? "unknown";
  const forwarded = behindProxy && near.test(peer) ? request.headers["x-forwarded-for"] : undefined;
  const list = Array.isArray(forwarded) ? forwarded.join(",") : forwarded;
  const last = list?.split(",").at(-1)?.trim().slice(0, 64);
  return last === undefined || last === "" ? peer : last;
}
