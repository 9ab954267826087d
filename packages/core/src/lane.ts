/**
 * One lane: one direction of a portal, strictly in order. It decides, job by job, what a failure means: again in place, set
 * one author aside, or give up. What delivering is, it does not know.
 */
import type { Clock, Log } from "./ambient.ts";
import { asBridgeError, BridgeError } from "./errors.ts";
import type { JobKey, PortalId } from "./ids.ts";
import { LaneQueue } from "./lane-queue.ts";
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

/** Tries of a job that fails by a mistake of ours, before it becomes a dead letter. */
const internalTriesMax = 5;
const backOffFirstMs = 500;
const backOffMaxMs = 30_000;
/** Over but not yet committed: bounded, so that a stalled disk stops the lane. */
const unsettledMax = 64;

export class Lane {
  readonly #host: LaneHost;
  readonly #queue: LaneQueue;
  readonly #name: { readonly portal: PortalId; readonly direction: Direction };
  readonly #onIdle: () => void;
  /** Authors set aside, until when (epoch ms). */
  readonly #parked = new Map<string, number>();
  readonly #unsettled = new Set<Promise<void>>();
  #waiters: { readonly seq: number; readonly resolve: () => void }[] = [];
  #running = false;
  #stopping = false;
  #current: Job | undefined;
  #sleeping: AbortController | undefined;
  /** The far side came back while a job was being tried: its failure is old news. */
  #woken = false;
  #finished: Promise<void> = Promise.resolve();

  /** `onIdle` is told when nothing is left, in memory or on disk. */
  constructor(portal: PortalId, direction: Direction, host: LaneHost, onIdle: () => void) {
    this.#host = host;
    this.#name = { portal, direction };
    this.#onIdle = onIdle;
    const { journal, room, held } = host;
    this.#queue = new LaneQueue({ portal, direction, journal, room, held });
  }

  get idle(): boolean {
    return !this.#running && this.#queue.empty && this.#parked.size === 0;
  }

  /** A job that was just made durable. */
  offer(job: Job): void {
    this.#queue.offer(job);
    this.#start();
  }

  /** Jobs are waiting on disk that were not offered. */
  lookAtDisk(): void {
    this.#queue.lookAtDisk();
    this.#start();
  }

  /** Tries again now what waits for the far side. */
  wake(): void {
    this.#woken = true;
    this.#sleeping?.abort();
  }

  /** Takes a queued job out again; false when it is under way, not in memory, or not `allowed`. */
  async cancel(key: JobKey, allowed: (body: string) => boolean): Promise<boolean> {
    const job = this.#queue.take(key, allowed);
    if (job === undefined) return false;
    const atMs = this.#host.clock.now();
    await this.#host.journal.settle(job.seq, { state: "cancelled", atMs, failure: "deleted while it waited" });
    return true;
  }

  /** Gives a queued job another body; false as above. */
  async replace(key: JobKey, body: (old: string) => string): Promise<boolean> {
    const changed = this.#queue.change(key, body);
    if (changed === undefined) return false;
    await this.#host.journal.update(changed.seq, { body: changed.body });
    return true;
  }

