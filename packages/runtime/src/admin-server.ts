/**
 * The small HTTP server for machines and the command line: is the process alive, is the bridge ready, what do the metrics say,
 * and one command at a time for whoever holds the admin token. It listens on loopback unless the config says otherwise, and knows
 * the bridge only as the functions it is given.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { BridgeStatus } from "@trestle/core";
import { BridgeError } from "@trestle/core";
import type { HostPort } from "./config-values.ts";

export interface AdminServerOptions {
  readonly listen: HostPort;
  readonly token: string;
  status(): Promise<BridgeStatus>;
  command(line: string): Promise<string>;
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
}

export interface AdminServer {
  /** Where it listens in the end (port 0 lets the system choose). Rejects with `port-taken`. */
  start(): Promise<HostPort>;
  stop(): Promise<void>;
}

const lineBytesMax = 8 * 1024;
/** Of the one command that carries a document: all links of a span, some 300 bytes each. */
const documentBytesMax = 16 * 1024 * 1024;

export function createAdminServer(options: AdminServerOptions): AdminServer {
  const server = createServer((request, response) => {
    answer(options, request)
      .catch((): Answer => ({ status: 500, body: { error: "the bridge could not answer; its log says why" } }))
      .then((given) => send(response, given))
      .catch(() => response.destroy());
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  server.maxConnections = 100;

  return {
    start: () =>
      new Promise((resolve, reject) => {
        const { host, port } = options.listen;
        server.once("error", (error: NodeJS.ErrnoException) =>
          reject(
            new BridgeError("port-taken", `admin.listen ${host}:${port} (${error.code ?? error.message})`, {
              cause: error,
            }),
          ),
        );
        server.listen(port, host, () => {
          const address = server.address() as AddressInfo;
          resolve({ host: address.address, port: address.port });
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly body: object | string;
  readonly contentType?: string;
}

async function answer(options: AdminServerOptions, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? "/").split("?", 1)[0];
  if (path === "/command") return command(options, request);
  if (request.method !== "GET" && request.method !== "HEAD") return { status: 405, body: { error: "use GET" } };
  if (path === "/health") return { status: 200, body: { status: "alive" } };
  if (path === "/ready") {
    const status = await options.status();
    return { status: status.ready ? 200 : 503, body: status };
  }
  if (path === "/metrics") {
    const { text, contentType } = await options.metrics();
    return { status: 200, body: text, contentType };
  }
  return { status: 404, body: { error: "there are /health, /ready, /metrics and /command" } };
}

async function command(options: AdminServerOptions, request: IncomingMessage): Promise<Answer> {
  if (request.method !== "POST") return { status: 405, body: { error: "use POST" } };
  const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  if (!sameText(given, options.token)) return { status: 401, body: { error: "the admin token is missing or wrong" } };
  const body = await readBody(request);
  const line = body === undefined ? undefined : lineOf(body);
  if (body === undefined || (body.length > lineBytesMax && line?.startsWith("links restore ") !== true)) {
    const most = `a command has at most ${lineBytesMax} bytes, \`links restore\` ${documentBytesMax}`;
    return { status: 413, body: { error: most } };
  }
  if (line === undefined) return { status: 400, body: { error: 'send {"line": "status"}' } };
  return { status: 200, body: { answer: await options.command(line) } };
}

/** Equal in constant time, whatever the lengths. */
function sameText(a: string, b: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > documentBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function lineOf(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    const line = typeof parsed === "object" && parsed !== null && "line" in parsed ? parsed.line : undefined;
    return typeof line === "string" && line.trim() !== "" && !/[\r\n\0]/.test(line) ? line.trim() : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, { status, body, contentType }: Answer): void {
  const text = typeof body === "string" ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": contentType ?? (typeof body === "string" ? "text/plain; charset=utf-8" : "application/json"),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status === 413 ? { connection: "close" } : {}),
  });
  response.end(text);
}
