/**
 * An independent Matrix client of one person: plain fetch, `/sync` while it watches and `/messages` for the last word. It shares
 * no code with the bridge, by purpose. What it says is retried with the same transaction id until the server has taken
 * it, so that a restart of the homeserver loses nothing on this side of the bridge.
 */
import { setTimeout as wait } from "node:timers/promises";

/** An event as the client-server API gives it. */
export interface SeenEvent {
  readonly event_id: string;
  readonly sender: string;
  readonly type: string;
  readonly state_key?: string;
  readonly origin_server_ts: number;
  readonly content: Readonly<Record<string, unknown>>;
  readonly redacts?: string;
}

type Json = Record<string, unknown>;

export interface MatrixObserver {
  readonly userId: string;
  readonly token: string;
  /** Events of all rooms as `/sync` brought them, with room and time of arrival. */
  readonly seen: readonly { readonly room: string; readonly atMs: number; readonly event: SeenEvent }[];
  /** Rooms one was invited to, with who did it. */
  readonly invites: ReadonlyMap<string, string>;
  /** Creates a room and resolves with its id. */
  createRoom(body: Json): Promise<string>;
  invite(room: string, user: string): Promise<void>;
  join(room: string): Promise<void>;
  /** A text, or any content; resolves once the server has it. `patienceMs` bounds the retries. */
  say(
    room: string,
    text: string | Json,
    options?: { readonly txn?: string; readonly patienceMs?: number },
  ): Promise<string>;
  /** Any event, sent once. */
  sendEvent(room: string, type: string, content: Json): Promise<string>;
  redact(room: string, event: string): Promise<string>;
  react(room: string, event: string, key: string): Promise<string>;
  setState(room: string, type: string, key: string, content: Json): Promise<void>;
  getState(room: string, type: string, key?: string): Promise<Json | undefined>;
  members(room: string): Promise<Map<string, string>>;
  /** The first event of the room that fits, seen already since `since` (an index into `seen`) or still to come. */
  wait(
    room: string,
    fits: (event: SeenEvent) => boolean,
    options?: { readonly withinMs?: number; readonly since?: number; readonly what?: string },
  ): Promise<SeenEvent>;
  /** Any request below `/_matrix/client/v3`, made once; rejects on what is no 2xx. */
  request(method: string, path: string, body?: Json): Promise<Json>;
  /** Uploads a file and resolves with its `mxc:` address. */
  upload(bytes: Uint8Array<ArrayBuffer>, mimeType: string, name: string): Promise<string>;
  /** The whole room as the server tells it in the end, oldest first. */
  history(room: string): Promise<SeenEvent[]>;
  close(): void;
}

export interface MatrixLogin {
  /** Base URL of the homeserver. */
  readonly url: string;
  readonly userId: string;
  readonly token: string;
}

/** Starts watching for this person. */
export async function createMatrixObserver(login: MatrixLogin): Promise<MatrixObserver> {
  const call = createCaller(login);
  const end = new AbortController();
  const seen: { room: string; atMs: number; event: SeenEvent }[] = [];
  const invites = new Map<string, string>();
  const listeners = new Set<() => void>();
  const first = await patiently(() => call("GET", `/sync?timeout=0&filter=${filter}`), 30_000);
  const known = new Set<string>();
  const tell = (room: string, event: SeenEvent): void => {
    // Conduit shows the same event in two answers when much is said at once
    if (known.has(event.event_id)) return;
    known.add(event.event_id);
    seen.push({ room, atMs: Date.now(), event });
    for (const listener of [...listeners]) listener();
  };
  void watch(call, String(first["next_batch"]), end.signal, tell, (room, by) => invites.set(room, by));
  let txns = 0;
  const run = Math.random().toString(36).slice(2, 8);
  const nextTxn = (): string => `${run}.${txns++}`;
  const sendEvent = async (room: string, type: string, content: Json): Promise<string> =>
    String((await call("PUT", `/rooms/${enc(room)}/send/${enc(type)}/${nextTxn()}`, content))["event_id"]);
  return {
    userId: login.userId,
    token: login.token,
    seen,
    invites,
    createRoom: async (body) => String((await call("POST", "/createRoom", body))["room_id"]),
    invite: async (room, user) => void (await call("POST", `/rooms/${enc(room)}/invite`, { user_id: user })),
    join: async (room) => void (await call("POST", `/join/${enc(room)}`, {})),
    async say(room, text, { txn = nextTxn(), patienceMs = 60_000 } = {}) {
      const content = typeof text === "string" ? { msgtype: "m.text", body: text } : text;
      const path = `/rooms/${enc(room)}/send/m.room.message/${enc(txn)}`;
      return String((await patiently(() => call("PUT", path, content), patienceMs))["event_id"]);
    },
    redact: async (room, event) =>
      String((await call("PUT", `/rooms/${enc(room)}/redact/${enc(event)}/${nextTxn()}`, {}))["event_id"]),
    sendEvent,
    react: (room, event, key) =>
      sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: event, key } }),
    setState: async (room, type, key, content) =>
      void (await call("PUT", `/rooms/${enc(room)}/state/${enc(type)}/${enc(key)}`, content)),
    getState: (room, type, key = "") =>
      call("GET", `/rooms/${enc(room)}/state/${enc(type)}/${enc(key)}`).catch(() => undefined),
    members: (room) => members(call, room),
    wait: (room, fits, options = {}) => waitFor({ seen, listeners, who: login.userId }, room, fits, options),
    request: (method, path, body) => call(method, path, body),
    upload: (bytes, mimeType, name) => upload(login, bytes, mimeType, name),
    history: (room) => history(call, room),
    close: () => end.abort(),
  };
}

