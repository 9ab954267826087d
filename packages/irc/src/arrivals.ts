/**
 * Coming into a followed channel, first or again, and going out of it: at an arrival its live lines wait until its past is settled. The past is fetched from the
 * server's history where it has one (our own unconfirmed lines are recognised in it), and what cannot be had is written
 * down and announced as a gap. Arrivals of one chat are settled one after the other. It knows no wire.
 */
import type { ChatKey, Clock, Log, NetworkId, RemoteEvent } from "@trestle/core";
import type { ChannelState } from "./channel-state.ts";
import type { ChatHistory } from "./chathistory.ts";
import type { Gaps } from "./gaps.ts";
import type { Inbox } from "./inbox.ts";
import { type IrcMessage, lastParam, serverTimeMs } from "./message.ts";
import type { OwnLines } from "./own-lines.ts";
import type { Session } from "./session.ts";

export interface ArrivalsOptions {
  readonly network: NetworkId;
  readonly clock: Clock;
  readonly log: Log;
  readonly channels: ChannelState;
  readonly inbox: Inbox;
  readonly gaps: Gaps;
  readonly ownLines: OwnLines;
  /** Of the present connection, where the server keeps history. */
  readonly history: () => ChatHistory | undefined;
  readonly session: () => Session | undefined;
  /** How far the server's clock is ahead of ours. */
  readonly clockOffsetMs: () => number;
  readonly lateEventOf: (message: IrcMessage) => RemoteEvent | undefined;
  readonly isOwn: (nick: string) => boolean;
  /** We are in and its past is settled, or it is left to a later arrival. */
  readonly onArrived: (chat: ChatKey, isIn: boolean) => void;
}

export interface Arrivals {
  arrive(chat: ChatKey, session: Session): void;
  /** Kicked, made to leave, or refused at the door: told in the room the first time. */
  depart(chat: ChatKey, reason: string): void;
  isArriving(chat: string): boolean;
  /** What kept us from speaking may be over: as if we had just come in, if we are in. */
  retell(chat: ChatKey | undefined): void;
  isSettled(): boolean;
  whenSettled(chat: string): Promise<void>;
  /** Reads the history for our own lines since then (our clock), unless that was done; from when on by the server's clock. */
  findOwnLines(chat: string, sinceMs: number): Promise<number>;
}

/** Fetched a little further back than needed: clocks differ, and what is known already is recognised by its id. */
const historyOverlapMs = 5_000;

/** Builds the arrivals of one network. */
export function createArrivals(options: ArrivalsOptions): Arrivals {
  const { channels, clock, gaps, inbox, log, network, ownLines } = options;
  const arriving = new Map<string, Promise<void>>();

  const keepOwn = (chat: string, fromServerMs: number, lines: readonly IrcMessage[]): void => {
    const own = lines.filter(({ nick }) => options.isOwn(nick));
    ownLines.found(
      chat,
      fromServerMs,
      own.flatMap((line) => toOwnLine(line, clock.now())),
    );
  };

  /** What was missed, as far as the server still has it; since when it is lost for good otherwise. */
  const catchUp = async (
    chat: ChatKey,
    missedSinceMs: number | undefined,
  ): Promise<{ lostFromMs?: number; stored: boolean }> => {
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
  };

  const settle = async (chat: ChatKey, session: Session, joinedAtMs: number): Promise<void> => {
    const { lostFromMs, stored } = await catchUp(chat, gaps.missedSince(chat.id));
    // gone again in between: the next arrival covers this time too
    if (!stored || options.session() !== session || !channels.isJoined(chat.id)) return;
    const out = gaps.outOf(chat.id);
    const missed = await gaps.returned(chat.id, joinedAtMs, lostFromMs);
    if (out !== undefined) {
      const key = `back/${network}/${chat.id}/${out.sinceMs}`;
      void inbox.pushNow({ kind: "presence-in-chat", key, chat, state: "back" }, joinedAtMs);
    }
    for (const gap of missed) {
      void inbox.pushNow({ kind: "gap", chat, ...gap }, joinedAtMs).then((done) => {
        if (done) gaps.announced(chat.id, [gap]);
      });
    }
  };

  return {
    arrive(chat, session) {
      const joinedAtMs = clock.now();
      inbox.hold(chat);
      const before = arriving.get(chat.id) ?? Promise.resolve();
      const arrival: Promise<void> = before
        .then(() => settle(chat, session, joinedAtMs))
        .catch((error: unknown) => {
          log.error({ error: String(error) }, "the return to a channel could not be recorded");
          const detail = "the bridge cannot store its marks";
          session.close({ kind: "storage", detail }, "The bridge cannot store messages");
        })
        .finally(() => {
          if (arriving.get(chat.id) === arrival) arriving.delete(chat.id);
          inbox.release(chat);
          options.onArrived(chat, options.session() === session && channels.isJoined(chat.id));
        });
      arriving.set(chat.id, arrival);
    },
    depart(chat, reason) {
      const now = clock.now();
      // a kick: out since now; a refusal after a reconnect: out since the network was lost
      const wasHeard = channels.isJoined(chat.id) && !arriving.has(chat.id);
      const sinceMs = wasHeard ? now : (gaps.missedSince(chat.id) ?? now);
      gaps.wentOut(chat.id, sinceMs, reason).then(
        (first) => {
          if (!first) return;
          const key = `out/${network}/${chat.id}/${sinceMs}`;
          inbox.push({ kind: "presence-in-chat", key, chat, state: "out", reason }, now, chat);
        },
        (error: unknown) => log.error({ error: String(error) }, "a mark could not be stored"),
      );
    },
    isArriving: (chat) => arriving.has(chat),
    retell(chat) {
      if (chat !== undefined && channels.isJoined(chat.id) && !arriving.has(chat.id)) options.onArrived(chat, true);
    },
    isSettled: () => arriving.size === 0,
    whenSettled: async (chat) => arriving.get(chat),
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
