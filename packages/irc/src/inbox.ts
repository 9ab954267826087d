/**
 * The way of what was heard into the core: in order, without ever keeping the reader waiting, within a bound. It counts what
 * is handed over and not yet durable, holds a chat's lines back while its past is being fetched, and says when the core cannot
 * keep up. It knows neither lines nor sockets.
 */
import { type ChatKey, type Clock, chatKeyText, type RemoteEvent } from "@trestle/core";

export const unstoredMax = 10_000;
export const pauseMsMax = 5_000;
/** Nothing became durable for so long: the disk hangs. */
const stuckMs = 30_000;
const cannotStore = "the bridge cannot store what it hears";

export interface InboxOptions {
  readonly clock: Clock;
  readonly emit: (event: RemoteEvent) => Promise<void>;
  /** Reading should stop, or go on. */
  readonly onPause: (paused: boolean) => void;
  /** Waiting did not help, or storing failed: give the connection up. */
  readonly onOverload: (reason: string) => void;
  /** Something became durable. */
  readonly onStored: () => void;
}

export interface Inbox {
  /** Hands the event over, or keeps it behind its chat's past. */
  push(event: RemoteEvent, heardAtMs: number, chat?: ChatKey): void;
  /** Past any hold: what was fetched itself. Resolves once durable; never rejects. */
  pushNow(event: RemoteEvent, heardAtMs: number): Promise<boolean>;
  /** Each hold needs its release. */
  hold(chat: ChatKey): void;
  release(chat: ChatKey): void;
  /** Ids of what is held for this chat. */
  heldKeys(chat: ChatKey): ReadonlySet<string>;
  /** When the oldest was heard that is not durable yet, or never will be. */
  oldestAtMs(): number | undefined;
  /** What could not be stored has been accounted for as missed. */
  forgetLost(): void;
  unstored(): number;
}

interface Held {
  readonly event: RemoteEvent;
  readonly heardAtMs: number;
}

/** Builds the inbox of one network. */
export function createInbox(options: InboxOptions): Inbox {
  const { clock } = options;
  // in order of being handed over
  const open = new Set<{ readonly heardAtMs: number }>();
  const holds = new Map<string, { count: number; events: Held[] }>();
  let heldCount = 0;
  let lostAtMs: number | undefined;

  const unstored = (): number => open.size + heldCount;
  const brake = createBrake(options, unstored);
  const judge = (): void => {
    brake.judge();
    const [oldest] = open;
    if (oldest !== undefined && clock.now() - oldest.heardAtMs > stuckMs) options.onOverload(cannotStore);
  };

  const pushNow = async (event: RemoteEvent, heardAtMs: number): Promise<boolean> => {
    const entry = { heardAtMs };
    open.add(entry);
    judge();
    try {
      await options.emit(event);
      return true;
    } catch (error) {
      lostAtMs = Math.min(lostAtMs ?? heardAtMs, heardAtMs);
      options.onOverload(`storing failed (${error instanceof Error ? error.message : String(error)})`);
      return false;
    } finally {
      open.delete(entry);
      judge();
      options.onStored();
    }
  };

  return {
    pushNow,
    push(event, heardAtMs, chat) {
      const held = chat === undefined ? undefined : holds.get(chatKeyText(chat));
      if (held === undefined) {
        void pushNow(event, heardAtMs);
        return;
      }
      held.events.push({ event, heardAtMs });
      heldCount += 1;
      judge();
    },
    hold(chat) {
      const text = chatKeyText(chat);
      const held = holds.get(text);
      if (held === undefined) holds.set(text, { count: 1, events: [] });
      else held.count += 1;
    },
    release(chat) {
      const text = chatKeyText(chat);
      const held = holds.get(text);
      if (held === undefined) return;
      held.count -= 1;
      if (held.count > 0) return;
      holds.delete(text);
      heldCount -= held.events.length;
      for (const { event, heardAtMs } of held.events) void pushNow(event, heardAtMs);
    },
    heldKeys: (chat) =>
      new Set((holds.get(chatKeyText(chat))?.events ?? []).map(({ event }) => ("key" in event ? event.key : ""))),
    oldestAtMs() {
      let oldest = lostAtMs;
      const [first] = open;
      if (first !== undefined && (oldest === undefined || first.heardAtMs < oldest)) oldest = first.heardAtMs;
      for (const {
        events: [held],
      } of holds.values()) {
        if (held !== undefined && (oldest === undefined || held.heardAtMs < oldest)) oldest = held.heardAtMs;
      }
      return oldest;
    },
    forgetLost() {
      lostAtMs = undefined;
    },
    unstored,
  };
}

/** Stops the reading while too much is not durable, and gives the connection up where that does not help. */
function createBrake({ clock, onOverload, onPause }: InboxOptions, unstored: () => number): { judge(): void } {
  let paused = false;
  let watching = false;

  const resume = (): void => {
    paused = false;
    onPause(false);
  };
  const watch = async (): Promise<void> => {
    if (watching) return;
    watching = true;
    const sinceMs = clock.now();
    while (paused) {
      await clock.wait(Math.min(100, pauseMsMax));
      if (!paused) break;
      if (clock.now() - sinceMs >= pauseMsMax) {
        onOverload(cannotStore);
        resume();
      }
    }
    watching = false;
  };

  return {
    judge() {
      if (!paused && unstored() >= unstoredMax) {
        paused = true;
        onPause(true);
        void watch();
      } else if (paused && unstored() < unstoredMax / 2) resume();
    },
  };
}
