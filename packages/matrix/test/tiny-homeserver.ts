/** A homeserver as small as these tests can do with: rooms, members, txn ids, history, push by hand, and faults on any request. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface Seen {
  readonly method: string;
  /** Decoded, without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Record<string, unknown>;
}

export interface TinyEvent {
  event_id: string;
  room_id: string;
  sender: string;
  type: string;
  state_key?: string;
  origin_server_ts: number;
  content: Record<string, unknown>;
  redacts?: string;
}

/** What to do instead of the ordinary answer: an answer, drop the connection (before or after doing it), or never answer. */
export type Fault =
  | { status: number; body?: unknown; headers?: Record<string, string> }
  | "drop"
  | "do-and-drop"
  | "hang";

export interface TinyRoom {
  readonly events: TinyEvent[];
  readonly state: Map<string, { content: Record<string, unknown>; sender: string; event_id?: string }>;
}

export class TinyHomeserver {
  readonly seen: Seen[] = [];
  readonly rooms = new Map<string, TinyRoom>();
  readonly users = new Set<string>();
  readonly names = new Map<string, string>();
  /** First that gives something wins. */
  faults: ((seen: Seen) => Fault | undefined)[] = [];
  /** Whether transaction ids are remembered; a restart forgets them. */
  transactions = new Map<string, string>();
  /** Each event made is pushed there at once, as Synapse does. */
  pushTo: string | undefined;
  hsToken = "hs-token-hs-token-hs-token";
  asToken = "as-token-as-token-as-token";
  inviteOnly = false;
  pingOffered = true;
  versions = ["v1.11", "v1.12"];
  timeMs = 1_790_000_000_000;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #next = 1;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(599);
        response.end(String(error));
      });
    });
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** As a real one: connections break, transaction ids are forgotten, the port comes back. */
  async restart(downMs = 0): Promise<void> {
    await this.close();
    this.transactions.clear();
    await new Promise((resolve) => setTimeout(resolve, downMs));
    await this.listen();
  }

  makeRoom(id: string, creator: string, version = "11"): TinyRoom {
    const room: TinyRoom = { events: [], state: new Map() };
    this.rooms.set(id, room);
    const create = { room_version: version };
    room.state.set("m.room.create|", { content: create, sender: creator });
    this.member(id, creator, "join");
    return room;
  }

  member(room: string, user: string, membership: string, extra: Record<string, unknown> = {}): TinyEvent {
    const content: Record<string, unknown> = { membership };
    const name = this.names.get(user);
    if (name !== undefined) content["displayname"] = name;
    Object.assign(content, extra);
    return this.say(room, user, "m.room.member", content, user);
  }

  membership(room: string, user: string): unknown {
    return this.rooms.get(room)?.state.get(`m.room.member|${user}`)?.content["membership"];
  }

  /** An event comes to be; nothing is pushed. */
  say(room: string, sender: string, type: string, content: Record<string, unknown>, stateKey?: string): TinyEvent {
    this.timeMs += 1000;
    const event: TinyEvent = {
      event_id: `$e${this.#next++}`,
      room_id: room,
      sender,
      type,
      origin_server_ts: this.timeMs,
      content,
      ...(stateKey === undefined ? {} : { state_key: stateKey }),
    };
    const there = this.rooms.get(room);
    if (there === undefined) throw new Error(`no room ${room}`);
    there.events.push(event);
    if (stateKey !== undefined) there.state.set(`${type}|${stateKey}`, { content, sender, event_id: event.event_id });
    return event;
  }

  async push(events: readonly unknown[], more: Record<string, unknown> = {}): Promise<Response> {
    return fetch(`${this.pushTo}/_matrix/app/v1/transactions/${this.#next++}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${this.hsToken}`, "content-type": "application/json" },
      body: JSON.stringify({ events, ...more }),
    });
  }

  requests(part: string, method?: string): Seen[] {
    return this.seen.filter((one) => one.path.includes(part) && (method === undefined || one.method === method));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? "/", this.url);
    const text = Buffer.concat(chunks).toString("utf8");
    const seen: Seen = {
      method: request.method ?? "",
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      headers: request.headers,
      body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
    this.seen.push(seen);
    const parts = url.pathname.split("/").map(decodeURIComponent);
    let fault: Fault | undefined;
    for (const one of this.faults) fault ??= one(seen);
    if (fault === "hang") return;
    if (fault === "drop") return void request.socket.destroy();
    const [status, body] =
      typeof fault === "object" ? [fault.status, fault.body ?? {}] : this.#route(seen, parts.slice(1));
    if (fault === "do-and-drop") return void request.socket.destroy();
    response.writeHead(status, {
      "content-type": "application/json",
      ...(typeof fault === "object" ? fault.headers : {}),
    });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  }

  #route(seen: Seen, parts: readonly string[]): [number, unknown] {
    const { method, body } = seen;
    const user = seen.query.get("user_id") ?? "@bot:hs.test";
    const [, , version, what, id, ...rest] = parts;
    if (version === "versions") return [200, { versions: this.versions }];
    if (seen.headers.authorization !== `Bearer ${this.asToken}`)
      return [401, { errcode: "M_UNKNOWN_TOKEN", error: "no" }];
    if (what === "register") return this.#register(body);
    if (what === "profile") return this.#profile(id ?? "", body);
    if (what === "createRoom") return this.#createRoom(user, body);
    if (what === "appservice")
      return this.pingOffered ? [200, { duration_ms: 1 }] : [404, { errcode: "M_UNRECOGNIZED" }];
    if (what === "pushrules") return [200, {}];
    if (what === "join") return this.#room(user, id ?? "", "POST", ["join"], {});
    if (what === "rooms") return this.#room(user, id ?? "", method, rest, body, seen.query);
    return [404, { errcode: "M_UNRECOGNIZED", error: seen.path }];
  }

  #register(body: Record<string, unknown>): [number, unknown] {
    const user = `@${String(body["username"])}:hs.test`;
    if (this.users.has(user)) return [400, { errcode: "M_USER_IN_USE", error: "in use" }];
    this.users.add(user);
    return [200, { user_id: user }];
  }

  #profile(user: string, body: Record<string, unknown>): [number, unknown] {
    this.names.set(user, String(body["displayname"]));
    return [200, {}];
  }

  #createRoom(user: string, body: Record<string, unknown>): [number, unknown] {
    const id = `!made${this.#next++}:hs.test`;
    this.makeRoom(id, user, String(body["room_version"] ?? "11"));
    const invite = Array.isArray(body["invite"]) ? (body["invite"] as string[]) : [];
    for (const one of invite) this.member(id, one, "invite");
    return [200, { room_id: id }];
  }

  #room(
    user: string,
    id: string,
    method: string,
    rest: readonly string[],
    body: Record<string, unknown>,
    query = new URLSearchParams(),
  ): [number, unknown] {
    const room = this.rooms.get(id);
    if (room === undefined) return [404, { errcode: "M_NOT_FOUND", error: "no such room" }];
    const refused: [number, unknown] = [403, { errcode: "M_FORBIDDEN", error: "not in the room" }];
    const joined = this.membership(id, user) === "join";
    const [what, a, b, c] = rest;
    const joins = what === "state" && a === "m.room.member" && b === user && body["membership"] === "join";
    if (what === "join" || (joins && method === "PUT" && !joined)) {
      const now = this.membership(id, user);
      if (now === "ban" || (this.inviteOnly && now !== "invite" && now !== "join") || !this.users.has(user))
        return refused;
      if (now !== "join") this.member(id, user, "join", joins ? body : {});
      return [200, joins ? { event_id: "$joined" } : { room_id: id }];
    }
    if (!joined) return refused;
    if (what === "invite") {
      this.member(id, String(body["user_id"]), "invite");
      return [200, {}];
    }
    if (what === "leave") {
      this.member(id, user, "leave");
      return [200, {}];
    }
    if (what === "joined_members") {
      const members = [...room.state].filter(
        ([key, value]) => key.startsWith("m.room.member|") && value.content["membership"] === "join",
      );
      return [200, { joined: Object.fromEntries(members.map(([key]) => [key.split("|")[1], {}])) }];
    }
    if (what === "state") return this.#state(user, id, room, method, a ?? "", b ?? "", body, query);
    if (what === "messages") return page(room, query);
    if (what === "event") {
      const found = room.events.find((event) => event.event_id === a);
      return found === undefined ? [404, { errcode: "M_NOT_FOUND", error: "no such event" }] : [200, found];
    }
    if (what === "relations") return [200, { chunk: room.events.filter((event) => related(event) === a) }];
    if (what === "send" || what === "redact") {
      const name = `${user} ${id} ${what} ${a} ${what === "send" ? b : (c ?? b)}`;
      const known = this.transactions.get(name);
      if (known !== undefined) return [200, { event_id: known }];
      const event = this.say(id, user, what === "send" ? (a ?? "") : "m.room.redaction", body);
      if (what === "redact") event.redacts = a ?? "";
      this.transactions.set(name, event.event_id);
      if (this.pushTo !== undefined) void this.push([event]).catch(() => undefined);
      return [200, { event_id: event.event_id }];
    }
    return [200, {}];
  }

  #state(
    user: string,
    id: string,
    room: TinyRoom,
    method: string,
    type: string,
    key: string,
    body: Record<string, unknown>,
    query: URLSearchParams,
  ): [number, unknown] {
    if (method === "PUT") return [200, { event_id: this.say(id, user, type, body, key).event_id }];
    const found = room.state.get(`${type}|${key}`);
    if (found === undefined) return [404, { errcode: "M_NOT_FOUND", error: "no state" }];
    return [200, query.get("format") === "event" ? { ...found, type, state_key: key } : found.content];
  }
}

const related = (event: TinyEvent): unknown =>
  (event.content["m.relates_to"] as { event_id?: unknown } | undefined)?.event_id;

/** Newest first; the mark of a page is the index below which it goes on. */
function page(room: TinyRoom, query: URLSearchParams): [number, unknown] {
  const end = query.has("from") ? Number(query.get("from")) : room.events.length;
  const start = Math.max(0, end - Number(query.get("limit") ?? 10));
  const chunk = room.events.slice(start, end).reverse();
  return [200, { chunk, start: String(end), ...(start > 0 ? { end: String(start) } : {}) }];
}
