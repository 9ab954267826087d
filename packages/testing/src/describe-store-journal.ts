/// <reference types="jest" />
/** The journal's part of the store's contract. */
import { jobKey, portalId } from "@trestle/core";
import { aJob } from "./builders.ts";
import { aRow, eachWithStore, hostileStrings, keysOf, type OpenStore, appendOne as put } from "./store-trial.ts";

const one = portalId(1);
const two = portalId(2);
const atMs = 1_790_000_000_500;

export function describeAppend(open: OpenStore): void {
  describe("append", () => {
    const trial = eachWithStore(open);

    test("[L1] gives the whole job back, queued and untried", async () => {
      const fresh = aJob({ portal: two, lane: "inward", author: "bob", createdAtMs: atMs, body: '{"a":"ü"}' });
      const job = await put(trial.store, fresh);
      expect(job).toStrictEqual({
        ...fresh,
        seq: expect.any(Number),
        state: "queued",
        attempts: 0,
        notBeforeMs: 0,
        sent: [],
        delayed: false,
      });
      expect(await trial.store.journal.load(two, "inward", 0, 10)).toStrictEqual([job]);
    });

    test("[L1] takes a key once: within one call, across calls, after it is settled", async () => {
      const { journal } = trial.store;
      const key = jobKey("same");
      const first = await journal.append([aJob({ key, body: "1" }), aJob({ key, body: "2" }), aJob()]);
      expect(first.map((job) => job?.body)).toEqual(["1", undefined, '{"n":1}']);
      expect(await journal.append([aJob({ key })])).toEqual([undefined]);
      await journal.settle(first[0]?.seq ?? 0, { state: "done", atMs });
      expect(await journal.append([aJob({ key })])).toEqual([undefined]);
      expect(await journal.find([key])).toMatchObject([{ state: "done", body: "" }]);
    });

    test("[L1] of the same key in calls at the same moment gives it to exactly one", async () => {
      const { journal } = trial.store;
      const calls = Array.from({ length: 50 }, (_, index) =>
        journal.append([aJob({ key: jobKey("raced"), body: String(index) })]),
      );
      const won = (await Promise.all(calls)).flat().filter((job) => job !== undefined);
      expect(won).toHaveLength(1);
      expect(await journal.find([jobKey("raced")])).toStrictEqual(won);
    });

    test("numbers rise with every append, in the order of the calls", async () => {
      const { journal } = trial.store;
      const calls = Array.from({ length: 300 }, (_, index) => journal.append([aJob({ body: String(index) }), aJob()]));
      const seqs = (await Promise.all(calls)).flat().map((job) => job?.seq ?? 0);
      expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
      expect(new Set(seqs).size).toBe(600);
      const { store } = trial;
      await store.journal.prune(Number.MAX_SAFE_INTEGER);
      const again = await trial.reopen();
      expect((await put(again)).seq).toBeGreaterThan(Math.max(...seqs));
    });

    test("is all or none: a job that cannot be kept keeps out the others of its call, and only those", async () => {
      const { journal } = trial.store;
      const good = journal.append([aJob({ key: jobKey("good") })]);
      const bad = journal.append([aJob({ key: jobKey("beside") }), aJob({ key: jobKey("x".repeat(2000)) })]);
      const after = journal.append([aJob({ key: jobKey("after") })]);
      await expect(bad).rejects.toMatchObject({ name: "BridgeError", code: "event-too-large" });
      await Promise.all([good, after]);
      expect(keysOf(await journal.find(["good", "beside", "after"].map(jobKey)))).toEqual(["good", "after"]);
    });

    test("of nothing is nothing", async () => {
      expect(await trial.store.journal.append([])).toEqual([]);
    });
  });
}

