/**
 * What a run of `describeHomeserver` works with: an implementation of the port, people at its server, a host that keeps what it
 * is given as the journal would, and raw transactions as a homeserver pushes them. It knows no implementation.
 */
import {
  type Action,
  type EphemeralEvent,
  type EventId,
  emptyLookup,
  eventId,
  type Homeserver,
  type HomeserverHost,
  jobKey,
  type MatrixEvent,
  networkId,
  type PartKey,
  partKey,
  type RemoteAuthor,
  type RoomId,
  remoteUserId,
  roomId,
  type UserId,
} from "@trestle/core";
import { aMessage } from "./builders.ts";
import { createFakeFiles, type FakeFiles } from "./fake-media.ts";

/** An event as a person reads it. */
export interface TrialEvent {
  readonly event_id: string;
  readonly sender: string;
  readonly type: string;
  readonly state_key?: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly redacts?: string;
}

/** A person at the homeserver; `SandboxPerson` is one. */
export interface TrialPerson {
  readonly userId: string;
  createRoom(wanted?: Readonly<Record<string, unknown>>): Promise<string>;
  join(roomOrAlias: string): Promise<string>;
  invite(room: string, user: string): Promise<void>;
  ban(room: string, user: string): Promise<void>;
  say(room: string, text: string | Readonly<Record<string, unknown>>): Promise<string>;
  edit(room: string, event: string, text: string): Promise<string>;
  react(room: string, event: string, key: string): Promise<string>;
  redact(room: string, event: string): Promise<string>;
  typing(room: string, active: boolean): Promise<void>;
  setState(room: string, type: string, content: Readonly<Record<string, unknown>>, key?: string): Promise<string>;
  getState(room: string, type: string, key?: string): Promise<Readonly<Record<string, unknown>>>;
  setName(name: string): Promise<void>;
  /** Replaces a room by one of this version; the new room. */
  upgrade(room: string, version: string): Promise<string>;
  history(room: string): Promise<readonly TrialEvent[]>;
  upload?(bytes: Uint8Array, mimeType?: string): Promise<string>;
  download?(mxc: string): Promise<{ readonly bytes: Uint8Array; readonly mimeType: string }>;
  /** His session at a real server, and any call of the client-server API in it. */
  readonly token?: string;
  request?(method: string, path: string, body?: Readonly<Record<string, unknown>>): Promise<unknown>;
}

export interface HomeserverTrial {
  readonly serverName: string;
  readonly hsToken: string;
  /** Where the homeserver pushes to, without a path. */
  readonly endpoint: string;
  /** A handle, not started. Called again after `stop`: a restart of ours on the same store. */
  open(): Homeserver;
  /** Registers a person; a name is used once. */
  person(name: string): Promise<TrialPerson>;
  /** Resolves when what a start or a return of the server sets going is over. */
  settled(homeserver: Homeserver): Promise<void>;
  restartServer?(kind: "TERM" | "KILL"): Promise<void>;
  /** The next send takes effect and its answer never arrives. */
  loseAnswer?(): void;
  close(): Promise<void>;
}

/** Keeps events once each, as the journal does, and serves gap repair from them. */
export interface TrialHost extends HomeserverHost {
  /** Files of the network. */
  readonly files: FakeFiles;
  readonly taken: readonly MatrixEvent[];
  readonly ephemerals: readonly EphemeralEvent[];
  /** For whom we can no longer act, as we were told. */
  readonly lost: readonly UserId[];
  /** How often an event came again. */
  readonly again: number;
  /** From now on this room is one of an active portal. */
  link(room: string): void;
  /** Until `release`, nothing becomes durable. */
  hold(): { release(): void };
  /** The next `count` calls of `take` fail as a broken disk would. */
  failNext(count: number): void;
  /** Plain bodies of messages in this room, in the order in which they were taken. */
  bodies(room: string): string[];
}

