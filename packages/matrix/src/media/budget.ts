/**
 * One budget for the bytes of files that are in memory at any moment, over every transfer of this process. A transfer reserves a
 * window, not its file: nobody here holds more than a piece or two. Who finds it full waits, and those who wait take turns by
 * their queue (a room, a stranger at the media proxy), so that a room with a hundred files delays no other.
 */
import type { Meter } from "@trestle/core";
import { createSweep } from "./sweep.ts";

export const mediaBytesMax = 64 * 1024 * 1024;
/** A stream's own buffers, a piece on its way and the socket's share. */
export const windowBytes = 1024 * 1024;

export interface Lease {
  /** So many bytes are held now, in the place of what was held before. More than the window is reserved on top. */
  hold(bytes: number): void;
  /** Idempotent. */
  release(): void;
}

export interface MediaBudget {
  /** Resolves once there is room. */
  enter(queue: string): Promise<Lease>;
  /** Promised to transfers; what they really hold; the most of both so far. */
  readonly reservedBytes: number;
  readonly heldBytes: number;
  readonly reservedBytesPeak: number;
  readonly heldBytesPeak: number;
  readonly waiting: number;
}

export function createMediaBudget(meter: Meter, bytesMax = mediaBytesMax): MediaBudget {
  /** Queues in the order in which they come to their turn. */
  const queues = new Map<string, (() => void)[]>();
  const sweep = createSweep();
  let reserved = 0;
  let held = 0;
  let reservedPeak = 0;
  let heldPeak = 0;

  const reserve = (change: number) => {
    reserved += change;
    reservedPeak = Math.max(reservedPeak, reserved);
    meter.gauge("trestle_media_in_flight_bytes", reserved);
    if (change < 0) admit();
  };

  function admit(): void {
    while (reserved + windowBytes <= bytesMax) {
      const first = queues.entries().next();
      if (first.done) return;
      const [name, waiting] = first.value;
      const next = waiting.shift();
      // To the end of the line with the rest of this queue.
      queues.delete(name);
      if (waiting.length > 0) queues.set(name, waiting);
      reserved += windowBytes;
      next?.();
    }
  }

  function lease(): Lease {
    let mine = 0;
    let over = false;
    const hold = (bytes: number) => {
      if (over) return;
      const extra = Math.max(0, bytes - windowBytes) - Math.max(0, mine - windowBytes);
      sweep(bytes);
      held += bytes - mine;
      heldPeak = Math.max(heldPeak, held);
      mine = bytes;
      if (extra !== 0) reserve(extra);
    };
    return {
      hold,
      release: () => {
        if (over) return;
        hold(0);
        over = true;
        reserve(-windowBytes);
      },
    };
  }

  return {
    enter(queue) {
      if (queues.size === 0 && reserved + windowBytes <= bytesMax) {
        reserve(windowBytes);
        return Promise.resolve(lease());
      }
      return new Promise((resolve) => {
        const waiting = queues.get(queue) ?? [];
        waiting.push(() => {
          reserve(0);
          resolve(lease());
        });
        queues.set(queue, waiting);
      });
    },
    get reservedBytes() {
      return reserved;
    },
    get heldBytes() {
      return held;
    },
    get reservedBytesPeak() {
      return reservedPeak;
    },
    get heldBytesPeak() {
      return heldPeak;
    },
    get waiting() {
      return [...queues.values()].reduce((sum, { length }) => sum + length, 0);
    },
  };
}
