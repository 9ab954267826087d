/**
 * The jobs a lane holds in memory, and where the others are: at most so many here, the rest on disk, each handed out once and
 * in order. It decides nothing about them.
 */
import type { JobKey, PortalId } from "./ids.ts";
import type { Direction, Job, JournalStore } from "./store.ts";

export interface LaneQueueOptions {
  readonly portal: PortalId;
  readonly direction: Direction;
  readonly journal: Pick<JournalStore, "load">;
  /** How many jobs it may hold now (at least 1). */
  readonly room: () => number;
  /** Told of each change of the number held. */
  readonly held: (change: number) => void;
}

export class LaneQueue {
  readonly #options: LaneQueueOptions;
  #jobs: Job[] = [];
  /** Jobs after this seq are to be read from disk; undefined when memory holds all there is. */
  #diskAfterSeq: number | undefined;
  #offeredMeanwhile = false;
  #lastSeq = 0;

  constructor(options: LaneQueueOptions) {
    this.#options = options;
  }

  /** Nothing here, and nothing known to be on disk. */
  get empty(): boolean {
    return this.#jobs.length === 0 && this.#diskAfterSeq === undefined;
  }

  get newestSeq(): number | undefined {
    return this.#jobs.at(-1)?.seq;
  }

  /** A job that was just made durable. */
  offer(job: Job): void {
    // Read from disk already, between its commit and now.
    if (job.seq <= this.#lastSeq) return;
    if (this.#diskAfterSeq !== undefined) this.#offeredMeanwhile = true;
    else if (this.#jobs.length >= this.#options.room()) this.#diskAfterSeq = this.#lastSeq;
    else {
      this.#jobs.push(job);
      this.#options.held(1);
      this.#lastSeq = job.seq;
    }
  }

  /** There may be more on disk than was offered; `fromStart`: also before what was handed out. */
  lookAtDisk(fromStart = false): void {
    this.#offeredMeanwhile = true;
    if (!fromStart) this.#diskAfterSeq ??= this.#lastSeq;
    else {
      this.clear();
      this.#diskAfterSeq = 0;
    }
  }

  /**
   * The next job, or undefined when there is none. `before` is awaited ahead of each look at the disk: a job whose end is not
   * committed yet would still be read as queued. Jobs that `skip` names stay on disk.
   */
  async next(before: () => Promise<unknown>, skip: (job: Job) => boolean): Promise<Job | undefined> {
    while (this.#jobs.length === 0 && this.#diskAfterSeq !== undefined) {
      await before();
      await this.#refill(this.#diskAfterSeq, skip);
    }
    const job = this.#jobs.shift();
    if (job !== undefined) this.#options.held(-1);
    return job;
  }

  /** Disk stays the source until it is dry and nothing was offered while we looked. */
  async #refill(after: number, skip: (job: Job) => boolean): Promise<void> {
    const { journal, portal, direction, room, held } = this.#options;
    this.#offeredMeanwhile = false;
    const limit = room();
    const read = await journal.load(portal, direction, after, limit);
    // Cleared or sent back to the start while we read.
    if (this.#diskAfterSeq !== after) return;
    const jobs = read.filter((job) => !skip(job));
    this.#jobs.push(...jobs);
    held(jobs.length);
    const last = read.at(-1)?.seq ?? after;
    this.#lastSeq = Math.max(this.#lastSeq, last);
    this.#diskAfterSeq = read.length < limit && !this.#offeredMeanwhile ? undefined : last;
  }

  /** Takes a job out that is still untouched and that `allowed` says may go. */
  take(key: JobKey, allowed: (body: string) => boolean): Job | undefined {
    const at = this.#indexOf(key);
    const job = this.#jobs[at];
    if (job === undefined || !allowed(job.body)) return undefined;
    this.#jobs.splice(at, 1);
    this.#options.held(-1);
    return job;
  }

  /** Gives a job that is still untouched another body; the changed job. */
  change(key: JobKey, body: (old: string) => string): Job | undefined {
    const at = this.#indexOf(key);
    const job = this.#jobs[at];
    if (job === undefined) return undefined;
    const changed = { ...job, body: body(job.body) };
    this.#jobs[at] = changed;
    return changed;
  }

  clear(): void {
    this.#options.held(-this.#jobs.length);
    this.#jobs = [];
  }

  #indexOf(key: JobKey): number {
    return this.#jobs.findIndex((job) => job.key === key && job.sent.length === 0 && job.attempts === 0);
  }
}
