/**
 * All lanes: made when a job comes, gone when nothing waits (an idle portal holds nothing). Appends to the journal and hands
 * what became durable to its lane; keeps the memory bounds of architecture section 5.
 */
import type { Clock, Log } from "./ambient.ts";
import type { BridgeError } from "./errors.ts";
import type { JobKey, PortalId } from "./ids.ts";
import { Lane, type LaneHost } from "./lane.ts";
import type { Direction, Job, JournalStore, NewJob, Outcome } from "./store.ts";

export interface LanesOptions {
  readonly journal: JournalStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly deliver: (job: Job) => Promise<Outcome>;
  readonly failed: (job: Job, error: BridgeError, final: boolean) => void;
  readonly settled: (job: Job, outcome: Outcome) => void;
  readonly ageLimitMs: (job: Job) => number;
  /** Most queued jobs of one lane; beyond it the oldest are given up. */
  readonly jobsMax: number;
  /** The oldest jobs of a lane were given up. */
  readonly shed: (portal: PortalId, direction: Direction, count: number) => void;
}

export interface Lanes {
  /** Durable once resolved; how many were new. */
  append(jobs: readonly NewJob[]): Promise<number>;
  /** Dead letters that a person wants again. */
  retry(seq: number): Promise<Job | undefined>;
  /** Takes up what the journal holds from before. */
  resume(): Promise<void>;
  /** Stops and starts the delivery of a portal's lanes; jobs stay on disk meanwhile. */
  hold(portal: PortalId): void;
  free(portal: PortalId): Promise<void>;
  wake(portal: PortalId, direction: Direction): void;
  /** Takes a queued job back when `allowed` says so of its body; false when it is under way already or not in memory. */
  cancel(portal: PortalId, direction: Direction, key: JobKey, allowed: (body: string) => boolean): Promise<boolean>;
  replace(portal: PortalId, direction: Direction, key: JobKey, body: (old: string) => string): Promise<boolean>;
  /** Resolves when the lane has dealt with what it now holds, or after `timeoutMs`. */
  caughtUp(portal: PortalId, direction: Direction, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
  /** Lanes at work now. */
  readonly active: number;
}

const jobsPerLaneMax = 64;
const jobsInMemoryMax = 10_000;
/** How often the length of a growing lane is looked at, in appended jobs. */
const shedCheckEvery = 1_000;

export function createLanes(options: LanesOptions): Lanes {
  const { journal, clock, log } = options;
  const lanes = new Map<string, Lane>();
  const heldBack = new Set<PortalId>();
  const ending = new Map<string, Promise<void>>();
  const sinceShedCheck = new Map<string, number>();
  let inMemory = 0;
  let stopped = false;

  const host: LaneHost = {
    journal,
    clock,
    log,
    deliver: options.deliver,
    failed: options.failed,
    settled: options.settled,
    ageLimitMs: options.ageLimitMs,
    room: () => (inMemory >= jobsInMemoryMax ? 1 : jobsPerLaneMax),
    held: (change) => {
      inMemory += change;
    },
  };

  const nameOf = (portal: PortalId, direction: Direction) => `${portal}/${direction}`;

  const laneOf = (portal: PortalId, direction: Direction): Lane => {
    const name = nameOf(portal, direction);
    const known = lanes.get(name);
    if (known !== undefined) return known;
    const lane: Lane = new Lane(portal, direction, host, () => {
      if (lanes.get(name) !== lane || !lane.idle) return;
      lanes.delete(name);
      sinceShedCheck.delete(name);
    });
    lanes.set(name, lane);
    return lane;
  };

  const offer = (job: Job) => {
    if (!stopped && !heldBack.has(job.portal)) laneOf(job.portal, job.lane).offer(job);
  };

  /** Looks at the length of a lane only now and then: a short one costs a counter. */
  const shedIfLong = ({ portal, lane: direction }: NewJob) => {
    const name = nameOf(portal, direction);
    const since = (sinceShedCheck.get(name) ?? 0) + 1;
    if (!lanes.has(name) || since < Math.min(shedCheckEvery, options.jobsMax)) {
      if (lanes.has(name)) sinceShedCheck.set(name, since);
      return;
    }
    sinceShedCheck.delete(name);
    journal
      .shed(portal, direction, options.jobsMax, "queue-full", clock.now())
      .then((count) => count > 0 && options.shed(portal, direction, count))
      .catch((err) => log.error({ portal, direction, err }, "could not give up the oldest jobs"));
  };

  return {
    async append(jobs) {
      if (jobs.length === 0) return 0;
      const appended = await journal.append(jobs);
      let count = 0;
      for (const job of appended) {
        if (job === undefined) continue;
        count++;
        offer(job);
      }
      for (const job of jobs) shedIfLong(job);
      return count;
    },
    async retry(seq) {
      const job = await journal.retry(seq);
      if (job !== undefined) offer(job);
      return job;
    },
    async resume() {
      for (const { portal, lane } of await journal.backlog()) {
        if (!heldBack.has(portal)) laneOf(portal, lane).lookAtDisk();
      }
    },
    hold(portal) {
      heldBack.add(portal);
      for (const direction of ["inward", "outward"] as const) {
        const name = nameOf(portal, direction);
        const lane = lanes.get(name);
        lanes.delete(name);
        if (lane !== undefined) ending.set(name, lane.stop());
      }
    },
    async free(portal) {
      if (!heldBack.delete(portal)) return;
      for (const direction of ["inward", "outward"] as const) {
        const name = nameOf(portal, direction);
        // What was under way when the lane was held must be over first, or it would be delivered twice.
        await ending.get(name);
        ending.delete(name);
        if (!stopped && !heldBack.has(portal)) laneOf(portal, direction).lookAtDisk();
      }
    },
    wake: (portal, direction) => lanes.get(nameOf(portal, direction))?.wake(),
    cancel: async (portal, direction, key, allowed) =>
      (await lanes.get(nameOf(portal, direction))?.cancel(key, allowed)) ?? false,
    replace: async (portal, direction, key, body) =>
      (await lanes.get(nameOf(portal, direction))?.replace(key, body)) ?? false,
    async caughtUp(portal, direction, timeoutMs) {
      const lane = lanes.get(nameOf(portal, direction));
      if (lane === undefined) return;
      const done = new AbortController();
      await Promise.race([lane.caughtUp(), clock.wait(timeoutMs, done.signal)]);
      done.abort();
    },
    async stop() {
      stopped = true;
      await Promise.all([...[...lanes.values()].map((lane) => lane.stop()), ...ending.values()]);
    },
    get active() {
      return lanes.size;
    },
  };
}
