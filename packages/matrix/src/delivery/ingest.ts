/**
 * What a transaction holds, sorted: events of others go to the host (durable before the answer), our own only tell that they
 * arrived, typing and receipts go past. Own means by identity: our ghosts, our bot, our double puppets; never by text. A
 * malformed event is left out and logged, one by one: a transaction is never refused for what somebody wrote in it.
 */
import {
  type Clock,
  type EphemeralEvent,
  eventId,
  type Log,
  type MatrixEvent,
  type Meter,
  roomId,
  type UserId,
} from "@trestle/core";
import type { JsonObject } from "../client.ts";
import { puppetField, puppetMark } from "../puppets/access.ts";
import { asEvent } from "./messages.ts";

export interface IngestOptions {
  readonly span: string;
  readonly isOwn: (user: string) => boolean;
  /** Whether we act for this person: then what carries our mark may be what we said for him. */
  readonly actsFor: (user: UserId) => boolean;
  /** What we did as a person and what cannot be told by a mark: some servers keep none in a redaction. */
  readonly didAsPerson?: (event: MatrixEvent) => boolean;
  /** Resolves once the events are durable. */
  readonly take: (events: readonly MatrixEvent[]) => Promise<void>;
  readonly ephemeral: (event: EphemeralEvent) => void;
  /** Every event, ours and others', before it is sorted: for caches. */
  readonly feed: (event: MatrixEvent) => void;
  /** One of our own came back. */
  readonly echo: (event: MatrixEvent) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

export interface Ingest {
  /** Resolves when everything in it is durable, or with `refused`; rejects when the store fails. */
  transaction(body: JsonObject): Promise<"taken" | "refused">;
  /** From now on only our own echoes: refusing those would put some homeservers into a long back-off for nothing. */
  refuse(): void;
  readonly lastAtMs: number | undefined;
}

const legacyEphemeral = "de.sorunome.msc2409.ephemeral";

export function createIngest(options: IngestOptions): Ingest {
  const { isOwn, feed, echo, log, meter } = options;
  const puppet = puppetMark(options.span);
  let lastAtMs: number | undefined;
  let refusing = false;

  function sort(entries: readonly unknown[]): MatrixEvent[] {
    const foreign: MatrixEvent[] = [];
    for (const entry of entries) {
      try {
        const event = asEvent(entry);
        if (event === undefined) {
          leaveOut(entry, "it has not the shape of an event");
          continue;
        }
        feed(event);
        // Only who really is ours can confirm a send; that an event calls itself our puppet's only keeps it from crossing.
        if (isOwn(event.sender)) echo(event);
        else if (options.didAsPerson?.(event) === true) continue;
        else if (event.content[puppetField] !== puppet) foreign.push(event);
        else if (options.actsFor(event.sender)) echo(event);
      } catch (error) {
        leaveOut(entry, String(error));
      }
    }
    return foreign;
  }

  function leaveOut(entry: unknown, why: string): void {
    const id = (entry as { event_id?: unknown } | null | undefined)?.event_id;
    meter.count("trestle_events_malformed_total");
    log.warn({ event: typeof id === "string" ? id.slice(0, 255) : undefined, why }, "left an event out");
  }

  async function take(events: readonly MatrixEvent[]): Promise<void> {
    try {
      await options.take(events);
    } catch (error) {
      const sound = events.filter(canBeStored);
      if (sound.length === events.length) throw error;
      // Nested deeper than can be written down: one such event must not hold the queue for ever.
      for (const event of events) if (!sound.includes(event)) leaveOut(event, "it cannot be written as JSON");
      if (sound.length > 0) await options.take(sound);
    }
  }

  function passEphemeral(body: JsonObject): void {
    const stable = body["ephemeral"];
    const legacy = body[legacyEphemeral];
    // With both flags set a server sends all of it twice, once under each key.
    const entries = Array.isArray(stable) && stable.length > 0 ? stable : Array.isArray(legacy) ? legacy : [];
    for (const entry of entries) {
      try {
        for (const event of asEphemeral(entry, isOwn)) options.ephemeral(event);
      } catch (error) {
        log.warn({ error }, "left a typing notice or receipt out");
      }
    }
  }

  return {
    get lastAtMs() {
      return lastAtMs;
    },
    refuse() {
      refusing = true;
    },
    async transaction(body) {
      lastAtMs = options.clock.now();
      const events = body["events"];
      const foreign = Array.isArray(events) ? sort(events) : [];
      if (foreign.length > 0 && refusing) return "refused";
      if (foreign.length > 0) await take(foreign);
      if (!refusing) passEphemeral(body);
      return "taken";
    },
  };
}

function canBeStored(event: MatrixEvent): boolean {
  try {
    JSON.stringify(event);
    return true;
  } catch {
    return false;
  }
}

/** Without what our own ghosts did: they type and read because we say so. Public read receipts only, of people. */
function asEphemeral(entry: unknown, isOwn: (user: string) => boolean): EphemeralEvent[] {
  const { type, content, room_id: room } = (entry ?? {}) as { type?: unknown; content?: unknown; room_id?: unknown };
  if (typeof room !== "string" || typeof content !== "object" || content === null) return [];
  const others = (users: readonly unknown[]): UserId[] =>
    users.filter((user): user is UserId => typeof user === "string" && !isOwn(user));
  if (type === "m.typing") {
    const users = (content as { user_ids?: unknown }).user_ids;
    return Array.isArray(users) ? [{ kind: "typing", room: roomId(room), users: others(users) }] : [];
  }
  if (type !== "m.receipt") return [];
  return Object.entries(content as JsonObject).flatMap(([event, receipts]) => {
    const readers = (receipts as { "m.read"?: unknown } | null)?.["m.read"];
    if (typeof readers !== "object" || readers === null || !event.startsWith("$")) return [];
    return others(Object.keys(readers)).map(
      (user): EphemeralEvent => ({ kind: "read", room: roomId(room), user, upTo: eventId(event) }),
    );
  });
}
