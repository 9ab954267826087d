/**
 * The patrol: one linked room at a time, round and round and slowly, its newest page against what we have. It finds what nothing
 * announced (a server that silently stopped pushing), hands it in and calls for a recovery.
 */
import type { Clock, EventId, HomeserverHost, Log, MatrixEvent, Meter } from "@trestle/core";
import { boundedMap } from "./bounded-map.ts";
import type { GapRepair, RepairRoom } from "./gap-repair.ts";

export interface PatrolOptions {
  readonly host: Pick<HomeserverHost, "repairRooms">;
  readonly repair: Pick<GapRepair, "missing" | "handIn">;
  readonly isAction: (event: MatrixEvent) => boolean;
  /** Something that matters was missing. */
  readonly found: (why: string) => void;
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
const patrolAlarmEveryMs = 10 * 60_000;

/** Walks until the signal. */
export async function patrol(options: PatrolOptions): Promise<void> {
  const { host, repair, clock, log, meter, signal } = options;
  /** Handed in already: if the host does not keep them, that is its decision. */
  const handed = boundedMap<EventId, true>(5_000);
  let alarmedAtMs = Number.NEGATIVE_INFINITY;

  async function look(room: RepairRoom): Promise<void> {
    const fresh = async () => (await repair.missing(room, patrolEvents)).filter((event) => !handed.has(event.event_id));
    if ((await fresh()).length === 0) return;
    await clock.wait(patrolGraceMs, signal);
    if (signal.aborted) return;
    const lost = await fresh();
    if (lost.length === 0) return;
    for (const event of lost) handed.set(event.event_id, true);
    await repair.handIn(room.room, lost);
    const matter = lost.some(options.isAction);
    if (!matter || clock.now() - alarmedAtMs < patrolAlarmEveryMs) return;
    alarmedAtMs = clock.now();
    meter.count("trestle_patrol_finds_total");
    log.warn({ room: room.room, events: lost.length }, "the patrol found what was never pushed");
    options.found("the patrol found what was never pushed");
  }

  while (!signal.aborted) {
    const rooms = await host.repairRooms().catch(() => []);
    for (const room of rooms) {
      await clock.wait(options.patrolMs, signal);
      if (signal.aborted) return;
      if (room.lastEvent === undefined && room.floor === undefined) continue;
      await look(room).catch((error: unknown) => log.debug({ room: room.room, error }, "the patrol could not look"));
    }
    if (rooms.length === 0) await clock.wait(options.patrolMs, signal);
  }
}
