/**
 * Files and long texts of Matrix for networks that take only an address: a small web server of its own, open to everybody, that
 * gives out nothing but what was published. An address leads to a row of ours, the row to an event, and only the event, asked
 * of the homeserver at that moment, to a file: no part of a request reaches a path of the homeserver.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, ExpiringStore, Log, MatrixEvent, MediaStream, Meter, RoomId, UserId } from "@trestle/core";
import type { Client } from "../client.ts";
import { isAway } from "../errors.ts";
import { createPublishedEvents, type Published, publishedOf } from "./events.ts";
import { fileHeaders, safeHeaders } from "./headers.ts";
import { createMediaLinks } from "./link.ts";
import { fileName } from "./name.ts";
import { rangeOf, sliceOf } from "./range.ts";
import { createMediaServer } from "./server.ts";

export interface MediaProxyConfig {
  readonly listen: { readonly host: string; readonly port: number };
  /** Whether what asks from this machine or a private network is a web server of ours that says for whom; default true. */
  readonly behindProxy?: boolean;
  /** How the world reaches it: `https://media.example.org` or with a path behind. */
  readonly publicUrl: string;
  /** At least 32 bytes of secret. With another one, every address given out before is void. */
  readonly key: string;
  /** How long an address is good for; default 30 days. */
  readonly expiresMs?: number;
}

export interface MediaProxyOptions extends MediaProxyConfig {
  readonly client: Client;
  readonly openMedia: (source: string, queue: string) => Promise<MediaStream>;
  readonly store: ExpiringStore;
  readonly bot: UserId;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** How long an answer of the homeserver on an event holds; default 5 s. */
  readonly verdictMs?: number;
  /** How long a client may take nothing; default 30 s. */
  readonly clientStallMs?: number;
}

export interface MediaProxy {
  /** Rejects with `port-taken`. Gives the port that it got. */
  listen(): Promise<number>;
  close(): Promise<void>;
  publish(event: MatrixEvent, what: "file" | "text"): Promise<string | undefined>;
  /** This event was redacted: from now on, and in the middle of a transfer. */
  forget(room: RoomId, event: string): void;
}

interface Row {
  readonly room: string;
  readonly event: string;
  readonly what: "file" | "text";
  readonly name: string;
  readonly expiresAtMs: number;
}

const monthMs = 30 * 24 * 60 * 60 * 1000;
/** Rows outlive their addresses a little, so that an old one is told to be over rather than unknown. */
const afterlifeMs = 24 * 60 * 60 * 1000;
const rowKey = (id: string): string => `public/${id}`;

export function createMediaProxy(options: MediaProxyOptions): MediaProxy {
  const { store, clock, expiresMs = monthMs } = options;
  const links = createMediaLinks(options);
  const now = () => clock.now();
  const events = createPublishedEvents({
    client: options.client,
    bot: options.bot,
    now,
    keptMs: options.verdictMs ?? 5_000,
  });
  /** Answers under way, by the event they show. */
  const showing = new Map<string, Set<ServerResponse>>();

  function note(name: string, response: ServerResponse): void {
    const watchers = showing.get(name) ?? new Set();
    showing.set(name, watchers.add(response));
    response.once("close", () => {
      watchers.delete(response);
      if (watchers.size === 0) showing.delete(name);
    });
  }

  async function rowOf(id: string): Promise<Row | undefined> {
    const text = await store.get(rowKey(id));
    return text === undefined ? undefined : (JSON.parse(text) as Row);
  }

  async function serve(request: IncomingMessage, response: ServerResponse, who: string): Promise<void> {
    const link = links.read(request.url ?? "");
    if (link === "unknown") return refuse(response, 404, "There is nothing here.");
    if (link === "forged") return refuse(response, 403, "This address was not made here.");
    if (link.expiresAtMs <= now()) return refuse(response, 410, "This address is over.");
    const row = await rowOf(link.id);
    if (row === undefined) return refuse(response, 404, "There is nothing here.");
    const published = await events.look(row.room, row.event, row.what);
    if (published.kind === "gone") return refuse(response, 410, "This was taken back by who said it.");
    note(`${row.room}\n${row.event}`, response);
    if (published.kind === "text") return sendText(request, response, published.text, row.name);
    return sendFile(options, request, response, { ...published, id: link.id, who });
  }

  const server = createMediaServer({
    ...options,
    serve,
    failed: (error, response) => refuseFailed(options.log, error, response),
  });

  return {
    listen: server.listen,
    close: server.close,
    async publish(event, what) {
      const published = publishedOf(event, what);
      if (published.kind === "gone") return undefined;
      const id = links.idOf(event.room_id, event.event_id, what);
      const known = await rowOf(id);
      // The same address again, unless the half of its time is over.
      if (known !== undefined && known.expiresAtMs - now() > expiresMs / 2)
        return links.url(id, known.expiresAtMs, known.name);
      const name = published.kind === "file" ? fileName(published.name) : "message.txt";
      const expiresAtMs = now() + expiresMs;
      const row: Row = { room: event.room_id, event: event.event_id, what, name, expiresAtMs };
      // Before the address leaves: without it the address opens nothing.
      await store.put(rowKey(id), JSON.stringify(row), expiresAtMs + afterlifeMs);
      return links.url(id, expiresAtMs, name);
    },
    forget(room, event) {
      events.forget(room, event);
      for (const response of showing.get(`${room}\n${event}`) ?? []) response.destroy();
    },
  };
}

