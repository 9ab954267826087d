/**
 * Typing and read marks: what is true for a moment. They are not stored and never waited for; of each portal one is under way at
 * a time and the newest waits, so that nothing piles up where the far side is slow.
 */
import type { Action } from "./action.ts";
import type { Clock, Log, Meter } from "./ambient.ts";
import type { MatrixAuthor, RemoteAuthor } from "./author.ts";
import { emptyLookup } from "./codec.ts";
import type { Connector, RemoteAction } from "./connector.ts";
import type { EphemeralEvent, Homeserver } from "./homeserver.ts";
import {
  chatKeyText,
  type EventId,
  jobKey,
  type PartKey,
  type PortalId,
  partKey,
  type RemoteMessageId,
  type RoomId,
  type UserId,
} from "./ids.ts";
import type { MessageMap } from "./message-map.ts";
import { chatOf, type Router } from "./router.ts";
import type { PortalRow } from "./store.ts";

export interface EphemeralOptions {
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly router: Router;
  readonly messages: MessageMap;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Who this is over there; undefined when nothing of him is carried. */
  readonly authorOf: (room: RoomId, user: UserId, portal: PortalRow) => Promise<MatrixAuthor | undefined>;
  /** Who this is here, when he has been in this room before; undefined when nothing of him is shown. */
  readonly knownIn: (portal: PortalRow, sender: RemoteAuthor) => Promise<RemoteAuthor | undefined>;
}

export interface Ephemeral {
  fromMatrix(event: EphemeralEvent): void;
  /** Typing, a read mark, or a message: who has said it types no more. */
  fromNetwork(event: RemoteAction): void;
}

/** Past this, what is under way is given up on: the next one may go. */
const slowMs = 10_000;
/** How long what we showed for a person himself is known as ours when it comes back. */
const ownMs = 60_000;
const rememberedMax = 10_000;
/** Networks repeat every few seconds that somebody types; a homeserver shows it for half a minute (packages/matrix). */
const typingShownMs = 15_000;

type Step = () => Promise<void>;
type Momentary = Extract<Action<RemoteMessageId>, { kind: "typing" | "read" }>;

export function createEphemeral(options: EphemeralOptions): Ephemeral {
  const { homeserver, router, clock, log, meter } = options;
  const typing = new Map<RoomId, ReadonlySet<UserId>>();
  const own = createOwnMarks(clock);
  let count = 0;
  const nextKey = (): PartKey => partKey(jobKey(`e/${clock.now()}/${count++}`), 0);

  const underWay = new Set<PortalId>();
  const waiting = new Map<PortalId, Step>();
  const offer = (portal: PortalId, step: Step): void => {
    if (underWay.has(portal)) {
      if (waiting.has(portal)) meter.count("trestle_ephemeral_dropped_total");
      waiting.set(portal, step);
      return;
    }
    underWay.add(portal);
    const over = new AbortController();
    const done = step().catch((err) => log.debug({ portal, err }, "a typing or read mark was not shown"));
    Promise.race([done, clock.wait(slowMs, over.signal)])
      .then(() => {
        over.abort();
        underWay.delete(portal);
        const next = waiting.get(portal);
        waiting.delete(portal);
        if (next !== undefined) offer(portal, next);
      })
      .catch((err) => log.warn({ portal, err }, "typing and read marks stopped"));
  };

  const typingThere = createTyping(clock);
  /** What there is to show of it now; undefined: nothing, or nothing new. */
  const shownAs = ({ action, chat, sender }: RemoteAction): Momentary | undefined => {
    if (action.kind === "read") return action;
    if (action.kind !== "typing" && action.kind !== "message") return undefined;
    const active = action.kind === "typing" && action.active;
    return typingThere.isNews(`${chatKeyText(chat)} ${sender.id}`, active) ? { kind: "typing", active } : undefined;
  };

  const activeIn = (room: RoomId) => router.ofRoom(room).filter(({ state }) => state === "active");

  const toNetwork = (row: PortalRow, user: UserId, action: Action<EventId>): void => {
    const { actions } = options.connector.capabilities(row.network);
    if (actions.has(action.kind)) offer(row.id, () => sendThere(options, row, user, action, nextKey()));
  };

  return {
    fromMatrix(event) {
      const rows = activeIn(event.room);
      if (event.kind === "read") {
        if (own.isOurs(event.room, event.user, event.upTo)) return;
        for (const row of rows) toNetwork(row, event.user, { kind: "read", upTo: event.upTo });
        return;
      }
      const before = typing.get(event.room) ?? new Set();
      const now = new Set(event.users.filter((user) => !own.isOurs(event.room, user, "typing")));
      typing.delete(event.room);
      if (rows.length === 0) return;
      if (now.size > 0) typing.set(event.room, now);
      if (typing.size > rememberedMax) typing.delete(typing.keys().next().value as RoomId);
      for (const row of rows) {
        for (const user of now) if (!before.has(user)) toNetwork(row, user, { kind: "typing", active: true });
        for (const user of before) if (!now.has(user)) toNetwork(row, user, { kind: "typing", active: false });
      }
    },
    fromNetwork(event) {
      const action = shownAs(event);
      if (action === undefined) return;
      if (!homeserver.capabilities.actions.has(action.kind)) return;
      for (const row of router.ofChat(event.chat).filter(({ state }) => state === "active")) {
        offer(row.id, () => showHere(options, row, event.sender, action, { key: nextKey(), own }));
      }
    },
  };
}

