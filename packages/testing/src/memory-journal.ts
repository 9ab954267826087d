/** The journal over a memory disk: each verb as a synchronous step, run by memory-store.ts when its commit comes. */
import type { Direction, Job, JobPatch, NewJob, Outcome, PortalId } from "@trestle/core";
import { isOpen, type MemoryDisk, type StoredJob, withoutUndefined } from "./memory-disk.ts";
import { putMessages, setText } from "./memory-messages.ts";

const laneKey = (portal: PortalId, lane: Direction): string => `${portal}/${lane}`;

const out = ({ endedAtMs: _, ...job }: StoredJob): Job => ({ ...job, sent: [...job.sent] });

function write(disk: MemoryDisk, job: StoredJob): void {
  disk.jobs.set(job.seq, job);
  disk.byKey.set(job.key, job.seq);
  const key = laneKey(job.portal, job.lane);
  const lane = disk.open.get(key) ?? new Set<number>();
  if (isOpen(job.state)) {
    disk.open.set(key, lane.add(job.seq));
  } else if (lane.delete(job.seq) && lane.size === 0) {
    disk.open.delete(key);
  }
}

function forget(disk: MemoryDisk, job: StoredJob): void {
  disk.jobs.delete(job.seq);
  disk.byKey.delete(job.key);
}

export function appendJobs(disk: MemoryDisk, jobs: readonly NewJob[]): (Job | undefined)[] {
  return jobs.map((job) => {
    if (disk.byKey.has(job.key)) return undefined;
    disk.seq += 1;
    const stored: StoredJob = {
      ...job,
      seq: disk.seq,
      state: "queued",
      attempts: 0,
      notBeforeMs: 0,
      sent: [],
      delayed: false,
    };
    write(disk, stored);
    return out(stored);
  });
}

export function settleJob(disk: MemoryDisk, seq: number, outcome: Outcome): void {
  const job = disk.jobs.get(seq);
  if (job && job.state !== "done" && job.state !== "cancelled") {
    const { failure: _, plan, ...rest } = job;
    write(disk, {
      ...rest,
      state: outcome.state,
      endedAtMs: outcome.atMs,
      ...(outcome.failure === undefined ? {} : { failure: outcome.failure }),
      ...(outcome.state === "dead" ? { ...(plan === undefined ? {} : { plan }) } : { body: "", sent: [] }),
    });
  }
  putMessages(disk, outcome.messages ?? []);
  for (const { portal, origin, text } of outcome.texts ?? []) setText(disk, portal, origin, text);
}

export function updateJob(disk: MemoryDisk, seq: number, patch: JobPatch): void {
  const job = disk.jobs.get(seq);
  if (job && isOpen(job.state)) write(disk, { ...job, ...withoutUndefined(patch) });
}

export function loadLane(disk: MemoryDisk, portal: PortalId, lane: Direction, afterSeq: number, limit: number): Job[] {
  const found: Job[] = [];
  for (const seq of disk.open.get(laneKey(portal, lane)) ?? []) {
    if (found.length >= limit) break;
    const job = disk.jobs.get(seq);
    if (job && seq > afterSeq) found.push(out(job));
  }
  return found;
}

export function listBacklog(disk: MemoryDisk) {
  return [...disk.open.values()].flatMap((lane) => {
    const jobs = [...lane].flatMap((seq) => disk.jobs.get(seq) ?? []);
    const [first] = jobs;
    if (!first) return [];
    const oldestAtMs = Math.min(...jobs.map((job) => job.createdAtMs));
    return [{ portal: first.portal, lane: first.lane, jobs: jobs.length, oldestAtMs }];
  });
}

export function findJobs(disk: MemoryDisk, keys: readonly string[]): Job[] {
  const seqs = new Set(keys.flatMap((key) => disk.byKey.get(key) ?? []));
  return [...seqs]
    .sort((a, b) => a - b)
    .flatMap((seq) => disk.jobs.get(seq) ?? [])
    .map(out);
}

export function listDead(disk: MemoryDisk, portal: PortalId | undefined, limit: number): Job[] {
  return [...disk.jobs.values()]
    .filter((job) => job.state === "dead" && (portal === undefined || job.portal === portal))
    .sort((a, b) => b.seq - a.seq)
    .slice(0, limit)
    .map(out);
}

export function retryJob(disk: MemoryDisk, seq: number): Job | undefined {
  const job = disk.jobs.get(seq);
  if (job?.state !== "dead") return undefined;
  forget(disk, job);
  const { failure: _, endedAtMs: __, ...rest } = job;
  disk.seq += 1;
  const again: StoredJob = { ...rest, seq: disk.seq, state: "queued", attempts: 0, notBeforeMs: 0, delayed: true };
  write(disk, again);
  return out(again);
}

export function shedLane(
  disk: MemoryDisk,
  lane: { readonly portal: PortalId; readonly lane: Direction },
  keep: number,
  failure: string,
  atMs: number,
): number {
  const open = [...(disk.open.get(laneKey(lane.portal, lane.lane)) ?? [])];
  const shed = open.slice(0, Math.max(0, open.length - keep));
  for (const seq of shed) settleJob(disk, seq, { state: "dead", atMs, failure });
  return shed.length;
}

export function countJobs(disk: MemoryDisk) {
  const counts = { queued: 0, parked: 0, dead: 0 };
  let oldestAtMs = Number.POSITIVE_INFINITY;
  for (const job of disk.jobs.values()) {
    if (job.state === "done" || job.state === "cancelled") continue;
    counts[job.state] += 1;
    if (job.state !== "dead") oldestAtMs = Math.min(oldestAtMs, job.createdAtMs);
  }
  return Number.isFinite(oldestAtMs) ? { ...counts, oldestAtMs } : counts;
}

export function pruneJobs(disk: MemoryDisk, beforeMs: number): number {
  const old = [...disk.jobs.values()].filter(
    (job) => (job.state === "done" || job.state === "cancelled") && (job.endedAtMs ?? 0) < beforeMs,
  );
  for (const job of old) forget(disk, job);
  return old.length;
}
