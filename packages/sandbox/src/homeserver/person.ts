/**
 * A person at a homeserver, with nothing but `fetch`: works against the sandbox and any real server, in tests, in the end-to-end
 * scenarios and in a browser. Reads by long-polling `/sync`, independently of anything the bridge does.
 */

type Json = { readonly [key: string]: unknown };

/** An event as `/sync` or `/messages` gives it, with its room. */
export interface PersonEvent {
  readonly event_id: string;
  readonly room_id: string;
  readonly sender: string;
  readonly type: string;
  readonly state_key?: string;
  readonly origin_server_ts: number;
  readonly content: Json;
  readonly redacts?: string;
  readonly unsigned?: Json;
}

export interface SandboxPerson {
  readonly url: string;
  readonly userId: string;
  readonly token: string;
  /** Any call of the client-server API, `path` from after `/_matrix/client`; rejects with the errcode in the message. */
  request(method: string, path: string, body?: Json): Promise<Json>;
  createRoom(wanted?: Json): Promise<string>;
  join(roomOrAlias: string): Promise<string>;
  leave(room: string): Promise<void>;
  invite(room: string, user: string): Promise<void>;
  kick(room: string, user: string, reason?: string): Promise<void>;
  ban(room: string, user: string, reason?: string): Promise<void>;
  unban(room: string, user: string): Promise<void>;
  /** A text, or whole content; resolves with the event id. */
  say(room: string, text: string | Json, txnId?: string): Promise<string>;
  reply(room: string, event: string, text: string): Promise<string>;
  edit(room: string, event: string, text: string): Promise<string>;
  react(room: string, event: string, key: string): Promise<string>;
  redact(room: string, event: string, reason?: string): Promise<string>;
  setState(room: string, type: string, content: Json, key?: string): Promise<string>;
  getState(room: string, type: string, key?: string): Promise<Json>;
  setName(name: string): Promise<void>;
  /** Replaces a room by one of this version; the new room. */
  upgrade(room: string, version: string): Promise<string>;
  /** Uploads a file; its `mxc:` address. */
  upload(bytes: Uint8Array, mimeType?: string, name?: string): Promise<string>;
  download(mxc: string): Promise<{ readonly bytes: Uint8Array; readonly mimeType: string }>;
  typing(room: string, active: boolean): Promise<void>;
  read(room: string, event: string): Promise<void>;
  /** The whole history that this person can see, oldest first. */
  history(room: string): Promise<PersonEvent[]>;
  /** Starts reading from now on. */
  follow(): Promise<PersonReader>;
}

export interface PersonReader {
  /** Every timeline event since `follow`, in order of arrival, own ones too. */
  readonly events: readonly PersonEvent[];
  /** Rooms this person is invited to. */
  readonly invites: ReadonlySet<string>;
  /** The first event that fits, seen already or coming within `timeoutMs` (default 10 s); rejects with what came instead. */
  waitFor(fits: (event: PersonEvent) => boolean, timeoutMs?: number): Promise<PersonEvent>;
  waitForText(text: string, timeoutMs?: number): Promise<PersonEvent>;
  /** The room of an invitation, had already or coming. */
  waitForInvite(timeoutMs?: number): Promise<string>;
  onEvent(listener: (event: PersonEvent) => void): void;
  stop(): void;
}

/** Registers with `m.login.dummy` (the sandbox; not a Synapse with closed registration). */
export async function registerPerson(url: string, name: string, password = "correct horse"): Promise<SandboxPerson> {
  const body = { username: name, password, auth: { type: "m.login.dummy" } };
  return personOf(url, await call(url, undefined, "POST", "/v3/register", body));
}

export async function loginPerson(url: string, name: string, password = "correct horse"): Promise<SandboxPerson> {
  const body = { type: "m.login.password", identifier: { type: "m.id.user", user: name }, password };
  return personOf(url, await call(url, undefined, "POST", "/v3/login", body));
}

