/// <reference types="jest" />
/** The part of the store's contract that is about dead letters and bounds. */
import { type Job, type NewJob, portalId } from "@trestle/core";
import { aJob } from "./builders.ts";
import { eachWithStore, keysOf, type OpenStore, appendOne as put } from "./store-trial.ts";

const one = portalId(1);
const two = portalId(2);
const atMs = 1_790_000_000_500;

export function describeDead(open: OpenStore): void {
  describe("dead letters", () => {
    const trial = eachWithStore(open);
    const bury = async (more: Partial<NewJob> = {}) => {
      const job = await put(trial.store, more);
      await trial.store.journal.settle(job.seq, { state: "dead", atMs, failure: "no" });
      return job;
    };

    test("are listed newest first, by portal, to a limit", async () => {
      const { journal } = trial.store;
      const jobs = [await bury(), await bury({ portal: two }), await bury()];
      expect(keysOf(await journal.dead({ limit: 10 }))).toEqual(keysOf([...jobs].reverse()));
      expect(keysOf(await journal.dead({ limit: 1 }))).toEqual([jobs[2]?.key]);
      expect(keysOf(await journal.dead({ portal: two, limit: 10 }))).toEqual([jobs[1]?.key]);
    });

    test("[L1] retried go to their lane's end, marked, with their body, plan and sent parts", async () => {
      const { journal } = trial.store;
      const job = await put(trial.store, { body: "again" });
      await journal.update(job.seq, { attempts: 5, notBeforeMs: atMs, plan: "[1,2]", sent: ["r1"] });
      await journal.settle(job.seq, { state: "dead", atMs, failure: "no" });
      const later = await put(trial.store);
      const retried = await journal.retry(job.seq);
      expect(retried).toStrictEqual({
        ...job,
        seq: expect.any(Number),
        plan: "[1,2]",
        sent: ["r1"],
        delayed: true,
        notBeforeMs: 0,
      });
      expect(retried?.seq).toBeGreaterThan(later.seq);
      expect(await journal.load(one, "outward", 0, 10)).toStrictEqual([later, retried]);
      expect(await journal.dead({ limit: 10 })).toEqual([]);
      expect(await journal.append([aJob({ key: job.key })])).toEqual([undefined]);
      const next = await put(trial.store);
      expect(next.seq).toBeGreaterThan(retried?.seq ?? 0);
    });

    test("that are none cannot be retried", async () => {
      const { journal } = trial.store;
      const open = await put(trial.store);
      const done = await put(trial.store);
      await journal.settle(done.seq, { state: "done", atMs });
      expect([await journal.retry(open.seq), await journal.retry(done.seq), await journal.retry(4711)]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    });

    test("retried twice at the same moment come back once", async () => {
      const job = await bury();
      const both = await Promise.all([trial.store.journal.retry(job.seq), trial.store.journal.retry(job.seq)]);
      expect(both.filter((one) => one !== undefined)).toHaveLength(1);
    });
  });
}

export function describeBounds(open: OpenStore): void {
  describe("bounds", () => {
    const trial = eachWithStore(open);

    test("[L2] shedding makes the oldest beyond the bound dead, in one lane", async () => {
      const { journal } = trial.store;
      const jobs: Job[] = [];
      for (let index = 0; index < 5; index += 1) jobs.push(await put(trial.store));
      await put(trial.store, { lane: "inward" });
      expect(await journal.shed(one, "outward", 9, "full", atMs)).toBe(0);
      expect(await journal.shed(one, "outward", 5, "full", atMs)).toBe(0);
      expect(await journal.shed(one, "outward", 2, "full", atMs)).toBe(3);
      expect(keysOf(await journal.load(one, "outward", 0, 10))).toEqual(keysOf(jobs.slice(3)));
      expect(await journal.dead({ limit: 9 })).toMatchObject(
        [2, 1, 0].map((n) => ({ key: jobs[n]?.key, failure: "full" })),
      );
      expect(await journal.load(one, "inward", 0, 10)).toHaveLength(1);
    });

    test("pruning forgets what ended before, and keeps the dead and the open", async () => {
      const { journal } = trial.store;
      const dead = await put(trial.store);
      await journal.settle(dead.seq, { state: "dead", atMs: 1 });
      const queued = await put(trial.store);
      const ended: Job[] = [];
      for (const [state, at] of [
        ["done", 100],
        ["cancelled", 200],
        ["done", 300],
      ] as const) {
        const job = await put(trial.store);
        await journal.settle(job.seq, { state, atMs: at });
        ended.push(job);
      }
      expect(await journal.prune(300)).toBe(2);
      const left = await journal.find([dead, queued, ...ended].map((job) => job.key));
      expect(keysOf(left)).toEqual(keysOf([dead, queued, ended[2] as Job]));
      expect(await journal.append([aJob({ key: (ended[0] as Job).key })])).not.toEqual([undefined]);
    });
  });
}
