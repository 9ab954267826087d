/**
 * Who is writing (https://ircv3.net/specs/client-tags/typing), both ways: what is heard is thinned out and ends by itself, what we
 * tell is thinned out too, and stands for all people of Matrix together, for they type through one connection. Nothing of it
 * is kept, confirmed or waited for.
 */
import { type ChatKey, type Clock, chatKeyText, type RemoteAction, type UserId } from "@trestle/core";

/** "active" is repeated no sooner than that, and is over when it is not repeated for so long. */
const everyMs = 3_000;
const activeMs = 6_000;
/** People who type at one time, as far as we follow. */
const typistsMax = 500;

export interface HeardTyping {
  /** An action of kind `typing`, as it came. */
  hear(event: RemoteAction): void;
  /** Whoever has said something, or is gone, does not type any more. */
  ended(chat: ChatKey, user: string): void;
  stop(): void;
}

interface Typist {
  readonly event: RemoteAction;
  toldAtMs: number;
  untilMs: number;
}

/** Builds the hearing of one connection; `tell` gets what the core should know, under a key of its own. */
export function createHeardTyping(options: {
  readonly clock: Clock;
  readonly newKey: () => string;
  readonly tell: (event: RemoteAction) => void;
}): HeardTyping {
  const { clock, newKey, tell } = options;
  const typists = new Map<string, Typist>();
  const stopped = new AbortController();
  let watching = false;
  const keyOf = (chat: ChatKey, user: string): string => `${chatKeyText(chat)} ${user}`;

  const end = (key: string): void => {
    const typist = typists.get(key);
    if (typist === undefined) return;
    typists.delete(key);
    tell({ ...typist.event, key: newKey(), sentAtMs: clock.now(), action: { kind: "typing", active: false } });
  };
  const watch = async (): Promise<void> => {
    if (watching) return;
    watching = true;
    while (typists.size > 0) {
      const nextMs = Math.min(...[...typists.values()].map(({ untilMs }) => untilMs));
      await clock.wait(Math.max(1, nextMs - clock.now()), stopped.signal);
      if (stopped.signal.aborted) return;
      for (const [key, { untilMs }] of typists) if (untilMs <= clock.now()) end(key);
    }
    watching = false;
  };

  return {
    hear(event) {
      if (event.action.kind !== "typing") return;
      const key = keyOf(event.chat, event.sender.id);
      if (!event.action.active) {
        end(key);
        return;
      }
      const now = clock.now();
      const known = typists.get(key);
      if (known === undefined && typists.size >= typistsMax) return;
      const isNews = known === undefined || now - known.toldAtMs >= everyMs;
      typists.set(key, { event, toldAtMs: isNews ? now : known.toldAtMs, untilMs: now + activeMs });
      if (isNews) tell(event);
      void watch();
    },
    ended: (chat, user) => end(keyOf(chat, user)),
    stop() {
      stopped.abort();
      for (const key of [...typists.keys()]) end(key);
    },
  };
}

export interface ToldTyping {
  /** Says it by `write`, unless it was said lately or need not be; `write` is false when there was no room. */
  tell(chat: ChatKey, user: UserId, active: boolean, write: (state: "active" | "done") => boolean): void;
  forget(chat: ChatKey): void;
}

/** Builds the telling of all chats. */
export function createToldTyping(nowMs: () => number): ToldTyping {
  const chats = new Map<string, { readonly untilByUser: Map<UserId, number>; activeAtMs: number | undefined }>();
  return {
    tell(chat, user, active, write) {
      const now = nowMs();
      const key = chatKeyText(chat);
      const state = chats.get(key) ?? { untilByUser: new Map(), activeAtMs: undefined };
      for (const [other, untilMs] of state.untilByUser) if (untilMs <= now) state.untilByUser.delete(other);
      if (active) state.untilByUser.set(user, now + activeMs);
      else state.untilByUser.delete(user);
      chats.set(key, state);
      if (active) {
        const isDue = state.activeAtMs === undefined || now - state.activeAtMs >= everyMs;
        if (isDue && write("active")) state.activeAtMs = now;
        return;
      }
      if (state.untilByUser.size > 0) return;
      chats.delete(key);
      if (state.activeAtMs !== undefined && now - state.activeAtMs < activeMs) write("done");
    },
    forget: (chat) => void chats.delete(chatKeyText(chat)),
  };
}
