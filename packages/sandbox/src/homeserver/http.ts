/** The server's front: reads requests, asks the faults, finds who asks, calls the route, prints the answer. */

import { isUtf8 } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { SandboxClock } from "./clock.ts";
import { parseBody } from "./content-rules.ts";
import type { JsonObject } from "./event.ts";
import { MatrixFault } from "./fault.ts";
import type { FaultJudge, Verdict } from "./faults.ts";
import type { Profile } from "./profile.ts";
import { type Requester, tokenOf } from "./requester.ts";
import type { Route } from "./route.ts";
import type { Router } from "./router.ts";

const bodyBytesMax = 13_000_000;
const nobody: Requester = { user: "", token: "", guest: false };

export interface Front {
  listen(port: number): Promise<number>;
  /** Closes the port and cuts every connection. */
  close(): Promise<void>;
}

interface FrontParts {
  readonly profile: Profile;
  readonly clock: SandboxClock;
  readonly router: Router<Route>;
  readonly faults: FaultJudge;
  readonly requesterOf: (token: string | undefined, query: URLSearchParams) => Requester;
  /** Takes the requests whose bodies are files. */
  readonly media?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export function createFront(parts: FrontParts): Front {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    if (parts.media?.(request, response)) return;
    readBody(request, (raw) => {
      const verdict = parts.faults.judge(request.method ?? "GET", request.url ?? "/");
      if (verdict) void handleFaulty(parts, request, response, raw, verdict);
      else answer(response, runRoute(parts, request, response, raw));
    });
  };
  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        const fresh = createServer({ keepAliveTimeout: 90_000, requestTimeout: 0, noDelay: true }, handle);
        server = fresh;
        fresh.on("connection", (socket) => {
          sockets.add(socket);
          socket.on("close", () => sockets.delete(socket));
          socket.on("error", () => socket.destroy());
        });
        fresh.once("error", reject);
        fresh.listen(port, "127.0.0.1", () => {
          const address = fresh.address();
          resolve(typeof address === "object" && address ? address.port : port);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        const closing = server;
        server = undefined;
        if (!closing) return resolve();
        closing.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function handleFaulty(
  parts: FrontParts,
  request: IncomingMessage,
  response: ServerResponse,
  raw: Buffer,
  verdict: Verdict,
): Promise<void> {
  if (verdict.delayMs > 0) await parts.clock.wait(verdict.delayMs);
  await verdict.before;
  // who hung up meanwhile gets nothing done any more, as with a proxy that never passed it on
  if (verdict.before && verdict.late !== true && request.socket.destroyed) return;
  if (verdict.fail) {
    const { status, errcode, retryAfterMs } = verdict.fail;
    const extra = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs };
    printFault(response, new MatrixFault(status, errcode, "Injected failure", extra));
    return;
  }
  const outcome = runRoute(parts, request, response, raw);
  if (verdict.die) {
    await Promise.resolve(outcome).catch(() => undefined);
    request.socket.destroy();
    verdict.die();
    return;
  }
  if (verdict.after) await Promise.all([verdict.after, Promise.resolve(outcome).catch(() => undefined)]);
  answer(response, outcome);
}

/** Throws nothing: a fault comes back as a rejected promise or as the fault itself. */
function runRoute(parts: FrontParts, request: IncomingMessage, response: ServerResponse, raw: Buffer): Outcome {
  try {
    return callRoute(parts, request, response, raw);
  } catch (thrown) {
    return toFault(thrown);
  }
}

function callRoute(parts: FrontParts, request: IncomingMessage, response: ServerResponse, raw: Buffer): Outcome {
  const method = request.method ?? "GET";
  const url = request.url ?? "/";
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
  if (method === "OPTIONS") return {};
  const { route, params } = parts.router.find(method, path);
  const token = tokenOf(parts.profile, request.headers.authorization, query);
  const who = route.auth === "user" ? parts.requesterOf(token, query) : nobody;
  if (raw.length > bodyBytesMax) throw new MatrixFault(413, "M_TOO_LARGE", "Request body too large");
  if (raw.length > 0 && !isUtf8(raw)) throw new MatrixFault(400, "M_NOT_JSON", "Content not JSON.");
  const text = raw.length === 0 ? "" : raw.toString("utf8");
  const body = route.form === true ? {} : parseBody(text);
  return route.run({ method, path, params, query, body, raw: text, who, token, gone: () => goneSignal(response) });
}

type Outcome = JsonObject | MatrixFault | Promise<JsonObject>;

/** Made only where it is looked at (long polls): every send would pay for it. */
function goneSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return controller.signal;
}

function readBody(request: IncomingMessage, done: (raw: Buffer) => void): void {
  if (request.method === "GET") {
    done(Buffer.alloc(0));
    return;
  }
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  request.on("data", (chunk: Buffer) => {
    if (chunks) chunks.push(chunk);
    else if (first) chunks = [first, chunk];
    else first = chunk;
  });
  request.on("end", () => done(chunks ? Buffer.concat(chunks) : (first ?? Buffer.alloc(0))));
}

function answer(response: ServerResponse, outcome: Outcome): void {
  if (outcome instanceof Promise) {
    outcome.then(
      (body) => print(response, 200, body),
      (thrown: unknown) => printFault(response, toFault(thrown)),
    );
  } else if (outcome instanceof MatrixFault) printFault(response, outcome);
  else print(response, 200, outcome);
}

function toFault(thrown: unknown): MatrixFault {
  if (thrown instanceof MatrixFault) return thrown;
  return new MatrixFault(
    500,
    "M_UNKNOWN",
    `The sandbox itself failed: ${thrown instanceof Error ? thrown.stack : thrown}`,
  );
}

const printFault = (response: ServerResponse, fault: MatrixFault): void => print(response, fault.status, fault.body());

function print(response: ServerResponse, status: number, body: JsonObject): void {
  if (response.destroyed || response.writableEnded) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "access-control-allow-origin": "*",
    ...(status === 429 && typeof body["retry_after_ms"] === "number"
      ? { "retry-after": String(Math.ceil(body["retry_after_ms"] / 1000)) }
      : {}),
    ...(response.req.method === "OPTIONS"
      ? {
          "access-control-allow-headers": "authorization, content-type",
          "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
        }
      : {}),
  });
  response.end(text);
}