/** From an answer of `/register` or `/login`. */
export function personOf(url: string, session: Json): SandboxPerson {
  const userId = String(session["user_id"]);
  const token = String(session["access_token"]);
  const request = (method: string, path: string, body?: Json) => call(url, token, method, path, body);
  const made = async (answer: Promise<Json>) => String((await answer)["event_id"]);
  let counter = 0;
  const nextTxn = () => `p${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}${counter++}`;
  const send = (room: string, type: string, content: Json, txnId = nextTxn()) =>
    made(request("PUT", `/v3/rooms/${enc(room)}/send/${enc(type)}/${enc(txnId)}`, content));
  const moderate = async (room: string, verb: string, user: string, reason?: string) => {
    await request("POST", `/v3/rooms/${enc(room)}/${verb}`, {
      user_id: user,
      ...(reason === undefined ? {} : { reason }),
    });
  };
  const text = (body: string) => ({ msgtype: "m.text", body });
  return {
    url,
    userId,
    token,
    request,
    createRoom: async (wanted = {}) => String((await request("POST", "/v3/createRoom", wanted))["room_id"]),
    join: async (room) => String((await request("POST", `/v3/join/${enc(room)}`, {}))["room_id"]),
    leave: async (room) => void (await request("POST", `/v3/rooms/${enc(room)}/leave`, {})),
    invite: (room, user) => moderate(room, "invite", user),
    kick: (room, user, reason) => moderate(room, "kick", user, reason),
    ban: (room, user, reason) => moderate(room, "ban", user, reason),
    unban: (room, user) => moderate(room, "unban", user),
    say: (room, what, txnId) => send(room, "m.room.message", typeof what === "string" ? text(what) : what, txnId),
    reply: (room, event, body) =>
      send(room, "m.room.message", { ...text(body), "m.relates_to": { "m.in_reply_to": { event_id: event } } }),
    edit: (room, event, body) =>
      send(room, "m.room.message", {
        ...text(`* ${body}`),
        "m.new_content": text(body),
        "m.relates_to": { rel_type: "m.replace", event_id: event },
      }),
    react: (room, event, key) =>
      send(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: event, key } }),
    redact: (room, event, reason) => {
      const path = `/v3/rooms/${enc(room)}/redact/${enc(event)}/${nextTxn()}`;
      return made(request("PUT", path, reason === undefined ? {} : { reason }));
    },
    setState: (room, type, content, key = "") =>
      made(request("PUT", `/v3/rooms/${enc(room)}/state/${enc(type)}/${enc(key)}`, content)),
    getState: (room, type, key = "") => request("GET", `/v3/rooms/${enc(room)}/state/${enc(type)}/${enc(key)}`),
    upgrade: async (room, version) => {
      const answer = await request("POST", `/v3/rooms/${enc(room)}/upgrade`, { new_version: version });
      return String(answer["replacement_room"]);
    },
    setName: async (name) =>
      void (await request("PUT", `/v3/profile/${enc(userId)}/displayname`, { displayname: name })),
    upload: (bytes, mimeType, name) => upload(url, token, bytes, mimeType, name),
    download: (mxc) => download(url, token, mxc),
    typing: async (room, active) =>
      void (await request("PUT", `/v3/rooms/${enc(room)}/typing/${enc(userId)}`, { typing: active, timeout: 30_000 })),
    read: async (room, event) =>
      void (await request("POST", `/v3/rooms/${enc(room)}/receipt/m.read/${enc(event)}`, {})),
    history: (room) => history(request, room),
    follow: () => follow(url, token),
  };
}

async function history(request: SandboxPerson["request"], room: string): Promise<PersonEvent[]> {
  const events: PersonEvent[] = [];
  let from: string | undefined;
  do {
    const page = await request(
      "GET",
      `/v3/rooms/${enc(room)}/messages?dir=b&limit=500${from === undefined ? "" : `&from=${enc(from)}`}`,
    );
    const chunk = page["chunk"] as PersonEvent[];
    events.push(...chunk);
    from = chunk.length === 0 ? undefined : (page["end"] as string | undefined);
  } while (from !== undefined);
  return events.reverse();
}

