/**
 * Time under a test's hand: it stands still until `advance`. It knows nothing of real time; between two timers it only lets
 * what became ready run on.
 */
import type { Clock } from "@trestle/core";

export interface TestClock extends Clock {
  /** Moves time on by `ms`: each wait that falls due resolves at its own moment, in order, and its followers run before the next. */
  advance(ms: number): Promise<void>;
  /** Lets everything run that needs no time. */
  settle(): Promise<void>;
  /** How many waits are open. */
  readonly waiting: number;
}

interface Wait {
  readonly atMs: number;
  readonly order: number;
  readonly resolve: () => void;
}

/** A few turns of the event loop, so that chains of promises (and the memory store's commits) come to rest. */
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** A clock that stands at `startMs` until it is advanced. */
export function createTestClock(startMs = 1_790_000_000_000): TestClock {
  let nowMs = startMs;
  let order = 0;
  const waits = new Set<Wait>();

  const nextDue = (untilMs: number): Wait | undefined => {
    let next: Wait | undefined;
    for (const wait of waits) {
      if (wait.atMs > untilMs) continue;
      if (!next || wait.atMs < next.atMs || (wait.atMs === next.atMs && wait.order < next.order)) next = wait;
    }
    return next;
  };

  return {
    now: () => nowMs,
    wait: (ms, signal) =>
      new Promise<void>((resolve) => {
        if (signal?.aborted) return resolve();
        const done = () => {
          waits.delete(wait);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        order += 1;
        const wait: Wait = { atMs: nowMs + Math.max(0, ms), order, resolve: done };
        waits.add(wait);
        signal?.addEventListener("abort", done, { once: true });
      }),
    advance: async (ms) => {
      const untilMs = nowMs + ms;
      await turns(2);
      for (let due = nextDue(untilMs); due; due = nextDue(untilMs)) {
        nowMs = Math.max(nowMs, due.atMs);
        due.resolve();
        await turns(2);
      }
      nowMs = untilMs;
      await turns(2);
    },
    settle: () => turns(4),
    get waiting() {
      return waits.size;
    },
  };
}
