/**
 * The end of one session: it comes exactly once, and by what went wrong first. It closes nothing itself.
 */
import type { Clock } from "@trestle/core";
import type { Failure } from "./failures.ts";

const goodbyeMs = 1_000;

export interface Ending {
  /** Aborted when it is over. */
  readonly over: AbortSignal;
  /** It is over, or will be soon. */
  isNear(): boolean;
  /** What went wrong is known; the socket's own end comes later or never. `sayGoodbye` is called while there is a socket. */
  begin(failure: Failure, sayGoodbye: () => void): void;
  /** It ends now, by this unless something went wrong before. */
  finish(failure: Failure): void;
}

/** Builds the end of a session that is open; `onOver` gets its cause. */
export function createEnding(clock: Clock, onOver: (cause: Failure) => void): Ending {
  const over = new AbortController();
  let verdict: Failure | undefined;
  const finish = (failure: Failure): void => {
    if (over.signal.aborted) return;
    over.abort();
    onOver(verdict ?? failure);
  };
  return {
    over: over.signal,
    isNear: () => over.signal.aborted || verdict !== undefined,
    begin(failure, sayGoodbye) {
      verdict ??= failure;
      if (over.signal.aborted) return;
      sayGoodbye();
      void clock.wait(goodbyeMs, over.signal).then(() => finish(failure));
    },
    finish,
  };
}
