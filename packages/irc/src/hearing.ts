/**
 * What is done with the lines of a ready connection: which become events for the core, in which order, and what our own coming
 * and going in channels means. At each arrival the chat's live lines wait until its past is settled: fetched from the server's
 * history where it has one, else written down and announced as a gap. It never waits for anything itself.
 */
import type { ChatKey, ConnectorHost, Log, NetworkId } from "@trestle/core";
import { type Arrivals, createArrivals } from "./arrivals.ts";
import { createChannelLines } from "./channel-lines.ts";
import type { ChannelState } from "./channel-state.ts";
import type { IrcNetworkConfig } from "./config.ts";
import type { EntryWaits } from "./entry-waits.ts";
import type { Gaps } from "./gaps.ts";
import type { CaseMapping } from "./ids.ts";
import type { Inbox } from "./inbox.ts";
import type { Joins } from "./joins.ts";
import { createLineEvents, type Interpret, type Relayed } from "./line-events.ts";
import { type IrcMessage, param, serverTimeMs } from "./message.ts";
import type { OwnLines } from "./own-lines.ts";
import { defaultServerOptions } from "./profiles.ts";
import type { Session } from "./session.ts";
import { createSessionParts, type SessionParts, sourcesOf } from "./session-parts.ts";
import type { Topics } from "./topics.ts";

export interface HearingOptions {
  readonly network: NetworkId;
  readonly host: ConnectorHost;
  readonly log: Log;
  readonly config: IrcNetworkConfig;
  readonly channels: ChannelState;
  readonly joins: Joins;
  readonly inbox: Inbox;
  readonly gaps: Gaps;
  readonly topics: Topics;
  readonly ownLines: OwnLines;
  readonly entries: EntryWaits;
  readonly ulid: (nowMs: number) => string;
  readonly fold: (name: string) => string;
  readonly mapping: () => CaseMapping;
  readonly interpret: Interpret;
  readonly relayed: Relayed;
}

export interface Hearing {
  begin(session: Session): void;
  end(): void;
  take(message: IrcMessage, own: boolean, answered: boolean): void;
  follow(chat: ChatKey): void;
  unfollow(chat: ChatKey): void;
  /** A followed channel went out, or could not be entered. */
  wentOut(channel: string, reason: string): void;
  /** The server says that a followed channel can never be entered. */
  isGone(channel: string, reason: string): void;
  /** No arrival is under way. */
  isSettled(): boolean;
  /** Resolves once this chat's past is known; what was sent there unconfirmed is known then too. */
  whenSettled(chat: ChatKey): Promise<void>;
  /** Knows our own lines in this chat since then, where the server keeps them; from when on by the server's clock. */
  findOwnLines(chat: ChatKey, sinceMs: number): Promise<number>;
  /** Chats that are followed and whose past is not settled. */
  unsettledChats(): readonly string[];
  /** `nick!ident@host` of ourselves, as the server shows it. */
  ownSource(): string | undefined;
}

/** The end of every nick that names.ts makes for RELAYMSG. */
const ownRelaySuffix = "/m";