export function describeSettle(open: OpenStore): void {
  describe("settle", () => {
    const trial = eachWithStore(open);

    test("[L1] closes the job and writes its message rows together, and both outlive a restart", async () => {
      const job = await put(trial.store);
      const rows = [aRow("$e", "r1", { text: "hi" }), aRow("$e", "r2", { part: 1 })];
      await trial.store.journal.settle(job.seq, { state: "done", atMs, messages: rows });
      const store = await trial.reopen();
      expect(await store.journal.find([job.key])).toStrictEqual([{ ...job, state: "done", body: "" }]);
      expect(await store.messages.findByEvent(one, rows[0]?.eventId as never)).toStrictEqual(rows);
    });

    test("[L1] that cannot write its rows leaves the job open", async () => {
      const job = await put(trial.store);
      const messages = [aRow("$fine", "r1"), aRow("$e", "r".repeat(2000))];
      await expect(trial.store.journal.settle(job.seq, { state: "done", atMs, messages })).rejects.toMatchObject({
        code: "event-too-large",
      });
      expect(await trial.store.journal.find([job.key])).toMatchObject([{ state: "queued" }]);
      expect(await trial.store.messages.findByEvent(one, messages[0]?.eventId as never)).toEqual([]);
    });

    test("empties the body of what is done or cancelled and keeps that of the dead, with its plan and sent parts", async () => {
      const { journal } = trial.store;
      for (const state of ["done", "cancelled", "dead"] as const) {
        const job = await put(trial.store, { body: "the body" });
        await journal.update(job.seq, { plan: "[1]", sent: ["r1"] });
        await journal.settle(job.seq, { state, atMs, failure: `why ${state}` });
        const [ended] = await journal.find([job.key]);
        const kept = state === "dead" ? { body: "the body", plan: "[1]", sent: ["r1"] } : { body: "", sent: [] };
        expect(ended).toStrictEqual({ ...job, ...kept, state, failure: `why ${state}` });
      }
    });

    test("changes nothing of a job that is done, but still writes rows and texts", async () => {
      const { journal, messages } = trial.store;
      const job = await put(trial.store);
      await journal.settle(job.seq, { state: "done", atMs, messages: [aRow("$e", "r1", { text: "one" })] });
      await journal.settle(job.seq, {
        state: "dead",
        atMs,
        failure: "late",
        messages: [aRow("$e", "r2", { part: 1 })],
      });
      await journal.settle(999_999, { state: "done", atMs, texts: [{ portal: one, origin: "$e", text: "two" }] });
      expect(await journal.find([job.key])).toMatchObject([{ state: "done" }]);
      expect(await messages.findByRemote(one, "r2" as never)).toMatchObject([{ part: 0, text: "two" }, { part: 1 }]);
    });

    test("a dead letter can still be given up or be found to have arrived", async () => {
      const { journal } = trial.store;
      const job = await put(trial.store);
      await journal.settle(job.seq, { state: "dead", atMs });
      await journal.settle(job.seq, { state: "cancelled", atMs });
      expect(await journal.find([job.key])).toMatchObject([{ state: "cancelled", body: "" }]);
    });

    test("takes effect after an update called before it, without waiting in between", async () => {
      const { journal } = trial.store;
      const job = await put(trial.store);
      const calls = [
        journal.update(job.seq, { attempts: 1 }),
        journal.update(job.seq, { attempts: 2, failure: "x" }),
        journal.settle(job.seq, { state: "dead", atMs, failure: "end" }),
        journal.update(job.seq, { attempts: 9 }),
      ];
      await Promise.all(calls);
      expect(await journal.find([job.key])).toMatchObject([{ state: "dead", attempts: 2, failure: "end" }]);
    });
  });
}

export function describeUpdateAndLoad(open: OpenStore): void {
  describe("update and load", () => {
    const trial = eachWithStore(open);

    test("changes what the patch names, leaves the rest, and outlives a restart", async () => {
      const job = await put(trial.store);
      const patch = {
        state: "parked",
        attempts: 3,
        notBeforeMs: atMs,
        plan: "[]",
        sent: ["a", "b"],
        failure: "f",
      } as const;
      await trial.store.journal.update(job.seq, patch);
      await trial.store.journal.update(job.seq, { body: "new" });
      await trial.store.journal.update(job.seq, {});
      const store = await trial.reopen();
      const expected = { ...job, ...patch, body: "new" };
      expect(await store.journal.load(job.portal, job.lane, 0, 10)).toStrictEqual([expected]);
      await store.journal.update(job.seq, { state: "queued", sent: [], attempts: 0 });
      expect(await store.journal.find([job.key])).toStrictEqual([
        { ...expected, state: "queued", sent: [], attempts: 0 },
      ]);
    });

    test("[L2] loads one lane in order, after a number, to a limit, open jobs only", async () => {
      const { journal } = trial.store;
      const seqs: number[] = [];
      for (let index = 0; index < 6; index += 1) seqs.push((await put(trial.store)).seq);
      await put(trial.store, { lane: "inward" });
      await put(trial.store, { portal: two });
      await journal.settle(seqs[1] ?? 0, { state: "done", atMs });
      await journal.settle(seqs[2] ?? 0, { state: "dead", atMs });
      await journal.update(seqs[3] ?? 0, { state: "parked" });
      const load = async (after: number, limit: number) =>
        (await journal.load(one, "outward", after, limit)).map((job) => seqs.indexOf(job.seq));
      expect(await load(0, 10)).toEqual([0, 3, 4, 5]);
      expect(await load(0, 2)).toEqual([0, 3]);
      expect(await load(seqs[3] ?? 0, 10)).toEqual([4, 5]);
      expect(await load(0, 0)).toEqual([]);
      expect(await journal.load(portalId(77), "outward", 0, 10)).toEqual([]);
    });

    test("tells the backlog of each lane, and counts as numbers", async () => {
      const { journal } = trial.store;
      expect(await journal.counts()).toStrictEqual({ queued: 0, parked: 0, dead: 0 });
      expect(await journal.backlog()).toEqual([]);
      await put(trial.store, { createdAtMs: 500 });
      const parked = await put(trial.store, { createdAtMs: 300 });
      await journal.update(parked.seq, { state: "parked" });
      await put(trial.store, { lane: "control", portal: portalId(0), createdAtMs: 900 });
      const dead = await put(trial.store, { createdAtMs: 1 });
      await journal.settle(dead.seq, { state: "dead", atMs });
      const done = await put(trial.store, { createdAtMs: 2 });
      await journal.settle(done.seq, { state: "done", atMs });
      expect(await journal.counts()).toStrictEqual({ queued: 2, parked: 1, dead: 1, oldestAtMs: 300 });
      const backlog = (await journal.backlog()).sort((a, b) => a.portal - b.portal);
      expect(backlog).toStrictEqual([
        { portal: portalId(0), lane: "control", jobs: 1, oldestAtMs: 900 },
        { portal: one, lane: "outward", jobs: 2, oldestAtMs: 300 },
      ]);
    });

    test("finds by keys, however many, each once and in order", async () => {
      const { journal } = trial.store;
      const jobs = Array.from({ length: 500 }, (_, index) => aJob({ key: jobKey(`k${index}`) }));
      await journal.append(jobs);
      const asked = [...jobs.map((job) => job.key), jobKey("unknown"), jobKey("k7")].reverse();
      expect(keysOf(await journal.find(asked))).toEqual(jobs.map((job) => job.key));
      expect(await journal.find([])).toEqual([]);
      expect(keysOf(await journal.find([jobKey("K7"), jobKey("k7 "), jobKey("k7")]))).toEqual(["k7"]);
    });

    test("what is handed out is a copy", async () => {
      const job = await put(trial.store);
      (job.sent as string[]).push("mine");
      expect(await trial.store.journal.find([job.key])).toMatchObject([{ sent: [] }]);
    });
  });
}

