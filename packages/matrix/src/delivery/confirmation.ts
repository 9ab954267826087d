/**
 * Whether a part is on the homeserver already, when nobody told us: a lost answer, or a `kill -9` between a request and its
 * answer. Servers forget transaction ids at a restart (Synapse, Dendrite), so the same id again would be a second message.
 * The proof is the origin key that each of our events carries, in the echo that the homeserver pushes or in the room's newest
 * history; never its text. In the ordinary run nothing is asked: only a part whose outcome is unknown, and after an unclean end
 * the first sends into each room, cost a request.
 */
import {
  type EventId,
  eventId,
  type KeyValueStore,
  type Log,
  type MatrixEvent,
  type RoomId,
  type UserId,
} from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import { isAway } from "../errors.ts";
import type { Messages } from "./messages.ts";

export const originField = "dev.trestle.origin";

const runningMark = "matrix/running";
const pageEvents = 100;
const pagesMax = 10;
/** What was in flight at a kill is among the newest of our own in a room: one part per lane. */
const ownEventsMax = 60;
/** The server's clock and ours may differ by this much. */
const clocksDifferMs = 10 * 60_000;

export interface Confirmation {
  /** At the start, before the first send: was the last end a clean one? */
  open(): Promise<void>;
  /** At the end: `clean` when no send's outcome is unknown. */
  close(): Promise<void>;
  /**
   * The event of this key, said by one of these, if it may be there already and is; undefined at once in the ordinary run. Anybody
   * can write our key into an event of his own, so one of any other sender is none.
   */
  find(room: RoomId, key: string, senders: readonly UserId[]): EventId | undefined | Promise<EventId | undefined>;
  /** This key was first tried then, as far as anybody knows: a look for it goes back that far. */
  since(room: RoomId, key: string, sinceMs: number): void;
  /** A send of this key ended without an answer that tells. */
  doubt(room: RoomId, key: string): void;
  settle(room: RoomId, key: string): void;
  /** One of our own events came by: of a ghost, the bot, or a person for whom we act. */
  echo(event: MatrixEvent): void;
}

export interface ConfirmationOptions {
  readonly messages: Messages;
  readonly kv: KeyValueStore;
  readonly log: Log;
  readonly isOwn: (user: string) => boolean;
  /** Whether a person, who is not ours, may have said this through us. */
  readonly isPuppets: (event: MatrixEvent) => boolean;
}

/** The key under which we sent this event, if it is one of ours. */
export function originKey(event: MatrixEvent): string | undefined {
  const origin = event.content[originField];
  const key = (origin as { key?: unknown } | undefined | null)?.key;
  return typeof key === "string" ? key : undefined;
}

/** Newest echoes, and what the look-ups found, by room, key and who said it. */
function createSeen(nameOf: (room: RoomId, key: string) => string, isOwn: (user: string) => boolean) {
  const seen = boundedMap<string, EventId>(5_000);
  /** Of people, kept apart: they can write as many as they like, and push out each other's only. */
  const seenOfPeople = boundedMap<string, EventId>(5_000);
  const saidBy = (name: string, sender: UserId) => `${name}\n${sender}`;
  return {
    findSeen(name: string, senders: readonly UserId[]): EventId | undefined {
      for (const sender of senders) {
        const found = seen.get(saidBy(name, sender)) ?? seenOfPeople.get(saidBy(name, sender));
        if (found !== undefined) return found;
      }
      return undefined;
    },
    /** Whether it is one of those that nobody can forge. */
    note(event: MatrixEvent, room: RoomId): boolean {
      const key = originKey(event);
      if (key === undefined) return false;
      const isOurs = isOwn(event.sender);
      (isOurs ? seen : seenOfPeople).set(saidBy(nameOf(room, key), event.sender), eventId(event.event_id));
      return isOurs;
    },
  };
}

export function createConfirmation({ messages, kv, log, isOwn, isPuppets }: ConfirmationOptions): Confirmation {
  const nameOf = (room: RoomId, key: string) => `${room}\n${key}`;
  const doubts = boundedMap<string, true>(50_000);
  const tried = boundedMap<string, number>(50_000);
  const { findSeen, note } = createSeen(nameOf, isOwn);
  let unclean = false;
  /** After an unclean end: rooms already looked at. */
  const looked = new Set<RoomId>();
  const looking = new Map<RoomId, Promise<void>>();

  /** Back to the newest of our own, and where it is known when the first try was, to then. */
  async function look(room: RoomId, isFound: () => boolean, sinceMs: number): Promise<void> {
    let from: string | undefined;
    let own = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (let page = 0; page < pagesMax && (own < ownEventsMax || oldestMs > sinceMs); page++) {
      const { events, older } = await messages.page(room, {
        limit: pageEvents,
        ...(from === undefined ? {} : { from }),
      });
      for (const event of events) {
        oldestMs = Math.min(oldestMs, event.origin_server_ts);
        if (!isOwn(event.sender) && !isPuppets(event)) continue;
        // Only what nobody can forge brings the look to its end.
        if (note(event, room)) own += 1;
      }
      if (older === undefined || isFound()) return;
      from = older;
    }
  }

  const lookOnce = (room: RoomId, sinceMs: number): Promise<void> => {
    let running = looking.get(room);
    if (running === undefined) {
      running = look(room, () => false, sinceMs)
        .then(() => void looked.add(room))
        .finally(() => looking.delete(room));
      looking.set(room, running);
    }
    return running;
  };

  async function find(room: RoomId, key: string, senders: readonly UserId[]): Promise<EventId | undefined> {
    const name = nameOf(room, key);
    const known = findSeen(name, senders);
    if (known === undefined) {
      try {
        const sinceMs = (tried.get(name) ?? Number.POSITIVE_INFINITY) - clocksDifferMs;
        if (doubts.has(name)) await look(room, () => findSeen(name, senders) !== undefined, sinceMs);
        else await lookOnce(room, sinceMs);
      } catch (error) {
        if (isAway(error)) throw error;
        // The bot may not read here: then the transaction id is all there is.
        looked.add(room);
        log.warn({ room, error }, "cannot look whether a message is there already");
      }
    }
    const found = findSeen(name, senders);
    if (found !== undefined) log.info({ room, key, event: found }, "the homeserver had it already");
    return found;
  }

  return {
    async open() {
      unclean = (await kv.get(runningMark)) === "yes";
      if (!unclean) await kv.put(runningMark, "yes");
      log.debug({ unclean }, "how the last run ended");
    },
    async close() {
      if (doubts.size === 0) await kv.put(runningMark, "no");
    },
    find(room, key, senders) {
      const asks = (unclean && !looked.has(room)) || (doubts.size > 0 && doubts.has(nameOf(room, key)));
      if (!asks && !unclean) return undefined;
      if (!asks) return findSeen(nameOf(room, key), senders);
      return find(room, key, senders);
    },
    since(room, key, sinceMs) {
      // Where nothing can be there already, nothing is looked for.
      if (unclean || doubts.size > 0) tried.set(nameOf(room, key), sinceMs);
    },
    doubt: (room, key) => doubts.set(nameOf(room, key), true),
    settle(room, key) {
      if (doubts.size > 0) doubts.delete(nameOf(room, key));
      if (tried.size > 0) tried.delete(nameOf(room, key));
    },
    echo(event) {
      note(event, event.room_id);
    },
  };
}
