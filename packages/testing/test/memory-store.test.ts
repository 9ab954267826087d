/** The memory store passes the contract, and dies as a process does. */
import { aJob, createMemoryStore, describeStore } from "../src/index.ts";

describeStore("in memory", async () => {
  const store = createMemoryStore();
  return { store, reopen: async () => store.crash(), destroy: async () => undefined };
});

describe("the memory store", () => {
  test("[L1] loses at a crash what no promise had resolved for, and nothing else", async () => {
    const store = createMemoryStore();
    await store.journal.append([aJob()]);
    const release = store.hold();
    let settled = false;
    const done = () => {
      settled = true;
    };
    store.journal.append([aJob()]).then(done, done);
    await new Promise((resolve) => setImmediate(resolve));
    const next = store.crash();
    release();
    store.kv.put("a", "1").then(done, done);
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    expect(await next.journal.counts()).toMatchObject({ queued: 1 });
    expect(await next.kv.get("a")).toBeUndefined();
  });

  test("fails when it is told to, keeps nothing of it, and goes on", async () => {
    const store = createMemoryStore();
    store.failNext();
    await expect(store.kv.put("a", "1")).rejects.toMatchObject({ code: "database-failed" });
    await store.kv.put("b", "1");
    expect(await store.kv.list("")).toEqual([{ key: "b", value: "1" }]);
  });
});
