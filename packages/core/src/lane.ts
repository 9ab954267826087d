/**
 * One lane: one direction of a portal, strictly in order. It owns the few jobs it holds in memory and decides, job by job,
 * what a failure means: again in place, park one author, or give up. What delivering is, it does not know.
 */
import type { Clock, Log } from "./ambient.ts";
import { asBridgeError, BridgeError } from "./errors.ts";
import type { JobKey, PortalId } from "./ids.ts";
import type { Direction, Job, JournalStore, Outcome } from "./store.ts";

export interface LaneHost {
  readonly journal: JournalStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Brings one job across; how it ended. Rejects when it did not. */
  deliver(job: Job): Promise<Outcome>;
  /** A job failed: for the last time (`final`), or it waits and will be tried again. */
  failed(job: Job, error: BridgeError, final: boolean): void;
  /** Age in ms past which a waiting job is given up. */
  ageLimitMs(job: Job): number;
  settled(job: Job, outcome: Outcome): void;
  /** How many jobs this lane may take into memory now (at least 1). */
  room(): number;
  held(change: number): void;
}

export interface Lane {
  /** A job that was just made durable. */
  offer(job: Job): void;
  /** Jobs are waiting on disk that were not offered. */
  mindDisk(): void;
  /** Tries again now what waits for the far side. */
  wake(): void;
  /** Takes a queued job out again; false when it is under way or not here. */
  cancel(key: JobKey, allowed: (body: string) => boolean): Promise<boolean>;
  /** Gives a queued job another body; false as above. */
  replace(key: JobKey, body: (old: string) => string): Promise<boolean>;
  /** Resolves when every job the lane knows at this moment is over, or it waits for the far side. */
  caughtUp(): Promise<void>;
  /** Lets what is under way end, starts nothing more. */
  stop(): Promise<void>;
  readonly idle: boolean;
}

/** Tries of a job that fails by a mistake of ours, before it becomes a dead letter. */
const internalTriesMax = 5;
const backOffFirstMs = 500;
const backOffMaxMs = 30_000;
/** Closed but not yet committed: bounded so that a stalled disk stops the lane. */
const unsettledMax = 64;

