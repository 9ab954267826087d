/**
 * What waits a moment for a channel that is just being entered, so that it need not fail and be tried again. It knows channels by
 * name, and nothing of why they are entered.
 */
import type { Clock } from "@trestle/core";

/** A join that takes longer is a failure for those who wait. */
const waitMsMax = 2_000;

export interface EntryWaits {
  /** Resolves when the chat's lot is decided, and after two seconds at the latest. */
  wait(chat: string): Promise<void>;
  /** In, refused or no longer wanted. */
  wake(chat: string): void;
  wakeAll(): void;
}

/** Builds the waiting room of one network. */
export function createEntryWaits({ clock }: { clock: Clock }): EntryWaits {
  const waits = new Map<string, AbortController>();
  const wake = (chat: string): void => {
    waits.get(chat)?.abort();
    waits.delete(chat);
  };
  return {
    wait(chat) {
      const known = waits.get(chat) ?? new AbortController();
      waits.set(chat, known);
      return clock.wait(waitMsMax, known.signal);
    },
    wake,
    wakeAll() {
      for (const chat of [...waits.keys()]) wake(chat);
    },
  };
}
