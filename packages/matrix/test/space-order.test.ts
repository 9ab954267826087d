import fc from "fast-check";
import { ordersFor } from "../src/rooms/space-order.ts";

const rises = (orders: readonly string[]) =>
  orders.every((order, place) => place === 0 || order > (orders[place - 1] ?? ""));

test("[R11] orders are as many as rooms, rise, and are what a client takes, whatever was there", () => {
  const order = fc.oneof(
    fc.constant(undefined),
    fc.string(),
    fc.integer(),
    fc.bigInt({ min: 0n, max: 10n ** 12n - 1n }).map((value) => String(value).padStart(12, "0")),
  );
  fc.assert(
    fc.property(fc.array(order, { maxLength: 30 }), (current) => {
      const orders = ordersFor(current);
      expect(orders).toHaveLength(current.length);
      expect(rises(orders)).toBe(true);
      for (const one of orders) expect(one).toMatch(/^\d{12}$/);
      expect(ordersFor(orders)).toEqual(orders);
    }),
  );
});

test("[R11] a room put in anywhere moves no other; one taken out neither", () => {
  const orders = ordersFor(Array.from({ length: 10 }));
  for (let place = 0; place <= orders.length; place++) {
    const withOne = ordersFor(orders.toSpliced(place, 0, undefined as never));
    expect(withOne.toSpliced(place, 1)).toEqual(orders);
  }
  expect(ordersFor(orders.toSpliced(3, 1))).toEqual(orders.toSpliced(3, 1));
});

test("[R11] where there is no place left between two, all are numbered anew", () => {
  expect(ordersFor(["000000000001", undefined, "000000000002"])).toEqual([
    "000001000000",
    "000002000000",
    "000003000000",
  ]);
  expect(ordersFor(["999999999999", undefined])).toEqual(["000001000000", "000002000000"]);
});