  /** Resolves when every job the lane knows at this moment is over, or it waits for the far side. */
  caughtUp(): Promise<void> {
    const seq = this.#queue.newestSeq ?? this.#current?.seq;
    if (!this.#running || this.#sleeping !== undefined || seq === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ seq, resolve }));
  }

  /** Lets what is under way end, starts nothing more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#sleeping?.abort();
    this.#queue.clear();
    await this.#finished;
    await Promise.all(this.#unsettled);
  }

  #start(): void {
    if (this.#running || this.#stopping) return;
    this.#running = true;
    this.#finished = this.#run()
      .catch((err) => {
        this.#host.log.error({ ...this.#name, err }, "lane failed; it starts again");
        this.#queue.lookAtDisk();
        return this.#sleep(backOffFirstMs);
      })
      .finally(() => {
        this.#running = false;
        this.#release(Number.POSITIVE_INFINITY);
        if (this.#stopping) return;
        // Offered while the last turn ended.
        if (!this.#queue.empty) this.#start();
        else if (this.idle) this.#onIdle();
      });
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const job = await this.#queue.next(
        () => Promise.all(this.#unsettled),
        (waiting) => this.#parkedUntil(waiting.author) > this.#host.clock.now(),
      );
      if (job === undefined) return;
      this.#current = job;
      await this.#attempt(job);
      this.#current = undefined;
      this.#release(job.seq);
    }
  }

  /** Brings the job to an end, however long that takes; returns early only when it is set aside or the lane stops. */
  async #attempt(first: Job): Promise<void> {
    const { clock } = this.#host;
    let job = first;
    let tries = 0;
    let internalTries = 0;
    const untilMs = Math.max(this.#parkedUntil(job.author), job.state === "parked" ? job.notBeforeMs : 0);
    if (untilMs > clock.now()) return this.#park(job, untilMs);
    if (job.notBeforeMs > clock.now()) await this.#sleep(job.notBeforeMs - clock.now());
    while (!this.#stopping) {
      let error: BridgeError;
      this.#woken = false;
      try {
        return await this.#settle(job, await this.#host.deliver(job));
      } catch (thrown) {
        error = asBridgeError(thrown);
      }
      if (this.#stopping && error.retry !== "never") return;
      tries++;
      if (error.code === "internal") internalTries++;
      job = { ...job, attempts: job.attempts + 1, failure: error.message };
      if (await this.#giveUp(job, error, internalTries)) return;
      const waitMs = typeof error.retry === "object" ? error.retry.afterMs : backOff(tries);
      if (error.scope === "author") return this.#park(job, clock.now() + waitMs);
      // Kept on disk too, so that a restart knows that an outcome may be unknown (attempts > 0) and why it waits.
      await this.#host.journal.update(job.seq, { attempts: job.attempts, failure: error.message });
      this.#release(job.seq);
      if (!this.#woken) await this.#sleep(waitMs);
    }
  }

  /** Whether the failure was the last one; then the job is a dead letter. */
  async #giveUp(job: Job, error: BridgeError, internalTries: number): Promise<boolean> {
    const { clock, failed, ageLimitMs } = this.#host;
    // What a person asked for again is as old as it is, and waits all the same.
    const tooOld = error.retry !== "never" && !job.delayed && clock.now() - job.createdAtMs > ageLimitMs(job);
    const reason = tooOld ? new BridgeError("too-old", error.message) : error;
    const final = reason.retry === "never" || internalTries >= internalTriesMax;
    failed(job, reason, final);
    if (final) await this.#settle(job, { state: "dead", atMs: clock.now(), failure: reason.message });
    return final;
  }

  #parkedUntil(author: string): number {
    return this.#parked.get(author) ?? 0;
  }

  /** Sets the job aside with all others of its author, until then. */
  async #park(job: Job, untilMs: number): Promise<void> {
    if (!this.#parked.has(job.author)) {
      this.#parked.set(job.author, untilMs);
      void this.#host.clock.wait(untilMs - this.#host.clock.now()).then(() => {
        this.#parked.delete(job.author);
        if (this.#stopping) return;
        // The parked ones stand on disk before what is in memory.
        this.#queue.lookAtDisk(true);
        this.#start();
      });
    }
    const { attempts, failure } = job;
    await this.#host.journal.update(job.seq, {
      state: "parked",
      notBeforeMs: untilMs,
      attempts,
      ...(failure === undefined ? {} : { failure }),
    });
  }

  /** The commit is not waited for: the next message goes while this one's end is on its way to the disk. */
  async #settle(job: Job, outcome: Outcome): Promise<void> {
    const commit = this.#host.journal
      .settle(job.seq, outcome)
      .then(() => this.#host.settled(job, outcome))
      .catch((err) =>
        // Delivered but not closed: a restart delivers it again under the same key, which the far side recognises.
        this.#host.log.error({ ...this.#name, seq: job.seq, err }, "could not close a job"),
      )
      .finally(() => this.#unsettled.delete(commit));
    this.#unsettled.add(commit);
    if (this.#unsettled.size >= unsettledMax) await Promise.race(this.#unsettled);
  }

  async #sleep(ms: number): Promise<void> {
    this.#sleeping = new AbortController();
    await this.#host.clock.wait(ms, this.#sleeping.signal);
    this.#sleeping = undefined;
  }

  #release(seq: number): void {
    const over = this.#waiters.filter((waiter) => waiter.seq <= seq);
    this.#waiters = this.#waiters.filter((waiter) => waiter.seq > seq);
    for (const waiter of over) waiter.resolve();
  }
}

/** Of this process's tries: how often a former one failed says nothing of now. */
function backOff(tries: number): number {
  return Math.min(backOffMaxMs, backOffFirstMs * 2 ** Math.min(tries - 1, 10));
}
