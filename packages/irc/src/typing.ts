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

type Write = (state: "active" | "done") => boolean;

export interface ToldTyping {
  /**
   * Says it by `write` and repeats it for as long as somebody types: Matrix tells only that one begins and ends. What there is no
   * room for (`write` is false) is tried again with the next repetition.
   */
  tell(chat: ChatKey, user: UserId, active: boolean, write: Write): void;
  forget(chat: ChatKey): void;
  stop(): void;
}

interface ToldChat {
  readonly untilByUser: Map<UserId, number>;
  readonly ended: AbortController;
  activeAtMs: number;
}

/** An end that was never told comes by itself. */
const typesMsMax = 60_000;

/** Builds the telling of all chats. */
export function createToldTyping(clock: Clock): ToldTyping {
  const chats = new Map<string, ToldChat>();
  const repeat = async (key: string, chat: ToldChat, write: Write): Promise<void> => {
    while (!chat.ended.signal.aborted) {
      const now = clock.now();
      for (const [user, untilMs] of chat.untilByUser) if (untilMs <= now) chat.untilByUser.delete(user);
      if (chat.untilByUser.size === 0) {
        end(key);
        return;
      }
      if (now - chat.activeAtMs >= everyMs && write("active")) chat.activeAtMs = now;
      await clock.wait(everyMs, chat.ended.signal);
    }
  };
  const end = (key: string): void => {
    chats.get(key)?.ended.abort();
    chats.delete(key);
  };

  return {
    tell(chat, user, active, write) {
      const key = chatKeyText(chat);
      const known = chats.get(key);
      if (active) {
        const current = known ?? {
          untilByUser: new Map(),
          ended: new AbortController(),
          activeAtMs: Number.NEGATIVE_INFINITY,
        };
        current.untilByUser.set(user, clock.now() + typesMsMax);
        chats.set(key, current);
        if (known === undefined) void repeat(key, current, write);
        return;
      }
      if (known?.untilByUser.delete(user) !== true || known.untilByUser.size > 0) return;
      end(key);
      if (clock.now() - known.activeAtMs < activeMs) write("done");
    },
    forget: (chat) => end(chatKeyText(chat)),
    stop() {
      for (const key of [...chats.keys()]) end(key);
    },
  };
}
