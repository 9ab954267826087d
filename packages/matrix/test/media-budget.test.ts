import { createTestMeter } from "@trestle/testing";
import { createMediaBudget, type Lease, windowBytes } from "../src/media/budget.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("[C4 matrix] the budget of files in memory", () => {
  test("lets in what fits, and the next one when somebody is done", async () => {
    const meter = createTestMeter();
    const budget = createMediaBudget(meter, 3 * windowBytes);
    const inside = await Promise.all([1, 2, 3].map(() => budget.enter("a")));
    let fourth: Lease | undefined;
    void budget.enter("a").then((lease) => {
      fourth = lease;
    });
    await settle();
    expect([fourth, budget.reservedBytes, budget.waiting]).toEqual([undefined, 3 * windowBytes, 1]);
    inside[0]?.release();
    inside[0]?.release();
    await settle();
    expect(fourth).toBeDefined();
    expect([budget.reservedBytes, budget.waiting]).toEqual([3 * windowBytes, 0]);
    for (const lease of [...inside, fourth]) lease?.release();
    expect([budget.reservedBytes, budget.heldBytes, budget.reservedBytesPeak]).toEqual([0, 0, 3 * windowBytes]);
  });

  test("takes turns by queue: a room with a hundred files delays no other", async () => {
    const budget = createMediaBudget(createTestMeter(), windowBytes);
    const first = await budget.enter("busy");
    const order: string[] = [];
    const ask = (queue: string, name: string) =>
      void budget.enter(queue).then((lease) => {
        order.push(name);
        lease.release();
      });
    for (let index = 0; index < 5; index++) ask("busy", `busy ${index}`);
    ask("quiet", "quiet");
    ask("other", "other");
    first.release();
    for (let index = 0; index < 20; index++) await settle();
    expect(order.slice(0, 3)).toEqual(["busy 0", "quiet", "other"]);
    expect(order).toHaveLength(7);
  });

  test("counts a piece that is larger than a window on top, and lets nobody in meanwhile", async () => {
    const budget = createMediaBudget(createTestMeter(), 4 * windowBytes);
    const lease = await budget.enter("a");
    lease.hold(4 * windowBytes);
    expect([budget.reservedBytes, budget.heldBytes]).toEqual([4 * windowBytes, 4 * windowBytes]);
    let second: Lease | undefined;
    void budget.enter("b").then((given) => {
      second = given;
    });
    await settle();
    expect(second).toBeUndefined();
    lease.hold(10);
    await settle();
    expect(second).toBeDefined();
    expect([budget.reservedBytes, budget.heldBytes]).toEqual([2 * windowBytes, 10]);
    lease.release();
    lease.hold(99);
    expect(budget.heldBytes).toBe(0);
  });
});
