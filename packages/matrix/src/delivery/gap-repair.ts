/**
 * What the homeserver never pushed, fetched: the history of a room back to the last event that was taken from it, and what is
 * new handed in through the same door as a transaction's events, oldest first, marked late. It holds one page at a time: a deep
 * gap is walked down by page marks and read again on the way up. What a page shows as redacted tells of a redaction that may
 * never have been pushed (Dendrite pushes none).
 */
import type { EventId, HomeserverHost, Log, MatrixEvent, Meter, RepairRoom, RoomId } from "@trestle/core";
import { isAway } from "../errors.ts";
import { createSlots } from "../slots.ts";
import { asEvent, type Messages, type Page } from "./messages.ts";

export type { RepairRoom };

export interface GapRepairOptions {
  readonly messages: Messages;
  readonly host: Pick<HomeserverHost, "take" | "known">;
  /** What we said ourselves, by whomever. */
  readonly isOwn: (event: MatrixEvent) => boolean;
  /** Whether this is something that people said or did, rather than state. */
  readonly isAction: (event: MatrixEvent) => boolean;
  readonly log: Log;
  readonly meter: Meter;
  readonly signal: AbortSignal;
}

export interface GapRepair {
  /** Every room, a few at a time; resolves with those that could not be read because the homeserver is away again. */
  repair(rooms: readonly RepairRoom[]): Promise<RepairRoom[]>;
  /** What is missing of one room's newest page, oldest first, nothing handed in; `whole`: nothing older can be missing. */
  missing(room: RepairRoom, limit: number): Promise<{ readonly events: MatrixEvent[]; readonly whole: boolean }>;
  /** Hands in what was found. */
  handIn(room: RoomId, events: readonly MatrixEvent[]): Promise<void>;
}

const pageEvents = 100;
const firstPageEvents = 50;
const pagesMax = 100;
const roomsAtOnce = 4;
/**
 * Events before the last one taken may be missing too (a server that lost a few and pushed later ones). They are looked for
 * only this far back by the server's clock, well within the time that the journal remembers what it had.
 */
const behindMs = 60 * 60_000;

export function createGapRepair(options: GapRepairOptions): GapRepair {
  const { messages, host, isOwn, isAction, log, meter, signal } = options;
  const slots = createSlots(roomsAtOnce);

  /** Of one page, newest first as it came: what to ask about, and whether the page reaches back far enough. */
  function cut(page: Page, room: RepairRoom): { events: MatrixEvent[]; reached: boolean } {
    const floor = page.events.findIndex((event) => event.event_id === room.floor);
    const above = floor < 0 ? page : { ...page, events: page.events.slice(0, floor) };
    const { events, reached } = cutAtLast(above, room);
    return { events: [...redactionsOf(above, room, events, isOwn), ...events], reached: reached || floor >= 0 };
  }

  function cutAtLast(page: Page, room: RepairRoom): { events: MatrixEvent[]; reached: boolean } {
    const others = (event: MatrixEvent) => !isOwn(event);
    const end = page.events.findIndex((event) => event.event_id === room.lastEvent);
    if (end >= 0) {
      const behind = room.lastAtMs === undefined ? [] : page.events.slice(end + 1);
      const lost = behind.filter((event) => others(event) && isAction(event) && !isOld(event, room));
      return { events: [...page.events.slice(0, end).filter(others), ...lost], reached: true };
    }
    // The last one taken was purged or is out of sight: then age has to do. All of a page, since one forged time proves nothing.
    const reached = page.events.length > 0 && page.events.every((event) => isOld(event, room));
    return { events: reached ? [] : page.events.filter(others), reached };
  }

  async function unknown(room: RoomId, events: readonly MatrixEvent[]): Promise<MatrixEvent[]> {
    if (events.length === 0) return [];
    const known = await host.known(
      room,
      events.map((event) => event.event_id),
    );
    return events.filter((event) => !known.has(event.event_id)).reverse();
  }

  async function handIn(room: RoomId, events: readonly MatrixEvent[]): Promise<void> {
    if (events.length === 0) return;
    const late = events.map((event): MatrixEvent => ({ ...event, "dev.trestle.late": true }));
    await host.take(late);
    meter.count("trestle_events_repaired_total", {}, late.length);
    log.info({ room, events: late.length }, "fetched what the homeserver had not pushed");
  }

  async function repairRoom(room: RepairRoom): Promise<void> {
    if (room.lastEvent === undefined && room.floor === undefined) return;
    const newest = await messages.page(room.room, { limit: firstPageEvents });
    const marks: string[] = [];
    let page = newest;
    while (!cut(page, room).reached && page.older !== undefined && !signal.aborted) {
      if (marks.length >= pagesMax) {
        log.warn({ room: room.room, pages: marks.length }, "the gap is deeper than we go; what is older stays missing");
        break;
      }
      marks.push(page.older);
      page = await messages.page(room.room, { limit: pageEvents, from: page.older });
    }
    if (!cut(page, room).reached && room.lastAtMs === undefined) {
      // Without any anchor the whole history would come as news.
      log.warn({ room: room.room, event: room.lastEvent }, "the last event taken is not in the room's history");
      return;
    }
    if (marks.length > 0) {
      marks.pop();
      await handIn(room.room, await unknown(room.room, cut(page, room).events));
    }
    for (const from of marks.reverse()) {
      if (signal.aborted) return;
      const again = await messages.page(room.room, { limit: pageEvents, from });
      await handIn(room.room, await unknown(room.room, cut(again, room).events));
    }
    // The newest page is the one that shifts when somebody speaks meanwhile: it was kept.
    await handIn(room.room, await unknown(room.room, cut(newest, room).events));
  }

  return {
    handIn,
    async repair(rooms) {
      const failed: RepairRoom[] = [];
      await Promise.all(
        rooms.map((room) =>
          slots.run(async () => {
            if (signal.aborted) return;
            try {
              await repairRoom(room);
            } catch (error) {
              if (isAway(error)) failed.push(room);
              log.warn({ room: room.room, error }, "could not read a room's history");
            }
          }),
        ),
      );
      return failed;
    },
    async missing(room, limit) {
      const page = await messages.page(room.room, { limit });
      const { events, reached } = cut(page, room);
      return { events: await unknown(room.room, events), whole: reached || page.older === undefined };
    },
  };
}

const isOld = (event: MatrixEvent, { lastAtMs }: RepairRoom): boolean =>
  lastAtMs !== undefined && event.origin_server_ts < lastAtMs - behindMs;

/** Redactions that the page's events tell of and that do not stand in it themselves, newest first. */
function redactionsOf(
  page: Page,
  room: RepairRoom,
  found: readonly MatrixEvent[],
  isOwn: (event: MatrixEvent) => boolean,
): MatrixEvent[] {
  const redactions = new Map<EventId, MatrixEvent>();
  for (const { event_id: redacts, unsigned } of page.events) {
    const because = asEvent(unsigned?.["redacted_because"], room.room);
    if (because === undefined || because.type !== "m.room.redaction" || isOwn(because)) continue;
    if (isOld(because, room) || found.some((event) => event.event_id === because.event_id)) continue;
    redactions.set(because.event_id, { ...because, redacts });
  }
  return [...redactions.values()].sort((left, right) => right.origin_server_ts - left.origin_server_ts);
}