type Caller = (method: string, path: string, body?: Json, signal?: AbortSignal) => Promise<Json>;

const enc = encodeURIComponent;
const filter = enc(JSON.stringify({ room: { timeline: { limit: 500 } }, presence: { not_types: ["*"] } }));

/** An answer that is no 2xx. */
class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function createCaller({ url, token }: MatrixLogin): Caller {
  return async (method, path, body, signal) => {
    const response = await fetch(`${url}/_matrix/client/v3${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      signal: signal ?? AbortSignal.timeout(20_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Refused(response.status, `${method} ${path}: ${response.status} ${text.slice(0, 200)}`);
    return JSON.parse(text) as Json;
  };
}

async function upload(
  { url, token }: MatrixLogin,
  body: Uint8Array<ArrayBuffer>,
  mimeType: string,
  name: string,
): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, "content-type": mimeType };
  const response = await fetch(`${url}/_matrix/media/v3/upload?filename=${enc(name)}`, {
    method: "POST",
    headers,
    body,
  });
  if (!response.ok) throw new Error(`upload of ${name}: ${response.status} ${await response.text()}`);
  return String(((await response.json()) as Json)["content_uri"]);
}

/** Tries again while the server is away; a refusal (4xx) is final. */
async function patiently<T>(attempt: () => Promise<T>, patienceMs: number): Promise<T> {
  const until = Date.now() + patienceMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const final = error instanceof Refused && error.status < 500 && error.status !== 429;
      if (final || Date.now() > until) throw error;
      await wait(100);
    }
  }
}

interface SyncRooms {
  readonly join?: Record<string, { readonly timeline?: { readonly events?: readonly SeenEvent[] } }>;
  readonly invite?: Record<string, { readonly invite_state?: { readonly events?: readonly SeenEvent[] } }>;
}

async function watch(
  call: Caller,
  start: string,
  signal: AbortSignal,
  tell: (room: string, event: SeenEvent) => void,
  invited: (room: string, by: string) => void,
): Promise<void> {
  let since = start;
  while (!signal.aborted) {
    try {
      const path = `/sync?timeout=20000&since=${enc(since)}&filter=${filter}`;
      const answer = await call("GET", path, undefined, AbortSignal.any([signal, AbortSignal.timeout(40_000)]));
      since = String(answer["next_batch"]);
      const rooms = (answer["rooms"] as SyncRooms | undefined) ?? {};
      for (const [room, { invite_state: state }] of Object.entries(rooms.invite ?? {}))
        for (const event of state?.events ?? [])
          if (event.type === "m.room.member" && event.content["membership"] === "invite") invited(room, event.sender);
      for (const [room, { timeline }] of Object.entries(rooms.join ?? {}))
        for (const event of timeline?.events ?? []) tell(room, event);
    } catch {
      if (!signal.aborted) await wait(200);
    }
  }
}

function waitFor(
  state: {
    readonly seen: readonly { readonly room: string; readonly event: SeenEvent }[];
    readonly listeners: Set<() => void>;
    readonly who: string;
  },
  room: string,
  fits: (event: SeenEvent) => boolean,
  options: { readonly withinMs?: number; readonly since?: number; readonly what?: string },
): Promise<SeenEvent> {
  const { withinMs = 15_000, what = "an event" } = options;
  let at = options.since ?? state.seen.length;
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      state.listeners.delete(look);
    };
    const look = (): void => {
      for (; at < state.seen.length; at++) {
        const entry = state.seen[at];
        if (entry?.room !== room || !fits(entry.event)) continue;
        stop();
        resolve(entry.event);
        return;
      }
    };
    const timer = setTimeout(() => {
      stop();
      const recent = state.seen.filter((entry) => entry.room === room).slice(-6);
      const shown = recent.map(({ event }) => `${event.sender} ${event.type} ${JSON.stringify(event.content)}`);
      reject(
        new Error(
          `${state.who} waited ${withinMs / 1000} s in vain for ${what}; last events:\n  ${shown.join("\n  ")}`,
        ),
      );
    }, withinMs);
    state.listeners.add(look);
    look();
  });
}

async function members(call: Caller, room: string): Promise<Map<string, string>> {
  const { joined } = (await call("GET", `/rooms/${enc(room)}/joined_members`)) as {
    joined?: Record<string, { display_name?: string }>;
  };
  return new Map(Object.entries(joined ?? {}).map(([user, { display_name }]) => [user, display_name ?? ""]));
}

async function history(call: Caller, room: string): Promise<SeenEvent[]> {
  const events: SeenEvent[] = [];
  let from = "";
  for (;;) {
    const page = await patiently(
      () => call("GET", `/rooms/${enc(room)}/messages?dir=b&limit=500${from === "" ? "" : `&from=${enc(from)}`}`),
      30_000,
    );
    const chunk = (page["chunk"] as SeenEvent[] | undefined) ?? [];
    events.push(...chunk);
    const end = page["end"];
    if (typeof end !== "string" || end === from || chunk.length === 0) break;
    from = end;
  }
  return events.reverse();
}
