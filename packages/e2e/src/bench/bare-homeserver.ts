/**
 * A homeserver that answers at once: what the bench measures is the bridge, not a server. It speaks just enough of the
 * client-server API for a span to start and to send, remembers what was said where, and can be slow or hang in one room.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";

export interface Sent {
  readonly room: string;
  readonly body: string;
  readonly atMs: number;
}

export interface BareHomeserver {
  readonly url: string;
  /** Told of each message that a ghost sends, once per transaction id. */
  onSent: (sent: Sent) => void;
  /** Every send waits this long. */
  latencyMs: number;
  /** Sends into this room are not answered. */
  hang: string | undefined;
  /** Pushes one transaction to the appservice; resolves with the status of its answer. */
  push(events: readonly object[]): Promise<number>;
  /** Every request since this was last emptied, for "how many calls does it cost": as whom, and what. */
  readonly requests: { readonly as: string; readonly path: string }[];
  stop(): Promise<void>;
}

export interface BareOptions {
  readonly appservice: { readonly url: string; readonly hsToken: string };
  readonly bot: string;
}

export async function startBareHomeserver(options: () => BareOptions): Promise<BareHomeserver> {
  const known = new Map<string, string>();
  let events = 0;
  let transactions = 0;
  let appservice: { readonly url: string; readonly pool: Pool } | undefined;
  const server = createServer((request, response) => {
    void readBody(request).then((body) => answer(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bare: BareHomeserver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    onSent: () => {},
    latencyMs: 0,
    hang: undefined,
    requests: [],
    async push(pushed) {
      const { url, hsToken } = options().appservice;
      // Kept alive, as Synapse does it.
      if (appservice?.url !== url) appservice = { url, pool: new Pool(url, { connections: 1 }) };
      const { statusCode, body } = await appservice.pool.request({
        method: "PUT",
        path: `/_matrix/app/v1/transactions/${++transactions}`,
        headers: { authorization: `Bearer ${hsToken}`, "content-type": "application/json" },
        body: JSON.stringify({ events: pushed }),
      });
      await body.dump();
      return statusCode;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const reply = (content: object, status = 200) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(content));
    };
    const send = /^\/_matrix\/client\/v3\/rooms\/([^/]+)\/send\/([^/]+)\/([^/]+)$/u.exec(path);
    const query = new URLSearchParams((request.url ?? "").split("?", 2)[1]);
    if (bare.requests.length < requestsMax) bare.requests.push({ as: query.get("user_id") ?? "", path });
    const file = /\/media\/download\/[^/]+\/(\d+)$/u.exec(path);
    if (file !== null) {
      streamFile(response, Number(file[1]));
      return;
    }
    if (send === null) {
      reply(...plainAnswer(path, options().bot));
      return;
    }
    const room = decodeURIComponent(send[1] ?? "");
    if (room === bare.hang) return;
    const txn = send[3] ?? "";
    let id = known.get(txn);
    if (id === undefined) {
      id = `$${++events}`;
      known.set(txn, id);
      const content = JSON.parse(body) as Record<string, unknown>;
      if (room.startsWith("!canary")) echo(room, id, decodeURIComponent(send[2] ?? ""), content);
      else bare.onSent({ room, body: String(content["body"]), atMs: performance.now() });
    }
    const found = { event_id: id };
    if (bare.latencyMs > 0) answerAfter(bare.latencyMs, () => reply(found));
    else reply(found);
  }

  /** The bot's own words come back, as every server pushes them. */
  function echo(room: string, id: string, type: string, content: object): void {
    const event = {
      event_id: id,
      room_id: room,
      sender: options().bot,
      type,
      origin_server_ts: Date.now(),
      content,
    };
    setTimeout(() => bare.push([event]).catch(() => undefined), 1);
  }
  return bare;
}

/** So that a long load does not fill the memory with its own record. */
const requestsMax = 10_000;

const block = Buffer.alloc(64 * 1_024, "trestle ");

/** So many bytes, as fast as they are taken. */
function streamFile(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes });
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const piece = left >= block.length ? block : block.subarray(0, left);
      left -= piece.length;
      if (!response.write(piece)) {
        response.once("drain", more);
        return;
      }
    }
    response.end();
  };
  more();
}

/** A message with a file of that many bytes, as the homeserver keeps it: the event's id says how many. */
export const fileEvent = (room: string, bytes: number, id: string): object => ({
  event_id: id,
  room_id: room,
  sender: "@ann:bench",
  type: "m.room.message",
  origin_server_ts: Date.now(),
  content: {
    msgtype: "m.file",
    body: "big.bin",
    filename: "big.bin",
    url: `mxc://bench/${bytes}`,
    info: { size: bytes, mimetype: "application/octet-stream" },
  },
});

/**
 * Spread by up to 3 ms around the mean, as a real server's times are: with one fixed time all rooms fall into step, and then the
 * burst is measured, not the bridge. Timers are late by half a millisecond on average, which is taken off.
 */
const spreadMs = [-3, 1, -1, 3, 0, 2, -2] as const;
let spreads = 0;
function answerAfter(meanMs: number, reply: () => void): void {
  spreads = (spreads + 1) % spreadMs.length;
  const late = spreads % 2;
  setTimeout(reply, meanMs + (spreadMs[spreads] ?? 0) - late);
}

function plainAnswer(path: string, bot: string): [object, number?] {
  if (path.endsWith("/versions")) return [{ versions: ["v1.11", "v1.15"] }];
  if (path.endsWith("/capabilities")) return [{ capabilities: { "m.room_versions": { default: "11" } } }];
  if (path.endsWith("/whoami")) return [{ user_id: bot }];
  if (path.endsWith("/createRoom")) return [{ room_id: "!canary:bench" }];
  if (path.endsWith("/joined_members")) return [{ joined: {} }];
  if (path.endsWith("/joined_rooms")) return [{ joined_rooms: [] }];
  if (path.endsWith("/messages")) return [{ chunk: [], start: "s" }];
  const asked = /\/rooms\/([^/]+)\/event\/([^/]+)$/u.exec(path);
  if (asked !== null) {
    const id = decodeURIComponent(asked[2] ?? "");
    return [fileEvent(decodeURIComponent(asked[1] ?? ""), Number(/\d+/u.exec(id)?.[0]), id)];
  }
  if (path.endsWith("/media/config")) return [{ "m.upload.size": 1_000_000_000 }];
  if (path.endsWith("/state")) return [[]];
  if (path.includes("/state/m.room.member/")) return [{ membership: "join", displayname: "Someone" }];
  if (path.includes("/state/")) return [{ errcode: "M_NOT_FOUND", error: "no such state" }, 404];
  const join = /\/join\/([^/]+)$/u.exec(path) ?? /\/rooms\/([^/]+)\/join$/u.exec(path);
  if (join !== null) return [{ room_id: decodeURIComponent(join[1] ?? "") }];
  return [{}];
}

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
  });
}
