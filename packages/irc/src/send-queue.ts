/**
 * The paced queue of one connection: a token bucket (a burst, then so many lines a second), three priorities (PONG, protocol,
 * messages) and, among messages, one a turn for each channel that has any. Bounded. It knows no IRC; what a task does when
 * its turn comes is the caller's.
 */
import type { Clock } from "@trestle/core";
import type { Pace } from "./profiles.ts";

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
export function createSendQueue({ clock, pace: startPace, mayMessage }: SendQueueOptions): SendQueue {
  let pace = startPace;
  let tokens = pace === "unlimited" ? 0 : pace.burst;
  let filledAtMs = clock.now();
  let waiting = 0;
  let sleeping = false;
  let pumping = false;
  const closed = new AbortController();
  const protocolTasks: SendTask[] = [];
  // in order of their turns: the first key speaks next
  const channels = new Map<string, SendTask[]>();

  const refill = (): void => {
    if (pace === "unlimited") return;
    const now = clock.now();
    tokens = Math.min(pace.burst, tokens + (Math.max(0, now - filledAtMs) / 1000) * pace.linesPerSecond);
    filledAtMs = now;
  };
  const missing = (lines: number): number => (pace === "unlimited" ? 0 : Math.min(lines, pace.burst) - tokens);

  const sleep = (lacking: number): void => {
    if (sleeping || pace === "unlimited") return;
    sleeping = true;
    void clock.wait(Math.ceil((lacking / pace.linesPerSecond) * 1000), closed.signal).then(() => {
      sleeping = false;
      pump();
    });
  };
  const next = (): SendTask | undefined => {
    if (protocolTasks.length > 0) return protocolTasks[0];
    if (!mayMessage()) return undefined;
    for (const tasks of channels.values()) return tasks[0];
    return undefined;
  };
  const take = (): void => {
    waiting -= 1;
    if (protocolTasks.length > 0) {
      protocolTasks.shift();
      return;
    }
    for (const [channel, tasks] of channels) {
      tasks.shift();
      channels.delete(channel);
      if (tasks.length > 0) channels.set(channel, tasks);
      return;
    }
  };
  const pump = (): void => {
    // a task that runs may add another: the loop below sees it
    if (pumping || closed.signal.aborted) return;
    pumping = true;
    try {
      for (let task = next(); task !== undefined; task = next()) {
        refill();
        const lacking = missing(task.lines);
        if (lacking > 0) {
          sleep(lacking);
          break;
        }
        take();
        if (pace !== "unlimited") tokens -= task.lines;
        task.run();
      }
    } finally {
      pumping = false;
    }
  };

  return {
    urgent(lines, run) {
      if (closed.signal.aborted) return;
      refill();
      // at most one burst of debt, or a server that pings on and on would silence us for good
      if (pace !== "unlimited") tokens = Math.max(-pace.burst, tokens - lines);
      run();
    },
    protocol(task) {
      if (closed.signal.aborted || waiting >= waitingMax) return task.drop();
      waiting += 1;
      protocolTasks.push(task);
      pump();
    },
    spare(lines, run) {
      if (closed.signal.aborted || waiting > 0 || pumping) return false;
      refill();
      // the last of a burst is for what has to be said
      if (pace !== "unlimited" && tokens - lines < Math.min(1, pace.burst - lines)) return false;
      if (pace !== "unlimited") tokens -= lines;
      run();
      return true;
    },
    message(channel, task) {
      if (closed.signal.aborted || waiting >= waitingMax) return false;
      waiting += 1;
      const tasks = channels.get(channel);
      if (tasks === undefined) channels.set(channel, [task]);
      else tasks.push(task);
      pump();
      return true;
    },
    wake: pump,
    setPace(wanted) {
      refill();
      const before = pace;
      pace = wanted;
      if (pace !== "unlimited") tokens = before === "unlimited" ? pace.burst : Math.min(tokens, pace.burst);
      filledAtMs = clock.now();
      pump();
    },
    waiting: () => waiting,
    close() {
      closed.abort();
      const rest = [...protocolTasks, ...[...channels.values()].flat()];
      protocolTasks.length = 0;
      channels.clear();
      waiting = 0;
      for (const task of rest) task.drop();
    },
  };
}
