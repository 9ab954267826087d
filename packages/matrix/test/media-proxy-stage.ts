/** A media proxy over a stand-in homeserver of a few lines, asked over raw HTTP: no client of ours tidies a hostile request. */
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { BridgeError, type MatrixEvent, type MediaStream, systemClock, userId } from "@trestle/core";
import { createMemoryStore, createTestLog, createTestMeter } from "@trestle/testing";
import type { Client } from "../src/client.ts";
import { toBridgeError } from "../src/errors.ts";
import { createMediaProxy, type MediaProxy, type MediaProxyOptions } from "../src/media/proxy.ts";

export const key = "a key that is long enough for the media proxy";
export const publicUrl = "https://media.example.org";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The connection broke before the end. */
  readonly broken: boolean;
}

export interface Stage {
  readonly proxy: MediaProxy;
  readonly store: ReturnType<typeof createMemoryStore>;
  /** Events that the homeserver has, and how often it was asked. */
  readonly events: Map<string, MatrixEvent>;
  readonly files: Map<string, { readonly bytes: Buffer; readonly mimeType: string }>;
  /** Sources that were opened. */
  readonly opened: string[];
  nowMs: number;
  asked: number;
  /** Instead of what the homeserver has. */
  fault: (() => Promise<never>) | undefined;
  /** Instead of the file's bytes. */
  bytes: ((whole: Buffer) => AsyncIterable<Uint8Array>) | undefined;
  readonly port: number;
  /** Publishes a file of this type and name; its address. */
  file(bytes: string, mimeType: string, name?: string): Promise<{ readonly path: string; readonly event: MatrixEvent }>;
  get(path: string, options?: { readonly method?: string; readonly headers?: Record<string, string> }): Promise<Answer>;
  /** Bytes as they are; the answer as it is. */
  raw(text: string): Promise<string>;
}

const open: (() => Promise<void>)[] = [];
export async function closeStages(): Promise<void> {
  for (const close of open.splice(0)) await close();
}

let made = 0;
export const fileEvent = (content: Record<string, unknown>, more: Partial<MatrixEvent> = {}): MatrixEvent =>
  ({
    event_id: `$event${++made}`,
    room_id: "!room:hs.test",
    sender: "@alice:hs.test",
    type: "m.room.message",
    origin_server_ts: 1,
    content,
    ...more,
  }) as MatrixEvent;

export async function aStage(more: Partial<MediaProxyOptions> = {}): Promise<Stage> {
  const store = createMemoryStore();
  const stage = {
    store,
    events: new Map(),
    files: new Map(),
    opened: [],
    nowMs: 1_800_000_000_000,
    asked: 0,
    fault: undefined,
    bytes: undefined,
  } as unknown as Stage & { proxy: MediaProxy; port: number };
  const client = {
    call: async ({ path }: { readonly path: string }) => {
      stage.asked += 1;
      await stage.fault?.();
      const id = decodeURIComponent(path.split("/").at(-1) ?? "");
      const event = stage.events.get(id);
      if (!event) throw toBridgeError({ status: 404, errcode: "M_NOT_FOUND", text: "", outcome: "not-done" });
      return event as never;
    },
  } as unknown as Client;
  const openMedia = async (source: string): Promise<MediaStream> => {
    const file = stage.files.get(source);
    if (!file) throw new BridgeError("media-gone", source);
    stage.opened.push(source);
    const pieces = async function* () {
      for (let at = 0; at < file.bytes.length; at += 10) yield file.bytes.subarray(at, at + 10);
    };
    const bytes = stage.bytes?.(file.bytes) ?? pieces();
    return { bytes, byteLength: file.bytes.length, mimeType: file.mimeType, close: () => undefined };
  };
  stage.proxy = createMediaProxy({
    listen: { host: "127.0.0.1", port: 0 },
    publicUrl,
    key,
    client,
    openMedia,
    store: store.media,
    bot: userId("@bot:hs.test"),
    clock: { ...systemClock, now: () => stage.nowMs },
    log: createTestLog(),
    meter: createTestMeter(),
    ...more,
  });
  stage.port = await stage.proxy.listen();
  open.push(() => stage.proxy.close());
  return Object.assign(stage, {
    file: async (bytes: string, mimeType: string, name = "cat.png") => {
      const source = `mxc://hs.test/m${++made}`;
      stage.files.set(source, { bytes: Buffer.from(bytes), mimeType });
      const event = fileEvent({ msgtype: "m.file", body: name, url: source });
      stage.events.set(event.event_id, event);
      const url = (await stage.proxy.publish(event, "file")) ?? "";
      return { path: url.slice(publicUrl.length), event };
    },
    get: (path: string, { method = "GET", headers = {} } = {}) => get(stage.port, path, method, headers),
    raw: (text: string) => raw(stage.port, text),
  });
}

function get(port: number, path: string, method: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      const end = (broken: boolean) =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(pieces).toString(),
          broken,
        });
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => end(false));
      response.on("error", () => end(true));
    });
    asking.on("error", reject);
    asking.end();
  });
}

function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let got = "";
    socket.on("data", (piece) => {
      got += piece.toString();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(got));
    socket.write(text);
  });
}
