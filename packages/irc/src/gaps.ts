/**
 * Until when each chat was surely heard, kept so that it survives kill -9, and the windows that follow from it: what was said
 * between then and our return is lost to us and is announced once. It knows no connection and no room; arrivals.ts tells
 * it what happened and emits what it hands out.
 *
 * One key per network says until when everything that its server said was stored (`heard`); one per chat says what differs
 * from that: since when we are out of it, when we came back, a window not yet known to be announced. A chat's window starts
 * at the later of the two, or where we went out. Before a window is announced it is written down with its key, and the key is
 * made of its start: a crash in between repeats the same announcement, which the journal knows by that key.
 */
import type { KeyValueStore, Log, NetworkId } from "@trestle/core";

export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
  readonly key: string;
}

interface ChatMark {
  /** Heard from then on (our last coming in); absent while we never were in. */
  readonly heardMs?: number;
  /** Out since then, and why: kicked, banned, refused. */
  readonly outMs?: number;
  readonly outReason?: string;
  /** Windows written down and perhaps not announced. */
  readonly gaps?: readonly Gap[];
}

export interface Gaps {
  load(): Promise<void>;
  casemapping(): string | undefined;
  setCasemapping(name: string): void;
  /** Since when the chat has not been heard; undefined for one that we never were in. */
  missedSince(chat: string): number | undefined;
  /** We are in the chat again and what it said is lost from `missedSince` (or from `lostFromMs`) on: the windows to announce. */
  returned(chat: string, nowMs: number, lostFromMs: number | undefined): Promise<readonly Gap[]>;
  /** These are durable now. */
  announced(chat: string, gaps: readonly Gap[]): void;
  /** Out of it while the network is up. True the first time: the room should be told. */
  wentOut(chat: string, atMs: number, reason: string): Promise<boolean>;
  /** Its window starts where it starts now, whatever the network hears from here on. */
  pin(chat: string): Promise<void>;
  /** Since when and why we are out of it while the network is up. */
  outOf(chat: string): { readonly sinceMs: number; readonly reason: string } | undefined;
  forget(chat: string): void;
  /** Everything said on this network up to then is stored. Written at most once per window of time; `flush` writes now. */
  heard(atMs: number): void;
  flush(): Promise<void>;
}

export interface GapsOptions {
  readonly network: NetworkId;
  readonly kv: KeyValueStore;
  readonly log: Log;
}

/** Builds the book of one network; `load` before anything else. */
export function createGaps({ network, kv, log }: GapsOptions): Gaps {
  const prefix = `irc/${network}/`;
  const chats = new Map<string, ChatMark>();
  const heard = createTimeMark(kv, `${prefix}heard`);
  let casemapping: string | undefined;

  const put = async (chat: string, mark: ChatMark): Promise<void> => {
    chats.set(chat, mark);
    await kv.put(`${prefix}chat/${chat}`, JSON.stringify(mark));
  };
  const putQuietly = (promise: Promise<void>): void => {
    promise.catch((error: unknown) => log.error({ network, error: String(error) }, "a mark could not be stored"));
  };
  const missedSince = (chat: string): number | undefined => {
    const mark = chats.get(chat);
    return mark?.heardMs === undefined ? undefined : (mark.outMs ?? Math.max(mark.heardMs, heard.atMs()));
  };

  return {
    async load() {
      for (const { key, value } of await kv.list(prefix)) {
        const name = key.slice(prefix.length);
        if (name === "heard") heard.loaded(Number(value) || 0);
        else if (name === "casemapping") casemapping = value;
        else if (name.startsWith("chat/")) {
          const mark = readMark(value);
          if (mark !== undefined) chats.set(name.slice(5), mark);
        }
      }
    },
    casemapping: () => casemapping,
    setCasemapping(name) {
      if (name === casemapping) return;
      casemapping = name;
      putQuietly(kv.put(`${prefix}casemapping`, name));
    },
    missedSince,
    async returned(chat, nowMs, lostFromMs) {
      const known = chats.get(chat)?.gaps ?? [];
      const gap =
        lostFromMs === undefined || lostFromMs >= nowMs
          ? []
          : [{ fromMs: lostFromMs, toMs: nowMs, key: `gap/${network}/${chat}/${lostFromMs}` }];
      const gaps = [...known, ...gap];
      await put(chat, { heardMs: nowMs, ...(gaps.length === 0 ? {} : { gaps }) });
      return gaps;
    },
    announced(chat, gaps) {
      const mark = chats.get(chat);
      if (mark?.gaps === undefined) return;
      const rest = mark.gaps.filter((gap) => !gaps.some((other) => other.key === gap.key));
      const { gaps: _, ...others } = mark;
      putQuietly(put(chat, rest.length === 0 ? others : { ...others, gaps: rest }));
    },
    async wentOut(chat, atMs, reason) {
      const mark = chats.get(chat);
      const first = mark?.outReason === undefined;
      await put(chat, { ...mark, outMs: mark?.outMs ?? atMs, outReason: reason });
      return first;
    },
    async pin(chat) {
      const outMs = missedSince(chat);
      const mark = chats.get(chat);
      if (outMs !== undefined && mark !== undefined && mark.outMs === undefined) await put(chat, { ...mark, outMs });
    },
    outOf(chat) {
      const mark = chats.get(chat);
      if (mark?.outMs === undefined || mark.outReason === undefined) return undefined;
      return { sinceMs: mark.outMs, reason: mark.outReason };
    },
    forget(chat) {
      chats.delete(chat);
      putQuietly(kv.remove(`${prefix}chat/${chat}`));
    },
    heard: heard.raise,
    flush: heard.flush,
  };
}

/** A time that only moves on, under one key. */
function createTimeMark(kv: KeyValueStore, key: string) {
  let atMs = 0;
  let writtenMs = 0;
  let writing: Promise<void> | undefined;
  return {
    atMs: () => atMs,
    loaded(storedMs: number): void {
      atMs = storedMs;
      writtenMs = storedMs;
    },
    raise(toMs: number): void {
      if (toMs > atMs) atMs = toMs;
    },
    async flush(): Promise<void> {
      // one write at a time: a slow disk is not given a queue of marks
      if (writing !== undefined) return writing;
      if (atMs <= writtenMs) return;
      const value = atMs;
      writing = kv.put(key, String(value)).then(
        () => {
          writtenMs = value;
          writing = undefined;
        },
        (error: unknown) => {
          writing = undefined;
          throw error;
        },
      );
      return writing;
    },
  };
}

function readMark(text: string): ChatMark | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as ChatMark) : undefined;
  } catch {
    return undefined;
  }
}
