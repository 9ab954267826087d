/** The clock, the log and the meter that tests hold in their hand. */
import { createTestClock, createTestLog, createTestMeter } from "../src/index.ts";

describe("the test clock", () => {
  test("stands still until it is advanced, and wakes each wait at its own moment, in order", async () => {
    const clock = createTestClock(1000);
    const woken: [string, number][] = [];
    const sleeper = async (name: string, ms: number) => {
      await clock.wait(ms);
      woken.push([name, clock.now()]);
    };
    const all = Promise.all([sleeper("late", 30), sleeper("early", 10), sleeper("also early", 10)]);
    await clock.settle();
    expect([woken, clock.waiting]).toEqual([[], 3]);
    await clock.advance(20);
    expect(woken).toEqual([
      ["early", 1010],
      ["also early", 1010],
    ]);
    expect(clock.now()).toBe(1020);
    await clock.advance(10);
    await all;
    expect(woken[2]).toEqual(["late", 1030]);
  });

  test("lets a loop of waits run as often as time passes", async () => {
    const clock = createTestClock(0);
    const ticks: number[] = [];
    void (async () => {
      for (;;) {
        await clock.wait(100);
        ticks.push(clock.now());
      }
    })();
    await clock.advance(350);
    expect(ticks).toEqual([100, 200, 300]);
  });

  test("ends a wait at once when it is aborted, without rejecting", async () => {
    const clock = createTestClock();
    const abort = new AbortController();
    const waits = [clock.wait(1000, abort.signal)];
    abort.abort();
    waits.push(clock.wait(1000, abort.signal));
    await Promise.all(waits);
    expect(clock.waiting).toBe(0);
  });
});

describe("the test log and meter", () => {
  test("keep what they were told, children's fields included", () => {
    const log = createTestLog();
    log
      .child({ portal: 1 })
      .child({ lane: "inward" })
      .warn({ error: new Error("boom") }, "it failed");
    expect(log.entries).toMatchObject([{ level: "warn", message: "it failed", fields: { portal: 1, lane: "inward" } }]);
    expect(log.text()).toContain("boom");
  });

  test("sum counters by the labels asked for and keep the last of a gauge", () => {
    const meter = createTestMeter();
    meter.count("sent", { lane: "inward" });
    meter.count("sent", { lane: "outward" }, 2);
    meter.gauge("queued", 3);
    meter.gauge("queued", 1);
    meter.observe("latency", 0.5);
    expect([meter.counted("sent"), meter.counted("sent", { lane: "outward" }), meter.counted("none")]).toEqual([
      3, 2, 0,
    ]);
    expect([meter.gauged("queued"), meter.gauged("none"), meter.observed("latency")]).toEqual([1, undefined, [0.5]]);
  });
});