async function upload(url: string, token: string, bytes: Uint8Array, type?: string, name?: string): Promise<string> {
  const response = await fetch(`${url}/_matrix/media/v3/upload${name === undefined ? "" : `?filename=${enc(name)}`}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": type ?? "application/octet-stream" },
    body: bytes as Uint8Array<ArrayBuffer>,
  });
  const answer = (await response.json()) as Json;
  if (!response.ok) throw new Error(`upload: ${response.status} ${String(answer["errcode"])}`);
  return String(answer["content_uri"]);
}

async function download(url: string, token: string, mxc: string): ReturnType<SandboxPerson["download"]> {
  const response = await fetch(`${url}/_matrix/client/v1/media/download/${mxc.slice("mxc://".length)}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`download: ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { bytes, mimeType: response.headers.get("content-type") ?? "" };
}

const syncTimeoutMs = 25_000;

async function follow(url: string, token: string): Promise<PersonReader> {
  const stopped = new AbortController();
  const events: PersonEvent[] = [];
  const invites = new Set<string>();
  const listeners = new Set<(event: PersonEvent) => void>();
  const inviteListeners = new Set<() => void>();
  const sync = (since: string | undefined, timeoutMs: number) => {
    const query = `timeout=${timeoutMs}&filter=${enc('{"room":{"timeline":{"limit":1000}}}')}`;
    const place = since === undefined ? "" : `&since=${enc(since)}`;
    return call(url, token, "GET", `/v3/sync?${query}${place}`, undefined, stopped.signal);
  };
  const first = await sync(undefined, 0);
  for (const id of Object.keys(roomsOf(first, "invite"))) invites.add(id);
  const loop = async () => {
    let since = String(first["next_batch"]);
    while (!stopped.signal.aborted) {
      const answer = await sync(since, syncTimeoutMs).catch(() => undefined);
      if (!answer) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        continue;
      }
      since = String(answer["next_batch"]);
      for (const id of Object.keys(roomsOf(answer, "invite"))) invites.add(id);
      for (const listener of inviteListeners) listener();
      for (const event of timelineOf(answer)) {
        events.push(event);
        for (const listener of listeners) listener(event);
      }
    }
  };
  void loop();
  const waitFor = (fits: (event: PersonEvent) => boolean, timeoutMs = 10_000): Promise<PersonEvent> => {
    const seen = events.find(fits);
    if (seen) return Promise.resolve(seen);
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        listeners.delete(listener);
      };
      const listener = (event: PersonEvent) => {
        if (!fits(event)) return;
        end();
        resolve(event);
      };
      const timer = setTimeout(() => {
        end();
        const last = events.slice(-5).map((event) => JSON.stringify(event.content));
        reject(new Error(`It did not come within ${timeoutMs} ms; the last events were:\n${last.join("\n")}`));
      }, timeoutMs);
      listeners.add(listener);
    });
  };
  return {
    events,
    invites,
    waitFor,
    waitForText: (text, timeoutMs) => waitFor(({ content }) => String(content["body"] ?? "").includes(text), timeoutMs),
    waitForInvite: async (timeoutMs = 10_000) => {
      const until = Date.now() + timeoutMs;
      for (;;) {
        const [room] = invites;
        if (room !== undefined) return room;
        if (Date.now() > until) throw new Error(`No invitation came within ${timeoutMs} ms`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.max(1, until - Date.now()));
          inviteListeners.add(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
    },
    onEvent: (listener) => void listeners.add(listener),
    stop: () => stopped.abort(),
  };
}

function roomsOf(answer: Json, kind: "join" | "invite"): { readonly [id: string]: Json } {
  return ((answer["rooms"] as Json | undefined)?.[kind] ?? {}) as { readonly [id: string]: Json };
}

function* timelineOf(answer: Json): Generator<PersonEvent> {
  for (const [id, room] of Object.entries(roomsOf(answer, "join"))) {
    const timeline = room["timeline"] as { readonly events?: readonly PersonEvent[] } | undefined;
    for (const event of timeline?.events ?? []) yield { ...event, room_id: id };
  }
}

const enc = encodeURIComponent;

async function call(
  url: string,
  token: string | undefined,
  method: string,
  path: string,
  body?: Json,
  signal?: AbortSignal,
): Promise<Json> {
  const response = await fetch(`${url}/_matrix/client${path}`, {
    method,
    ...(signal ? { signal } : {}),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Json;
  if (!response.ok)
    throw new Error(
      `${method} ${path.split("?")[0]}: ${response.status} ${String(answer["errcode"])} ${String(answer["error"])}`,
    );
  return answer;
}