/** Builds the hearing of one network; it lives across its sessions. */
export function createHearing(options: HearingOptions): Hearing {
  const { channels, config, fold, host, joins } = options;
  const { clock } = host;
  const chats = new Map<string, ChatKey>();
  let present: SessionParts | undefined;
  // these of a session are still asked for between it and the next
  let source: string | undefined;
  let clockOffsetMs = 0;
  let relays = false;

  const chatOf = (channel: string): ChatKey | undefined => chats.get(fold(channel));
  const ownNick = (): string => present?.session.nick() ?? config.nick;
  const isOurs = (nick: string): boolean => fold(nick) === fold(ownNick());
  // what we have the server relay for us stands in its history under names of our own kind, without saying who relayed it
  const isOwnName = (nick: string): boolean => isOurs(nick) || (relays && nick.endsWith(ownRelaySuffix));
  const eventOf = createLineEvents({
    ...options,
    clock,
    chatOf,
    ownNick,
    serverOptions: () => present?.session.options() ?? defaultServerOptions,
    sources: () => sourcesOf(present?.session),
  });
  const arrivals = createArrivals({
    ...options,
    clock,
    history: () => present?.history,
    session: () => present?.session,
    clockOffsetMs: () => clockOffsetMs,
    lateEventOf: (message) => eventOf(message, true)?.event,
    isOwn: isOwnName,
    onArrived: (chat, isIn) => tellArrived(options, chat, isIn),
  });
  const reading = { ...options, clock, chatOf, eventOf, isOurs };
  const lines = createChannelLines({ ...reading, arrivals, isOwnName, present: () => present });
  const note = (message: IrcMessage): void => noteIn(channels, present?.session, message);

  return {
    begin(opened) {
      source = undefined;
      clockOffsetMs = 0;
      relays = opened.has("draft/relaymsg") || opened.has("overdrivenetworks.com/relaymsg");
      present = createSessionParts(reading, opened);
      refold(chats, fold);
    },
    end() {
      present?.stop();
      present = undefined;
    },
    take(message, own, answered) {
      const now = clock.now();
      const saidAtMs = message.tags["batch"] === undefined ? serverTimeMs(message, now) : undefined;
      if (saidAtMs !== undefined) clockOffsetMs = saidAtMs - now;
      if (present?.history?.take(message) === true) return;
      // what a line means is judged by who was there before it, except for our own coming
      if (own) {
        note(message);
        if (message.command === "JOIN" && message.ident !== "") source = message.prefix;
        lines.takeOwn(message);
        return;
      }
      if (!answered) {
        present?.before(message);
        lines.takeOther(message);
        joins.take(message);
        present?.nickKeeper.take(message);
      }
      note(message);
      present?.people.after(message);
      learnKey(options, message);
    },
    follow: (chat) => void chats.set(fold(chat.id), chat),
    unfollow: (chat) => void chats.delete(fold(chat.id)),
    wentOut: (channel, reason) => depart(options, arrivals, chatOf(channel), reason),
    isGone: (channel, reason) => tellGone(options, chatOf(channel), reason),
    isSettled: () => arrivals.isSettled(),
    whenSettled: (chat) => arrivals.whenSettled(chat.id),
    findOwnLines: (chat, sinceMs) => arrivals.findOwnLines(chat.id, sinceMs),
    unsettledChats: () =>
      [...chats.values()].map((chat) => chat.id).filter((id) => arrivals.isArriving(id) || !channels.isJoined(id)),
    ownSource: () => source,
  };
}

function noteIn(channels: ChannelState, session: Session | undefined, message: IrcMessage): void {
  channels.take(message, session?.nick() ?? "", session?.options() ?? defaultServerOptions, sourcesOf(session));
}

function tellGone({ host, inbox, ulid }: HearingOptions, chat: ChatKey | undefined, reason: string): void {
  const now = host.clock.now();
  if (chat !== undefined) inbox.push({ kind: "chat-gone", key: `:${ulid(now)}`, chat, reason }, now, chat);
}

function depart({ entries }: HearingOptions, arrivals: Arrivals, chat: ChatKey | undefined, reason: string): void {
  if (chat === undefined) return;
  arrivals.depart(chat, reason);
  entries.wake(chat.id);
}

/** Where we can speak in the chat, what waits for that may go. */
function tellArrived({ entries, host, log }: HearingOptions, chat: ChatKey, isIn: boolean): void {
  entries.wake(chat.id);
  if (!isIn) return;
  host
    .emit({ kind: "joined", chat })
    .catch((error: unknown) => log.warn({ error: String(error) }, "a coming into a channel was not taken"));
}

// a key that was set while we were in is needed to come back
function learnKey({ channels, joins }: HearingOptions, message: IrcMessage): void {
  if (message.command !== "MODE" && message.command !== "324") return;
  const name = param(message, message.command === "324" ? 1 : 0);
  const channel = channels.find(name);
  if (channel !== undefined) joins.learnKey(name, channel.key);
}

// CASEMAPPING may have become known since they were followed
function refold(chats: Map<string, ChatKey>, fold: (name: string) => string): void {
  const known = [...chats.values()];
  chats.clear();
  for (const chat of known) chats.set(fold(chat.id), chat);
}