export function describeJournalUnderStress(open: OpenStore): void {
  describe("under stress", () => {
    const trial = eachWithStore(open);

    test("[S1] keeps hostile text exactly, in every column", async () => {
      const { journal } = trial.store;
      const jobs = hostileStrings.map((text, index) =>
        aJob({ key: jobKey(`${index}${text}`), author: text, body: text }),
      );
      await journal.append(jobs);
      for (const [index, text] of hostileStrings.entries()) {
        const [job] = await journal.find([jobKey(`${index}${text}`)]);
        await journal.update(job?.seq ?? 0, { plan: JSON.stringify([text]), sent: [text, text], failure: text });
      }
      const store = await trial.reopen();
      const found = await store.journal.find(jobs.map((job) => job.key));
      expect(found.map(({ key, author, body }) => ({ key, author, body }))).toEqual(
        jobs.map(({ key, author, body }) => ({ key, author, body })),
      );
      expect(found.map(({ sent, failure }) => ({ sent, failure }))).toEqual(
        hostileStrings.map((text) => ({ sent: [text, text], failure: text })),
      );
    });

    test("[S1] tells hostile keys apart", async () => {
      const keys = hostileStrings.map(jobKey);
      const appended = await trial.store.journal.append(keys.map((key) => aJob({ key })));
      expect(appended.filter((job) => job === undefined)).toEqual([]);
    });

    test("keeps a body of 64 KiB and of 1 MiB", async () => {
      for (const size of [65_536, 1_048_576]) {
        const body = "é\0".repeat(size / 2);
        const job = await put(trial.store, { body });
        const [found] = await trial.store.journal.find([job.key]);
        expect(found?.body === body).toBe(true);
      }
    });

    test("[L1] 10,000 jobs from many callers at once arrive, settle and are counted", async () => {
      const { journal } = trial.store;
      const workers = Array.from({ length: 100 }, async (_, worker) => {
        const jobs = await journal.append(
          Array.from({ length: 100 }, () => aJob({ portal: portalId(worker), createdAtMs: 1_000 + worker })),
        );
        await Promise.all(
          jobs.slice(0, 50).map((job, index) =>
            journal.settle(job?.seq ?? 0, {
              state: "done",
              atMs,
              messages: [aRow(`$${worker}-${index}`, `r${worker}-${index}`, { portal: portalId(worker) })],
            }),
          ),
        );
      });
      await Promise.all(workers);
      expect(await journal.counts()).toStrictEqual({ queued: 5000, parked: 0, dead: 0, oldestAtMs: 1_000 });
      expect(await journal.backlog()).toHaveLength(100);
      const store = await trial.reopen();
      expect(await store.journal.load(portalId(7), "outward", 0, 1000)).toHaveLength(50);
      expect(await store.messages.recent(portalId(7), "outward", 100)).toHaveLength(50);
    });

    test("[L1] what was promised before a restart is there after it, what is open then can go on", async () => {
      const jobs = await trial.store.journal.append([aJob(), aJob(), aJob()]);
      await trial.store.journal.settle(jobs[0]?.seq ?? 0, { state: "done", atMs });
      await trial.store.journal.update(jobs[1]?.seq ?? 0, { plan: "[1]", sent: ["r1"], attempts: 2 });
      const store = await trial.reopen();
      const open = await store.journal.load(one, "outward", 0, 10);
      expect(open.map((job) => [job.seq, job.plan, job.sent])).toEqual([
        [jobs[1]?.seq, "[1]", ["r1"]],
        [jobs[2]?.seq, undefined, []],
      ]);
      await store.journal.settle(jobs[1]?.seq ?? 0, { state: "done", atMs });
      expect(await store.journal.counts()).toMatchObject({ queued: 1 });
    });
  });
}
