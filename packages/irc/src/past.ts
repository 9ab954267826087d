/**
 * The past of a chat from the server's history, where it has one: what others said while we were away goes to the core unless it is
 * known already, and our own lines are written into the book of them, so that none is said twice.
 */
import type { ChatKey, Clock, RemoteEvent } from "@trestle/core";
import type { ChatHistory } from "./chathistory.ts";
import type { Inbox } from "./inbox.ts";
import { type IrcMessage, lastParam, serverTimeMs } from "./message.ts";
import type { OwnLines } from "./own-lines.ts";

export interface PastOptions {
  readonly clock: Clock;
  readonly inbox: Inbox;
  readonly ownLines: OwnLines;
  /** Of the present connection, where the server keeps history. */
  readonly history: () => ChatHistory | undefined;
  /** How far the server's clock is ahead of ours. */
  readonly clockOffsetMs: () => number;
  readonly lateEventOf: (message: IrcMessage) => RemoteEvent | undefined;
  readonly isOwn: (nick: string) => boolean;
}

export interface Past {
  /**
   * Fetches what was missed, as far as the server still has it: since when it is lost for good otherwise, and whether all that was
   * fetched is durable.
   */
  catchUp(
    chat: ChatKey,
    missedSinceMs: number | undefined,
  ): Promise<{ readonly lostFromMs?: number; readonly stored: boolean }>;
  /** Reads the history for our own lines since then (our clock), unless that was done; from when on by the server's clock. */
  findOwnLines(chat: string, sinceMs: number): Promise<number>;
}

/** Fetched a little further back than needed: clocks differ, and what is known already is recognised by its id. */
const historyOverlapMs = 5_000;

/** Builds the past of one network's chats. */
export function createPast(options: PastOptions): Past {
  const { clock, inbox, ownLines } = options;

  const keepOwn = (chat: string, fromServerMs: number, lines: readonly IrcMessage[]): void => {
    const own = lines.filter(({ nick }) => options.isOwn(nick));
    ownLines.found(
      chat,
      fromServerMs,
      own.flatMap((line) => toOwnLine(line, clock.now())),
    );
  };

  return {
    async catchUp(chat, missedSinceMs) {
      ownLines.arrived(chat.id);
      if (missedSinceMs === undefined) return { stored: true };
      const history = options.history();
      if (history === undefined) return { lostFromMs: missedSinceMs, stored: true };
      const offsetMs = options.clockOffsetMs();
      const fromServerMs = missedSinceMs + offsetMs - historyOverlapMs;
      const { lines, complete } = await history.fetch(chat.id, fromServerMs);
      keepOwn(chat.id, fromServerMs, lines);
      const held = inbox.heldKeys(chat);
      const storing: Promise<boolean>[] = [];
      let lastMs = missedSinceMs;
      for (const line of lines) {
        lastMs = Math.max(lastMs, (serverTimeMs(line, clock.now()) ?? 0) - offsetMs);
        const event = options.isOwn(line.nick) ? undefined : options.lateEventOf(line);
        if (event === undefined || !("key" in event) || held.has(event.key)) continue;
        storing.push(inbox.pushNow(event, missedSinceMs));
      }
      const stored = (await Promise.all(storing)).every((done) => done);
      return complete ? { stored } : { lostFromMs: lastMs, stored };
    },
    async findOwnLines(chat, sinceMs) {
      const fromServerMs = sinceMs + options.clockOffsetMs() - historyOverlapMs;
      const history = options.history();
      if (history === undefined || ownLines.covers(chat, fromServerMs)) return fromServerMs;
      const { lines } = await history.fetch(chat, fromServerMs);
      // of a connection that is gone: the next arrival begins anew
      if (options.history() === history) keepOwn(chat, fromServerMs, lines);
      return fromServerMs;
    },
  };
}

function toOwnLine(message: IrcMessage, nowMs: number) {
  const { command, nick, tags } = message;
  const id = tags["msgid"];
  const saidAtMs = serverTimeMs(message, nowMs) ?? nowMs;
  return id === undefined ? [] : [{ command, nick, text: lastParam(message), id, saidAtMs }];
}
