/**
 * The paced queue of one connection: as much as its token bucket lets through, three priorities (PONG, protocol, messages) and,
 * among messages, one a turn for each channel that has any. Bounded. It knows no IRC; what a task does when its turn comes is
 * the caller's.
 */
import type { Clock } from "@trestle/core";
import type { Pace } from "./profiles.ts";
import { createTokenBucket } from "./token-bucket.ts";

/** Tasks that may wait in all: one in flight for each of 10,000 portals, and room for the protocol. */
const waitingMax = 20_000;

export interface SendTask {
  /** Lines it writes. */
  readonly lines: number;
  run(): void;
  /** Called instead of `run` when the queue is closed first. */
  drop(): void;
}

export interface SendQueue {
  /** An answer that cannot wait: runs now and is counted. */
  urgent(lines: number, run: () => void): void;
  /** JOIN, TOPIC, NICK and the like: before any message. */
  protocol(task: SendTask): void;
  /** False when the queue is full. */
  message(channel: string, task: SendTask): boolean;
  /** What may as well not be said: runs now if nothing waits and there is room to spare; false when it was left out. */
  spare(lines: number, run: () => void): boolean;
  /** The bound on unconfirmed parts may have moved. */
  wake(): void;
  setPace(pace: Pace | "unlimited"): void;
  waiting(): number;
  close(): void;
}

export interface SendQueueOptions {
  readonly clock: Clock;
  readonly pace: Pace | "unlimited";
  /** Whether one more message may be under way. */
  readonly mayMessage: () => boolean;
}

/** Builds an open queue. */
export function createSendQueue({ clock, pace, mayMessage }: SendQueueOptions): SendQueue {
  const bucket = createTokenBucket(clock, pace);
  const turns = createTurns();
  let sleeping = false;
  let pumping = false;
  const closed = new AbortController();

  const sleep = (ms: number): void => {
    if (sleeping) return;
    sleeping = true;
    void clock.wait(ms, closed.signal).then(() => {
      sleeping = false;
      pump();
    });
  };
  const pump = (): void => {
    // a task that runs may add another: the loop below sees it
    if (pumping || closed.signal.aborted) return;
    pumping = true;
    try {
      for (let task = turns.next(mayMessage); task !== undefined; task = turns.next(mayMessage)) {
        const waitMs = bucket.waitMs(task.lines);
        if (waitMs > 0) {
          sleep(waitMs);
          break;
        }
        turns.take();
        bucket.take(task.lines);
        task.run();
      }
    } finally {
      pumping = false;
    }
  };
  const hasRoom = (): boolean => !closed.signal.aborted && turns.waiting() < waitingMax;

  return {
    urgent(lines, run) {
      if (closed.signal.aborted) return;
      bucket.force(lines);
      run();
    },
    protocol(task) {
      if (!hasRoom()) return task.drop();
      turns.addProtocol(task);
      pump();
    },
    spare(lines, run) {
      if (closed.signal.aborted || turns.waiting() > 0 || pumping || !bucket.spare(lines)) return false;
      run();
      return true;
    },
    message(channel, task) {
      if (!hasRoom()) return false;
      turns.addMessage(channel, task);
      pump();
      return true;
    },
    wake: pump,
    setPace(wanted) {
      bucket.setPace(wanted);
      pump();
    },
    waiting: turns.waiting,
    close() {
      closed.abort();
      for (const task of turns.clear()) task.drop();
    },
  };
}

/** What waits, in the order of its turns: the protocol first, then one message of each channel. */
function createTurns() {
  let waiting = 0;
  const protocol: SendTask[] = [];
  // in order of their turns: the first key speaks next
  const channels = new Map<string, SendTask[]>();

  return {
    waiting: () => waiting,
    addProtocol(task: SendTask): void {
      waiting += 1;
      protocol.push(task);
    },
    addMessage(channel: string, task: SendTask): void {
      waiting += 1;
      const tasks = channels.get(channel);
      if (tasks === undefined) channels.set(channel, [task]);
      else tasks.push(task);
    },
    next(mayMessage: () => boolean): SendTask | undefined {
      if (protocol.length > 0) return protocol[0];
      if (!mayMessage()) return undefined;
      for (const tasks of channels.values()) return tasks[0];
      return undefined;
    },
    /** The next one has its turn. */
    take(): void {
      waiting -= 1;
      if (protocol.length > 0) {
        protocol.shift();
        return;
      }
      for (const [channel, tasks] of channels) {
        tasks.shift();
        channels.delete(channel);
        if (tasks.length > 0) channels.set(channel, tasks);
        return;
      }
    },
    clear(): readonly SendTask[] {
      const rest = [...protocol, ...[...channels.values()].flat()];
      protocol.length = 0;
      channels.clear();
      waiting = 0;
      return rest;
    },
  };
}
