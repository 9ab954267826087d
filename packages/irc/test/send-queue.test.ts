import { createTestClock } from "@trestle/testing";
import { createSendQueue } from "../src/send-queue.ts";

function build(pace: Parameters<typeof createSendQueue>[0]["pace"], mayMessage = () => true) {
  const clock = createTestClock();
  const queue = createSendQueue({ clock, pace, mayMessage });
  const ran: string[] = [];
  const dropped: string[] = [];
  const task = (name: string, lines = 1) => ({
    lines,
    run: () => void ran.push(name),
    drop: () => void dropped.push(name),
  });
  return { clock, queue, ran, dropped, task };
}

describe("the send queue", () => {
  it("[L4 irc] lets a burst go, then spaces each line: nothing leaves together later", async () => {
    const { clock, queue, ran, task } = build({ burst: 3, linesPerSecond: 2 });
    for (let at = 0; at < 10; at += 1) queue.message("#a", task(String(at)));
    expect(ran).toHaveLength(3);
    const perStep: number[] = [];
    for (let step = 0; step < 8; step += 1) {
      const before = ran.length;
      await clock.advance(500);
      perStep.push(ran.length - before);
    }
    expect(Math.max(...perStep)).toBe(1);
    expect(ran).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  });

  it("[L4 irc] says in passing only what there is room for: never before others, never the last of a burst", async () => {
    let may = false;
    const { clock, queue, ran, task } = build({ burst: 3, linesPerSecond: 1 }, () => may);
    const spare = (name: string) => queue.spare(1, () => void ran.push(name));
    expect([spare("a"), spare("b"), spare("c")]).toEqual([true, true, false]);
    await clock.advance(2_000);
    queue.message("#a", task("waits"));
    expect(spare("d")).toBe(false);
    may = true;
    queue.wake();
    expect([spare("e"), spare("f")]).toEqual([true, false]);
    expect(ran).toEqual(["a", "b", "waits", "e"]);
    queue.close();
    expect(spare("g")).toBe(false);
    const single = build({ burst: 1, linesPerSecond: 1 });
    expect([single.queue.spare(1, () => undefined), single.queue.spare(1, () => undefined)]).toEqual([true, false]);
  });

  it("[L4 irc] never exceeds burst plus rate over any stretch of time", async () => {
    const { clock, queue, task } = build({ burst: 5, linesPerSecond: 4 });
    const times: number[] = [];
    const start = clock.now();
    for (let at = 0; at < 60; at += 1) {
      queue.message(`#${at % 7}`, { ...task("x", (at % 2) + 1), run: () => void times.push(clock.now() - start) });
    }
    await clock.advance(60_000);
    expect(times).toHaveLength(60);
    const lines = times.map((_, at) => ((at * 1) % 2) + 1);
    for (let from = 0; from < times.length; from += 1) {
      for (let to = from; to < times.length; to += 1) {
        const sent = lines.slice(from, to + 1).reduce((sum, value) => sum + value, 0);
        const elapsedS = ((times[to] ?? 0) - (times[from] ?? 0)) / 1000;
        expect(sent).toBeLessThanOrEqual(5 + 4 * elapsedS + 2);
      }
    }
  });

  it("[L2] gives each channel one message a turn, however much another one has", () => {
    let open = false;
    const { queue, ran, task } = build("unlimited", () => open);
    for (let at = 0; at < 5; at += 1) queue.message("#busy", task(`busy${at}`));
    queue.message("#quiet", task("quiet0"));
    queue.message("#other", task("other0"));
    open = true;
    queue.wake();
    expect(ran).toEqual(["busy0", "quiet0", "other0", "busy1", "busy2", "busy3", "busy4"]);
  });

  it("sends protocol lines before messages, and an urgent one at once", async () => {
    const { clock, queue, ran, task } = build({ burst: 1, linesPerSecond: 1 });
    queue.message("#a", task("first"));
    queue.message("#a", task("message"));
    queue.protocol(task("join"));
    queue.urgent(1, () => ran.push("pong"));
    expect(ran).toEqual(["first", "pong"]);
    await clock.advance(10_000);
    expect(ran).toEqual(["first", "pong", "join", "message"]);
  });

  it("[S1 irc] a server that pings without end does not silence us for good", async () => {
    const { clock, queue, ran, task } = build({ burst: 2, linesPerSecond: 1 });
    for (let at = 0; at < 10_000; at += 1) queue.urgent(1, () => undefined);
    queue.message("#a", task("message"));
    await clock.advance(5_000);
    expect(ran).toEqual(["message"]);
  });

  it("holds no more than its bound, and says so", () => {
    const { queue, task } = build("unlimited", () => false);
    let accepted = 0;
    for (let at = 0; at < 30_000; at += 1) if (queue.message("#a", task("x"))) accepted += 1;
    expect(accepted).toBe(20_000);
    expect(queue.waiting()).toBe(20_000);
  });

  it("drops what waits when it is closed, once, and runs nothing afterwards", async () => {
    const { clock, queue, ran, dropped, task } = build({ burst: 1, linesPerSecond: 1 });
    queue.message("#a", task("gone"));
    queue.message("#a", task("waits"));
    queue.protocol(task("waits too"));
    queue.close();
    await clock.advance(10_000);
    expect(ran).toEqual(["gone"]);
    expect(dropped.sort()).toEqual(["waits", "waits too"]);
    expect(queue.message("#a", task("late"))).toBe(false);
  });
});