/** `onIdle` is told when nothing is left, in memory or on disk. */
export function createLane(portal: PortalId, direction: Direction, host: LaneHost, onIdle: () => void): Lane {
  const queue: Job[] = [];
  const parked = new Map<string, number>();
  const waiters: { seq: number; resolve: () => void }[] = [];
  const unsettled = new Set<Promise<void>>();
  /** Jobs after this seq are to be read from disk; undefined when memory holds all there is. */
  let diskAfterSeq: number | undefined;
  let offeredMeanwhile = false;
  let lastSeq = 0;
  let running = false;
  let stopping = false;
  let current: Job | undefined;
  let sleeping: AbortController | undefined;
  let finished: Promise<void> = Promise.resolve();

  const start = () => {
    if (running || stopping) return;
    running = true;
    finished = run()
      .catch((err) => {
        host.log.error({ portal, direction, err }, "lane failed; it starts again");
        diskAfterSeq ??= lastSeq;
        return sleep(backOffFirstMs);
      })
      .finally(() => {
        running = false;
        release(Number.POSITIVE_INFINITY);
        // Offered while the last turn ended.
        if (!stopping && (queue.length > 0 || diskAfterSeq !== undefined)) start();
        else if (!stopping) onIdle();
      });
  };

  const release = (seq: number) => {
    for (let i = waiters.length - 1; i >= 0; i--) {
      const waiter = waiters[i];
      if (waiter !== undefined && waiter.seq <= seq) {
        waiters.splice(i, 1);
        waiter.resolve();
      }
    }
  };

  async function run(): Promise<void> {
    while (!stopping) {
      if (queue.length === 0 && diskAfterSeq !== undefined) await refill(diskAfterSeq);
      const job = queue.shift();
      if (job === undefined) {
        if (diskAfterSeq === undefined) return;
        continue;
      }
      host.held(-1);
      current = job;
      await attempt(job);
      current = undefined;
      release(job.seq);
    }
  }

  /** Reads the next jobs from disk; disk stays the source until it is dry and nothing was offered while we looked. */
  async function refill(after: number): Promise<void> {
    // A job whose end is not committed yet would still be read as queued, and delivered twice.
    await Promise.all(unsettled);
    offeredMeanwhile = false;
    const limit = host.room();
    const jobs = await host.journal.load(portal, direction, after, limit);
    const waiting = jobs.filter((job) => (parked.get(job.author) ?? 0) <= host.clock.now());
    queue.push(...waiting);
    host.held(waiting.length);
    const last = jobs.at(-1);
    if (last !== undefined) lastSeq = Math.max(lastSeq, last.seq);
    diskAfterSeq = jobs.length < limit && !offeredMeanwhile ? undefined : (last?.seq ?? after);
  }

  /** Brings the job to an end, however long that takes; returns early only when it is parked or the lane stops. */
  async function attempt(first: Job): Promise<void> {
    let job = first;
    let internalTries = 0;
    const untilMs = parked.get(job.author) ?? (job.state === "parked" ? job.notBeforeMs : 0);
    if (untilMs > host.clock.now()) return park(job, untilMs);
    if (job.notBeforeMs > host.clock.now()) await sleep(job.notBeforeMs - host.clock.now());
    while (!stopping) {
      let error: BridgeError;
      try {
        return await settle(job, await host.deliver(job));
      } catch (thrown) {
        error = asBridgeError(thrown);
      }
      if (stopping && error.retry !== "never") return;
      if (error.code === "internal") internalTries++;
      job = { ...job, attempts: job.attempts + 1, failure: error.message };
      const tooOld = host.clock.now() - job.createdAtMs > host.ageLimitMs(job);
      const final = error.retry === "never" || tooOld || internalTries >= internalTriesMax;
      host.failed(job, tooOld && error.retry !== "never" ? new BridgeError("too-old", error.message) : error, final);
      if (final) {
        const failure = tooOld ? `too-old (${error.message})` : error.message;
        return settle(job, { state: "dead", atMs: host.clock.now(), failure });
      }
      const waitMs = typeof error.retry === "object" ? error.retry.afterMs : backOff(job.attempts);
      if (error.scope === "author") return park(job, host.clock.now() + waitMs);
      // Kept on disk too, so that a restart knows that an outcome may be unknown (attempts > 0) and why it waits.
      await host.journal.update(job.seq, { attempts: job.attempts, failure: error.message });
      release(job.seq);
      await sleep(waitMs);
    }
  }

  /** Sets the job aside with all others of its author, until then. */
  async function park(job: Job, untilMs: number): Promise<void> {
    if (!parked.has(job.author)) {
      parked.set(job.author, untilMs);
      void host.clock.wait(untilMs - host.clock.now()).then(() => {
        parked.delete(job.author);
        if (stopping) return;
        // The parked ones stand on disk before what is in memory: read again from the start.
        host.held(-queue.length);
        queue.length = 0;
        diskAfterSeq = 0;
        start();
      });
    }
    const { attempts, failure } = job;
    await host.journal.update(job.seq, {
      state: "parked",
      notBeforeMs: untilMs,
      attempts,
      ...(failure === undefined ? {} : { failure }),
    });
  }

  async function settle(job: Job, outcome: Outcome): Promise<void> {
    const commit = host.journal
      .settle(job.seq, outcome)
      .then(() => host.settled(job, outcome))
      .catch((err) =>
        // Delivered but not closed: a restart will deliver it again under the same key, which the far side recognises.
        host.log.error({ portal, direction, seq: job.seq, err }, "could not close a job"),
      )
      .finally(() => unsettled.delete(commit));
    unsettled.add(commit);
    if (unsettled.size >= unsettledMax) await Promise.race(unsettled);
  }

  async function sleep(ms: number): Promise<void> {
    sleeping = new AbortController();
    await host.clock.wait(ms, sleeping.signal);
    sleeping = undefined;
  }

  return {
    offer(job) {
      // Read from disk already, between its commit and now.
      if (job.seq <= lastSeq) return;
      if (diskAfterSeq !== undefined) offeredMeanwhile = true;
      else if (queue.length >= host.room()) diskAfterSeq = lastSeq;
      else {
        queue.push(job);
        host.held(1);
        lastSeq = job.seq;
      }
      start();
    },
    mindDisk() {
      offeredMeanwhile = true;
      diskAfterSeq ??= lastSeq;
      start();
    },
    wake: () => sleeping?.abort(),
    async cancel(key, allowed) {
      const at = queue.findIndex((job) => job.key === key);
      const job = queue[at];
      if (job === undefined || job.sent.length > 0 || job.attempts > 0 || !allowed(job.body)) return false;
      queue.splice(at, 1);
      host.held(-1);
      await settle(job, { state: "cancelled", atMs: host.clock.now(), failure: "deleted while it waited" });
      return true;
    },
    async replace(key, body) {
      const at = queue.findIndex((job) => job.key === key);
      const job = queue[at];
      if (job === undefined || job.sent.length > 0 || job.attempts > 0) return false;
      const changed = { ...job, body: body(job.body) };
      queue[at] = changed;
      await host.journal.update(job.seq, { body: changed.body });
      return true;
    },
    caughtUp() {
      if (!running || sleeping !== undefined) return Promise.resolve();
      const seq = queue.at(-1)?.seq ?? current?.seq;
      if (seq === undefined) return Promise.resolve();
      return new Promise((resolve) => waiters.push({ seq, resolve }));
    },
    async stop() {
      stopping = true;
      sleeping?.abort();
      host.held(-queue.length);
      queue.length = 0;
      await finished;
      await Promise.all(unsettled);
    },
    get idle() {
      return !running && queue.length === 0 && diskAfterSeq === undefined;
    },
  };
}

function backOff(attempts: number): number {
  return Math.min(backOffMaxMs, backOffFirstMs * 2 ** Math.min(attempts - 1, 10));
}