function refuse(response: ServerResponse, status: number, why: string, more: Record<string, string> = {}): void {
  if (response.headersSent) return void response.destroy();
  const headers = { ...safeHeaders, "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...more };
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(why) });
  response.end(response.req.method === "HEAD" ? undefined : why);
}

/** Never as if it had worked: in the middle of an answer the connection breaks. */
function refuseFailed(log: Log, error: unknown, response: ServerResponse): void {
  log.debug({ error }, "a public address could not be served");
  const code = (error as { code?: unknown }).code;
  if (code === "media-gone") refuse(response, 404, "This file is no longer there.");
  else if (isAway(error)) refuse(response, 503, "This cannot be had right now.", { "retry-after": "30" });
  else refuse(response, 502, "This could not be fetched.");
}

function sendText(request: IncomingMessage, response: ServerResponse, text: string, name: string): void {
  const bytes = Buffer.from(text.toWellFormed());
  response.writeHead(200, { ...fileHeaders("text/plain", name), "content-length": bytes.length });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

async function sendFile(
  { openMedia, meter }: MediaProxyOptions,
  request: IncomingMessage,
  response: ServerResponse,
  file: Extract<Published, { kind: "file" }> & { readonly id: string; readonly who: string },
): Promise<void> {
  const stream = await openMedia(file.source, `public ${file.who}`);
  try {
    if (response.destroyed) return;
    const etag = `"${file.id}"`;
    const headers: Record<string, string> = { ...fileHeaders(stream.mimeType, file.name), etag };
    const { byteLength } = stream;
    const condition = request.headers["if-range"];
    const asked = condition === undefined || condition === etag ? request.headers.range : undefined;
    const range = rangeOf(asked, byteLength);
    if (range.kind === "refused") {
      return refuse(response, 416, "One range of it, please.", { "content-range": `bytes */${byteLength}` });
    }
    const { first, last } =
      range.kind === "part" ? range : { first: 0, last: (byteLength ?? Number.POSITIVE_INFINITY) - 1 };
    if (byteLength !== undefined) {
      headers["accept-ranges"] = "bytes";
      headers["content-length"] = String(last - first + 1);
    }
    if (range.kind === "part") headers["content-range"] = `bytes ${first}-${last}/${byteLength}`;
    response.writeHead(range.kind === "part" ? 206 : 200, headers);
    if (request.method === "HEAD") return void response.end();
    response.flushHeaders();
    let sent = 0;
    for await (const piece of sliceOf(stream.bytes, first, last)) {
      sent += piece.length;
      if (!response.write(piece)) await drained(response);
      if (response.destroyed) return;
    }
    meter.count("trestle_public_media_bytes_total", {}, sent);
    response.end();
  } finally {
    stream.close();
  }
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    if (response.destroyed) return resolve();
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
