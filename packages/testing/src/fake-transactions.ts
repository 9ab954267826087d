/**
 * How the fake homeserver pushes: one transaction at a time, in order, and the same one again until it is acknowledged. What
 * a test made it lose is found only by `repair`, which asks the bridge what it knows, as gap repair does.
 */
import type { HomeserverHost, MatrixEvent } from "@trestle/core";
import type { FakeMatrix } from "./fake-matrix.ts";

export interface Transactions {
  /** One transaction of these events (our own left out); resolves when it, and all before it, were acknowledged. */
  push(events: readonly MatrixEvent[]): Promise<void>;
  redeliver(): Promise<void>;
  repair(): Promise<void>;
  loseNext(count: number): void;
  open(host: HomeserverHost): void;
  close(): void;
  die(): void;
  lastAtMs(): number | undefined;
}

export function createTransactions(matrix: FakeMatrix, isOwn: (event: MatrixEvent) => boolean): Transactions {
  let host: HomeserverHost | undefined;
  let dead = false;
  let losing = 0;
  let lastAtMs: number | undefined;
  let turn: Promise<void> = Promise.resolve();
  const never = new Promise<never>(() => undefined);

  const handAll = async (): Promise<void> => {
    while (!dead && host) {
      const [transaction] = matrix.unacknowledged;
      if (!transaction) return;
      await host.take(transaction);
      if (dead) return never;
      lastAtMs = Date.now();
      const index = matrix.unacknowledged.indexOf(transaction);
      if (index >= 0) matrix.unacknowledged.splice(index, 1);
    }
  };
  const redeliver = (): Promise<void> => {
    if (dead) return never;
    const mine = turn.then(handAll);
    turn = mine.catch(() => undefined);
    return mine;
  };

  return {
    redeliver,
    push: async (events) => {
      const others = events.filter((event) => !isOwn(event));
      const lost = others.slice(0, losing);
      losing -= lost.length;
      const pushed = others.slice(lost.length);
      if (pushed.length > 0) matrix.unacknowledged.push([...pushed]);
      await redeliver();
    },
    repair: async () => {
      if (!host) return;
      const to = host;
      for (const { room, lastEvent, floor } of await to.repairRooms()) {
        const events = matrix.room(room)?.events ?? [];
        const placeOf = (id: string | undefined) => events.findIndex((event) => event.event_id === id);
        const start = Math.max(placeOf(lastEvent), placeOf(floor));
        if (start < 0) continue;
        const since = events.slice(start + 1);
        const others = since.filter((event) => !isOwn(event));
        const known = await to.known(
          room,
          others.map((event) => event.event_id),
        );
        const missed = others.filter((event) => !known.has(event.event_id));
        if (missed.length > 0) await to.take(missed.map((event) => ({ ...event, "dev.trestle.late": true })));
      }
    },
    loseNext: (count) => {
      losing += count;
    },
    open: (to) => {
      host = to;
    },
    close: () => {
      host = undefined;
    },
    die: () => {
      dead = true;
      host = undefined;
    },
    lastAtMs: () => lastAtMs,
  };
}