async function sendThere(
  options: EphemeralOptions,
  row: PortalRow,
  user: UserId,
  action: Action<EventId>,
  key: PartKey,
): Promise<void> {
  const { connector, messages } = options;
  const author = await options.authorOf(row.room, user, row);
  if (author === undefined) return;
  const chat = chatOf(row);
  let there: Action<RemoteMessageId>;
  if (action.kind === "read") {
    // A relayed person has nobody over there whose mark it could be.
    const isHimself =
      author.account !== undefined || connector.capabilities(row.network).impersonation === "connection";
    const upTo = (await messages.findByEvent(row.id, action.upTo)).at(-1)?.remoteId;
    if (!isHimself || upTo === undefined) return;
    there = { kind: "read", upTo };
  } else if (action.kind === "typing") there = action;
  else return;
  for (const part of connector.plan(chat, there, author, emptyLookup)) {
    await connector.sendPart(chat, part, author, key);
  }
}

async function showHere(
  options: EphemeralOptions,
  row: PortalRow,
  sender: RemoteAuthor,
  action: Momentary,
  { key, own }: { readonly key: PartKey; readonly own: OwnMarks },
): Promise<void> {
  const { homeserver, messages } = options;
  const author = await options.knownIn(row, sender);
  if (author === undefined) return;
  const { puppet } = author;
  const isHimself = puppet !== undefined && homeserver.puppets.has(puppet);
  let here: Action<EventId>;
  if (action.kind === "read") {
    // A ghost reads nothing: only a person's own mark means something to anybody here.
    const upTo = (await messages.findByRemote(row.id, action.upTo)).at(-1)?.eventId;
    if (!isHimself || upTo === undefined) return;
    here = { kind: "read", upTo };
  } else here = action;
  if (isHimself) own.note(row.room, puppet, here.kind === "read" ? here.upTo : "typing");
  for (const part of homeserver.plan(row.room, here, author, emptyLookup)) {
    await homeserver.sendPart(row.room, part, author, key);
  }
}

/** Who was shown as typing, and when last. */
function createTyping(clock: Clock): { isNews(who: string, active: boolean): boolean } {
  const since = new Map<string, number>();
  return {
    isNews(who, active) {
      const shownAtMs = since.get(who);
      since.delete(who);
      if (!active) return shownAtMs !== undefined;
      const isNew = shownAtMs === undefined || clock.now() - shownAtMs >= typingShownMs;
      since.set(who, isNew ? clock.now() : shownAtMs);
      if (since.size > rememberedMax) since.delete(since.keys().next().value as string);
      return isNew;
    },
  };
}

interface OwnMarks {
  note(room: RoomId, user: UserId, what: string): void;
  isOurs(room: RoomId, user: UserId, what: string): boolean;
}

/** What we showed as a person himself comes back from the homeserver as if he had done it; no mark of ours stands in it. */
function createOwnMarks(clock: Clock): OwnMarks {
  const until = new Map<string, number>();
  const keyOf = (room: RoomId, user: UserId, what: string) => `${room} ${user} ${what}`;
  return {
    note(room, user, what) {
      const key = keyOf(room, user, what);
      until.delete(key);
      until.set(key, clock.now() + ownMs);
      if (until.size > rememberedMax) until.delete(until.keys().next().value as string);
    },
    isOurs: (room, user, what) => (until.get(keyOf(room, user, what)) ?? 0) > clock.now(),
  };
}