export function createTrialHost(): TrialHost {
  const taken: MatrixEvent[] = [];
  const ids = new Set<EventId>();
  const ephemerals: EphemeralEvent[] = [];
  const lost: UserId[] = [];
  const rooms = new Set<RoomId>();
  const files = createFakeFiles("trial:");
  let held = Promise.resolve();
  let failures = 0;
  let again = 0;
  const last = (room: RoomId) => taken.findLast((event) => event.room_id === room);
  return {
    taken,
    ephemerals,
    lost,
    files,
    get again() {
      return again;
    },
    link: (room) => void rooms.add(roomId(room)),
    hold: () => {
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      return { release };
    },
    failNext: (count) => {
      failures = count;
    },
    bodies: (room) =>
      taken.filter((event) => event.room_id === room && event.type === "m.room.message").map((event) => bodyOf(event)),
    take: async (events) => {
      await held;
      if (failures > 0) {
        failures--;
        throw new Error("the disk is full");
      }
      for (const event of events) {
        if (ids.has(event.event_id)) again++;
        else {
          ids.add(event.event_id);
          taken.push(event);
        }
      }
    },
    ephemeral: (event) => void ephemerals.push(event),
    openMedia: ({ source }) => files.open(source),
    puppetLost: (user) => void lost.push(user),
    repairRooms: async () =>
      [...rooms].map((room) => {
        const event = last(room);
        return { room, ...(event ? { lastEvent: event.event_id, lastAtMs: event.origin_server_ts } : {}) };
      }),
    known: async (_room, events) => new Set(events.filter((event) => ids.has(event))),
  };
}

/** A started implementation, with alice at her server. */
export interface Running {
  readonly trial: HomeserverTrial;
  readonly host: TrialHost;
  readonly alice: TrialPerson;
  /** The handle in use now; `reopen` changes it. */
  readonly homeserver: Homeserver;
  /** Stops the handle and starts another on the same store. */
  reopen(): Promise<void>;
  /** A room of alice's with the bot in it, linked. */
  room(wanted?: Readonly<Record<string, unknown>>): Promise<string>;
}

export interface HomeserverContract {
  /** Which of the trial's optional powers it has; tests that need another are not run. */
  readonly restartsServer: boolean;
  readonly losesAnswers: boolean;
}

export const bodyOf = (event: { readonly content: Readonly<Record<string, unknown>> }): string =>
  String(event.content["body"]);

export const isLate = (event: MatrixEvent): boolean => event["dev.trestle.late"] === true;

/** Polls; rejects with `what` when it does not come true in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`In ${timeoutMs} ms it did not come true that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

let names = 0;
/** A name that this run has not used. */
export const freshName = (name: string): string => `${name}${Date.now().toString(36)}${(names++).toString(36)}`;

export const freshAuthor = (name: string, more: Partial<RemoteAuthor> = {}): RemoteAuthor => ({
  network: networkId("trialnet"),
  id: remoteUserId(freshName(name.toLowerCase())),
  name,
  ...more,
});

export const freshKey = (): PartKey => partKey(jobKey(freshName("job")), 0);

/** Plans one action that makes one part, and sends it. */
export function send(
  homeserver: Homeserver,
  room: string,
  action: Action<EventId>,
  author: RemoteAuthor,
  key: PartKey = freshKey(),
): Promise<EventId> {
  const [part] = homeserver.plan(roomId(room), action, author, emptyLookup);
  if (!part) throw new Error("There was nothing to send");
  return homeserver.sendPart(roomId(room), part, author, key);
}

export const sayAs = (
  homeserver: Homeserver,
  room: string,
  author: RemoteAuthor,
  text: string,
  key?: PartKey,
): Promise<EventId> => send(homeserver, room, aMessage<EventId>(text), author, key);

/** Messages with this body in a history. */
export const withBody = (history: readonly TrialEvent[], body: string): TrialEvent[] =>
  history.filter((event) => event.type === "m.room.message" && event.content["body"] === body);

export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** A request of the homeserver to us, as raw as one likes. */
export async function push(
  trial: HomeserverTrial,
  path: string,
  options: {
    readonly method?: string;
    readonly body?: unknown;
    readonly token?: string | undefined;
    readonly inQuery?: boolean;
  } = {},
): Promise<RawAnswer> {
  const { method = "PUT", body, inQuery = false } = options;
  const token = "token" in options ? options.token : trial.hsToken;
  const query = inQuery && token !== undefined ? `?access_token=${encodeURIComponent(token)}` : "";
  const answer = await fetch(`${trial.endpoint}${path}${query}`, {
    method,
    headers: {
      "content-type": "application/json",
      ...(token === undefined || inQuery ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}

/** A message event as a homeserver pushes it. */
export const rawMessage = (room: string, sender: string, body: string): Record<string, unknown> => ({
  event_id: eventId(`$${freshName("raw")}`),
  room_id: room,
  sender,
  type: "m.room.message",
  origin_server_ts: Date.now(),
  content: { msgtype: "m.text", body },
});
