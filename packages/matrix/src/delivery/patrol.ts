/**
 * The patrol: one linked room at a time, round and round and slowly, its newest page against what we have. It finds what nothing
 * announced (a server that silently stopped pushing), hands it in and calls for a recovery. While a canary is out nothing is
 * pushed: then it is all there is, walks faster and waits for nobody.
 */
import type { Clock, EventId, HomeserverHost, Log, MatrixEvent, Meter } from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import type { GapRepair, RepairRoom } from "./gap-repair.ts";

export interface PatrolOptions {
  readonly host: Pick<HomeserverHost, "repairRooms">;
  readonly repair: Pick<GapRepair, "missing" | "handIn" | "repair">;
  readonly isAction: (event: MatrixEvent) => boolean;
  /** Something that matters was missing. */
  readonly found: (why: string) => void;
  /** False while a canary is out and late: what is missing is not on its way. */
  readonly isPushed: () => boolean;
  /** Between two rooms. */
  readonly patrolMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly signal: AbortSignal;
}

/** Time that an event may be on its way to us before it is called lost. */
const patrolGraceMs = 10_000;
const patrolEvents = 20;
const fasterBy = 5;
const patrolAlarmEveryMs = 10 * 60_000;

/** Walks until the signal. */
export async function patrol(options: PatrolOptions): Promise<void> {
  const { host, repair, clock, log, meter, signal } = options;
  /** Handed in already: if the host does not keep them, that is its decision. */
  const handed = boundedMap<EventId, true>(5_000);
  let alarmedAtMs = Number.NEGATIVE_INFINITY;

  async function missing(room: RepairRoom): Promise<{ readonly events: MatrixEvent[]; readonly whole: boolean }> {
    const { events, whole } = await repair.missing(room, patrolEvents);
    return { events: events.filter((event) => !handed.has(event.event_id)), whole };
  }

  async function look(room: RepairRoom): Promise<void> {
    let { events: lost, whole } = await missing(room);
    if (lost.length > 0 && options.isPushed()) {
      await clock.wait(patrolGraceMs, signal);
      if (signal.aborted) return;
      ({ events: lost, whole } = await missing(room));
    }
    if (lost.length === 0) return;
    for (const event of lost) handed.set(event.event_id, true);
    // Older ones first: what is lost reaches back beyond the page.
    if (whole) await repair.handIn(room.room, lost);
    else await repair.repair([room]);
    const matter = lost.some((event) => options.isAction(event) && event.type !== "m.room.redaction");
    if (!matter || !options.isPushed() || clock.now() - alarmedAtMs < patrolAlarmEveryMs) return;
    alarmedAtMs = clock.now();
    meter.count("trestle_patrol_finds_total");
    log.warn({ room: room.room, events: lost.length }, "the patrol found what was never pushed");
    options.found("the patrol found what was never pushed");
  }

  while (!signal.aborted) {
    const rooms = await host.repairRooms().catch(() => []);
    for (const room of rooms) {
      await clock.wait(options.isPushed() ? options.patrolMs : options.patrolMs / fasterBy, signal);
      if (signal.aborted) return;
      if (room.lastEvent === undefined && room.floor === undefined) continue;
      await look(room).catch((error: unknown) => log.debug({ room: room.room, error }, "the patrol could not look"));
    }
    if (rooms.length === 0) await clock.wait(options.patrolMs, signal);
  }
}
