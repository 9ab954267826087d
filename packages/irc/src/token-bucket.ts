/**
 * How much may be written now: a token bucket, a burst and then so many lines a second. It holds nothing back itself; the queue that
 * asks it does.
 */
import type { Clock } from "@trestle/core";
import type { Pace } from "./profiles.ts";

export interface TokenBucket {
  /** How long until so many lines may go; 0 when they may now. */
  waitMs(lines: number): number;
  /** They go, in their turn. */
  take(lines: number): void;
  /** They go in any case: at most one burst of debt, or a server that pings on and on would silence us for good. */
  force(lines: number): void;
  /** Whether so many lines may go that may as well not; the last of a burst is for what has to be said. They are taken. */
  spare(lines: number): boolean;
  setPace(pace: Pace | "unlimited"): void;
}

/** Builds a full bucket. */
export function createTokenBucket(clock: Clock, startPace: Pace | "unlimited"): TokenBucket {
  let pace = startPace;
  let tokens = pace === "unlimited" ? 0 : pace.burst;
  let filledAtMs = clock.now();

  const refill = (): void => {
    if (pace === "unlimited") return;
    const now = clock.now();
    tokens = Math.min(pace.burst, tokens + (Math.max(0, now - filledAtMs) / 1000) * pace.linesPerSecond);
    filledAtMs = now;
  };

  return {
    waitMs(lines) {
      if (pace === "unlimited") return 0;
      refill();
      const lacking = Math.min(lines, pace.burst) - tokens;
      return lacking > 0 ? Math.ceil((lacking / pace.linesPerSecond) * 1000) : 0;
    },
    take(lines) {
      if (pace !== "unlimited") tokens -= lines;
    },
    force(lines) {
      if (pace === "unlimited") return;
      refill();
      tokens = Math.max(-pace.burst, tokens - lines);
    },
    spare(lines) {
      if (pace === "unlimited") return true;
      refill();
      if (tokens - lines < Math.min(1, pace.burst - lines)) return false;
      tokens -= lines;
      return true;
    },
    setPace(wanted) {
      refill();
      const before = pace;
      pace = wanted;
      if (pace !== "unlimited") tokens = before === "unlimited" ? pace.burst : Math.min(tokens, pace.burst);
      filledAtMs = clock.now();
    },
  };
}
