/**
 * Getting into wanted channels: one JOIN line carries as many of them as fit, one that is not answered is sent again, one that we are
 * out of is tried again with growing patience. It knows each channel's state; what a server's words mean for it is joins.ts.
 */
import type { Clock } from "@trestle/core";
import { lineBytesMax } from "./wire-writer.ts";

export interface Wanted {
  readonly name: string;
  state: "idle" | "joining" | "in" | "out";
  tries: number;
  inSinceMs: number;
  problem?: string;
  isToldGone?: boolean;
  key?: string;
  timer?: AbortController;
}

export interface EnteringOptions {
  readonly clock: Clock;
  readonly rejoinMinMs: number;
  readonly rejoinMaxMs: number;
  /** Writes a protocol line; undefined while there is no ready connection. */
  readonly send: (command: string, params: readonly string[]) => void;
}

export interface Entering {
  /** A connection is ready: at most so many channels in a line. */
  start(channelsPerLine: number): void;
  /** The connection is gone. */
  stop(): void;
  isRunning(): boolean;
  /** Joins what is idle, soon: what comes in the same moment shares lines. */
  collect(): void;
  /** We are out of it: it is tried again later. */
  retryLater(entry: Wanted): void;
  /** Its lot is decided, or nobody wants it any more: no timer acts on it. */
  cancel(entry: Wanted): void;
}

/** Unanswered for so long, a JOIN is sent again. */
const answerMs = 60_000;

/** Builds the entering of one network; `wanted` is read each time. */
export function createEntering(options: EnteringOptions, wanted: () => readonly Wanted[]): Entering {
  const { clock } = options;
  let channelsPerLine = 0;
  let running = false;
  let collecting = false;

  const cancel = (entry: Wanted): void => {
    entry.timer?.abort();
    delete entry.timer;
  };
  const later = (entry: Wanted, ms: number, act: () => void): void => {
    cancel(entry);
    const timer = new AbortController();
    entry.timer = timer;
    void clock.wait(ms, timer.signal).then(() => {
      if (!timer.signal.aborted) act();
    });
  };
  const again = (entry: Wanted, from: Wanted["state"]): void => {
    if (entry.state !== from) return;
    entry.state = "idle";
    collect();
  };

  const joinAll = (): void => {
    collecting = false;
    if (!running) return;
    const all = wanted();
    const entries = all.filter((entry) => entry.state === "idle");
    for (const line of joinLines(entries, channelsPerLine)) options.send("JOIN", line);
    for (const entry of entries) {
      entry.state = "joining";
      later(entry, answerMs + all.length * 20, () => again(entry, "joining"));
    }
  };
  const collect = (): void => {
    if (collecting || !running) return;
    collecting = true;
    queueMicrotask(joinAll);
  };

  return {
    start(perLine) {
      channelsPerLine = perLine;
      running = true;
      collect();
    },
    stop() {
      running = false;
      for (const entry of wanted()) {
        cancel(entry);
        entry.state = "idle";
      }
    },
    isRunning: () => running,
    collect,
    retryLater(entry) {
      entry.tries += 1;
      const growing = options.rejoinMinMs * 2 ** Math.min(entry.tries - 1, 20);
      const waitMs = Math.min(options.rejoinMaxMs, growing) * (0.8 + Math.random() * 0.4);
      later(entry, waitMs, () => again(entry, "out"));
    },
    cancel,
  };
}

/** Parameters of as few JOIN lines as possible: each within the limits of bytes and of channels; a keyed channel goes alone. */
export function joinLines(
  entries: readonly { readonly name: string; readonly key?: string }[],
  channelsPerLine: number,
): string[][] {
  const bytesMax = lineBytesMax - "JOIN ".length;
  const lines: string[][] = [];
  let names: string[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (names.length > 0) lines.push([names.join(",")]);
    names = [];
    bytes = 0;
  };
  for (const { name, key } of entries) {
    if (key !== undefined) {
      lines.push([name, key]);
      continue;
    }
    const more = Buffer.byteLength(name) + (names.length > 0 ? 1 : 0);
    if (bytes + more > bytesMax || names.length >= channelsPerLine) flush();
    bytes += names.length > 0 ? more : Buffer.byteLength(name);
    names.push(name);
  }
  flush();
  return lines;
}
