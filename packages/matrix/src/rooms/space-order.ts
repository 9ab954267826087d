/**
 * The `order` of a space's children: clients sort by it as text (https://spec.matrix.org/v1.15/client-server-api/#ordering-of-children-within-a-space).
 * Ours are numbers of a fixed width with room between them, so that a child put in changes no other. Pure.
 */
const digits = 12;
const gap = 1_000_000;

/** An order for each place, rising; those that are there and still fit stay as they are. */
export function ordersFor(current: readonly unknown[]): string[] {
  const now = current.map(numberOf);
  const orders: number[] = [];
  for (let place = 0, before = 0; place < now.length; place++) {
    const own = now[place];
    const after = now.slice(place + 1).find((order) => order !== undefined && order > before);
    let order = own !== undefined && own > before ? own : undefined;
    order ??= after === undefined ? before + gap : before + Math.floor((after - before) / 2);
    if (order <= before || order >= 10 ** digits) return now.map((_one, index) => text((index + 1) * gap));
    orders.push(order);
    before = order;
  }
  return orders.map(text);
}

const numberOf = (order: unknown): number | undefined =>
  typeof order === "string" && /^\d{12}$/.test(order) ? Number(order) : undefined;

const text = (order: number): string => String(order).padStart(digits, "0");
