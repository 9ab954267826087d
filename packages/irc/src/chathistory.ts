/**
 * What was said while we were away, from servers that keep it (https://ircv3.net/specs/extensions/chathistory): pages through
 * CHATHISTORY AFTER, a few channels at a time, each page with a time limit. It hands out lines; what they mean and whether
 * they are known already is not its business. Playback that nobody asked for is swallowed.
 */
import type { Clock } from "@trestle/core";
import { type IrcMessage, param } from "./message.ts";

export interface ChatHistoryOptions {
  readonly clock: Clock;
  readonly fold: (name: string) => string;
  readonly send: (command: string, params: readonly string[]) => void;
  readonly linesMax: number;
}

export interface ChatHistory {
  /** Takes the batches of history. True: the line is no live line. */
  take(message: IrcMessage): boolean;
  /** All lines of a channel after this time of the server's clock, oldest first; `complete` when nothing is missing up to now. */
  fetch(
    channel: string,
    afterServerMs: number,
  ): Promise<{ readonly lines: readonly IrcMessage[]; readonly complete: boolean }>;
  /** The connection is gone: what is under way ends incomplete. */
  stop(): void;
}

interface Page {
  readonly channel: string;
  readonly lines: IrcMessage[];
  readonly resolve: (lines: readonly IrcMessage[] | undefined) => void;
}

const pageLines = 100;
const pageTimeoutMs = 30_000;
const atOnceMax = 4;

/** Builds the reader of one connection. */
export function createChatHistory(options: ChatHistoryOptions): ChatHistory {
  const { clock, fold, send } = options;
  const stopped = new AbortController();
  // by folded channel: one page is under way per channel
  const pages = new Map<string, Page>();
  const batches = new Map<string, Page | undefined>();
  const latest = new Map<string, Promise<unknown>>();
  const limit = createLimit(atOnceMax);

  const askPage = async (channel: string, reference: string): Promise<readonly IrcMessage[] | undefined> => {
    const answered = new AbortController();
    const page = await new Promise<readonly IrcMessage[] | undefined>((resolve) => {
      pages.set(fold(channel), { channel, lines: [], resolve });
      send("CHATHISTORY", ["AFTER", channel, reference, String(pageLines)]);
      void clock.wait(pageTimeoutMs, AbortSignal.any([answered.signal, stopped.signal])).then(() => resolve(undefined));
    });
    answered.abort();
    pages.delete(fold(channel));
    return page;
  };

  const fetchAll = async (channel: string, afterServerMs: number) => {
    const lines: IrcMessage[] = [];
    let reference = `timestamp=${new Date(Math.max(0, afterServerMs)).toISOString()}`;
    while (!stopped.signal.aborted && lines.length < options.linesMax) {
      const page = await askPage(channel, reference);
      if (page === undefined) return { lines, complete: false };
      lines.push(...page);
      const next = referenceAfter(page);
      // an empty page is the end; a page without a way on, or the same again, must not be asked for for ever
      if (page.length === 0) return { lines, complete: true };
      if (next === undefined || next === reference) return { lines, complete: false };
      reference = next;
    }
    return { lines, complete: false };
  };

  return {
    take(message) {
      const batchId = message.tags["batch"];
      if (message.command === "BATCH") {
        const id = param(message, 0);
        if (id.startsWith("+") && /^(?:draft\/)?chathistory$|playback/i.test(param(message, 1))) {
          batches.set(id.slice(1), pages.get(fold(param(message, 2))));
          return true;
        }
        if (!id.startsWith("-") || !batches.has(id.slice(1))) return false;
        const page = batches.get(id.slice(1));
        batches.delete(id.slice(1));
        page?.resolve(page.lines);
        return true;
      }
      if (batchId !== undefined && batches.has(batchId)) {
        const page = batches.get(batchId);
        if (page !== undefined && page.lines.length < pageLines * 10) page.lines.push(message);
        return true;
      }
      if (message.command === "FAIL" && param(message, 0) === "CHATHISTORY") {
        const named = message.params.slice(2).find((word) => pages.has(fold(word)));
        const page = named === undefined ? [...pages.values()][0] : pages.get(fold(named));
        page?.resolve(undefined);
        return true;
      }
      return false;
    },
    fetch(channel, afterServerMs) {
      // an answer names its channel only: one question at a time for each
      const name = fold(channel);
      const fetched = (latest.get(name) ?? Promise.resolve()).then(() =>
        limit.run(() => fetchAll(channel, afterServerMs)),
      );
      const over: Promise<unknown> = fetched
        .catch(() => undefined)
        .then(() => {
          if (latest.get(name) === over) latest.delete(name);
        });
      latest.set(name, over);
      return fetched;
    },
    stop() {
      stopped.abort();
      for (const page of pages.values()) page.resolve(undefined);
      limit.stop();
    },
  };
}

/** So many at once; the others wait for their turn, or until all may go. */
function createLimit(max: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return {
    async run<T>(work: () => Promise<T>): Promise<T> {
      if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
        waiting.shift()?.();
      }
    },
    stop(): void {
      for (const go of waiting.splice(0)) go();
    },
  };
}

function referenceAfter(page: readonly IrcMessage[]): string | undefined {
  const last = page.at(-1);
  if (last === undefined) return undefined;
  const { msgid, time } = last.tags;
  if (msgid !== undefined && /^[^\s:][^\s]*$/.test(msgid)) return `msgid=${msgid}`;
  return time === undefined ? undefined : `timestamp=${time}`;
}
