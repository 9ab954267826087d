/**
 * When the mark of what was heard moves: soon after something was heard and stored, at most a few times a second, never past what
 * is not stored yet or a channel that is still being entered.
 */
import type { Clock, Log } from "@trestle/core";
import type { Gaps } from "./gaps.ts";
import type { Inbox } from "./inbox.ts";

const markEveryMs = 250;

export interface HeardMarksOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly gaps: Gaps;
  readonly inbox: Inbox;
  readonly stopping: AbortSignal;
  /** Of the ready session; undefined while there is none. */
  readonly heardAtMs: () => number | undefined;
  readonly isSettled: () => boolean;
}

export interface HeardMarks {
  touch(): void;
  /** The session is over: these chats were never reached in it, all others were heard until the end. */
  close(heardAtMs: number, unsettled: readonly string[]): Promise<void>;
}

/** Builds the marks of one network. */
export function createHeardMarks(options: HeardMarksOptions): HeardMarks {
  const { clock, gaps, inbox, log } = options;
  let waiting = false;
  const storedUntil = (heardAtMs: number): number => Math.min(heardAtMs, inbox.oldestAtMs() ?? heardAtMs);
  const guarded = async (write: () => Promise<unknown>): Promise<void> => {
    try {
      await write();
    } catch (error) {
      log.error({ error: String(error) }, "the mark of what was heard could not be stored");
    }
  };
  return {
    touch() {
      if (waiting || options.heardAtMs() === undefined) return;
      waiting = true;
      void clock.wait(markEveryMs, options.stopping).then(() => {
        waiting = false;
        const heardAtMs = options.heardAtMs();
        if (heardAtMs === undefined || !options.isSettled()) return;
        gaps.heard(storedUntil(heardAtMs));
        void guarded(() => gaps.flush());
      });
    },
    close: (heardAtMs, unsettled) =>
      guarded(async () => {
        const untilMs = storedUntil(heardAtMs);
        // those that were never reached keep their own start, then the rest moves on
        await Promise.all(unsettled.map((chat) => gaps.pin(chat)));
        gaps.heard(untilMs);
        await gaps.flush();
      }),
  };
}
