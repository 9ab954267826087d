/**
 * What is done with the lines of a ready connection: which become events for the core, in which order, and what our own coming
 * and going in channels means. At each arrival the chat's live lines wait until its past is settled: fetched from the server's
 * history where it has one, else written down and announced as a gap. It never waits for anything itself.
 */
import type { ChatKey, ConnectorHost, Log, NetworkId, RemoteEvent } from "@trestle/core";
import { type Arrivals, createArrivals } from "./arrivals.ts";
import type { AccountSources, ChannelState } from "./channel-state.ts";
import { type ChatHistory, createChatHistory } from "./chathistory.ts";
import type { IrcNetworkConfig } from "./config.ts";
import { type CtcpResponder, createCtcpResponder } from "./ctcp.ts";
import type { EntryWaits } from "./entry-waits.ts";
import { cleanReason } from "./failures.ts";
import type { Gaps } from "./gaps.ts";
import type { CaseMapping } from "./ids.ts";
import type { Inbox } from "./inbox.ts";
import type { Joins } from "./joins.ts";
import { createLineEvents, type Interpret, type Relayed } from "./line-events.ts";
import { type IrcMessage, isMarkedAsRelayed, lastParam, param, serverTimeMs } from "./message.ts";
import { createNickKeeper, type NickKeeper } from "./nick-keeper.ts";
import type { OwnLines } from "./own-lines.ts";
import { createPeople, type People, type PeopleOptions } from "./people.ts";
import { defaultServerOptions } from "./profiles.ts";
import type { Session } from "./session.ts";
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
  const { channels, fold, inbox, joins, topics } = options;
  const { clock } = options.host;
  const chats = new Map<string, ChatKey>();
  let session: Session | undefined;
  let history: ChatHistory | undefined;
  let ctcp: CtcpResponder = createCtcpResponder(clock, options.config.contact);
  let nickKeeper: NickKeeper | undefined;
  let people: People | undefined;
  let source: string | undefined;
  let clockOffsetMs = 0;
  let relays = false;
  const chatOf = (channel: string): ChatKey | undefined => chats.get(fold(channel));
  const eventOf = createLineEvents({
    ...options,
    clock,
    chatOf,
    ownNick: () => session?.nick() ?? options.config.nick,
    serverOptions: () => session?.options() ?? defaultServerOptions,
    sources: () => sourcesOf(session),
  });
  const isOurs = (nick: string): boolean => fold(nick) === fold(session?.nick() ?? options.config.nick);
  const arrivals = createArrivals({
    ...options,
    clock,
    history: () => history,
    session: () => session,
    clockOffsetMs: () => clockOffsetMs,
    lateEventOf: (message) => eventOf(message, true)?.event,
    isOwn: (nick) => isOwnName(nick),
    onArrived: (chat, isIn) => tellArrived(options, chat, isIn),
  });
  // what we have the server relay for us stands in its history under names of our own kind, without saying who relayed it
  const isOwnName = (nick: string): boolean => isOurs(nick) || (relays && nick.endsWith(ownRelaySuffix));

  const ownJoin = (message: IrcMessage): void => {
    const channel = param(message, 0);
    if (message.ident !== "") source = message.prefix;
    const chat = chatOf(channel);
    if (!joins.joined(channel) || chat === undefined || session === undefined) return;
    arrivals.arrive(chat, session);
    people?.arrived(chat);
  };

  const takeOwn = (message: IrcMessage): void => {
    if (message.command === "JOIN") ownJoin(message);
    if (message.command === "PART") joins.out(param(message, 0), partReason(message));
    const chat = message.command === "TOPIC" ? chatOf(param(message, 0)) : undefined;
    if (chat !== undefined) topics.know(chat, lastParam(message));
  };
  const tellTopic = (channel: string, topic: string, event?: RemoteEvent): void => {
    const chat = chatOf(channel);
    if (chat !== undefined) topics.tell(chat, topic, event);
  };

  const takeOther = (message: IrcMessage): void => {
    switch (message.command) {
      case "PRIVMSG":
      case "NOTICE":
      case "TAGMSG":
      case "REDACT":
      case "NICK":
      case "ACCOUNT": {
        // an echo of what was relayed for us, from a server that does not mark it
        if (!isMarkedAsRelayed(message) && isOwnName(message.nick)) return;
        const heard = eventOf(message, false);
        if (heard !== undefined && people?.heard(heard.event) !== true) {
          inbox.push(heard.event, clock.now(), heard.chat);
        }
        return;
      }
      case "TOPIC":
        tellTopic(param(message, 0), lastParam(message), eventOf(message, false)?.event);
        return;
      case "KICK":
        if (isOurs(param(message, 1))) joins.out(param(message, 0), kickReason(message));
        return;
      case "MODE":
        if (mayLiftSilence(message, isOurs)) arrivals.retell(chatOf(param(message, 0)));
        return;
      case "332":
        tellTopic(param(message, 1), lastParam(message));
        return;
      case "366":
        if (hasNoTopic(options, param(message, 1))) tellTopic(param(message, 1), "");
        return;
    }
  };

  const note = (message: IrcMessage): void => noteIn(channels, session, message);

  return {
    begin(opened) {
      session = opened;
      source = undefined;
      clockOffsetMs = 0;
      relays = opened.has("draft/relaymsg") || opened.has("overdrivenetworks.com/relaymsg");
      ctcp = createCtcpResponder(clock, options.config.contact);
      nickKeeper = keepNick(options, opened);
      people = watchPeople(options, { chatOf, eventOf, isOurs }, opened);
      refold(chats, fold);
      history = readHistory(options, opened);
    },
    end() {
      for (const part of [history, nickKeeper, people]) part?.stop();
      history = undefined;
      nickKeeper = undefined;
      people = undefined;
      session = undefined;
    },
    take(message, own, answered) {
      const now = clock.now();
      const saidAtMs = message.tags["batch"] === undefined ? serverTimeMs(message, now) : undefined;
      if (saidAtMs !== undefined) clockOffsetMs = saidAtMs - now;
      if (history?.take(message) === true) return;
      // what a line means is judged by who was there before it, except for our own coming
      if (own) {
        note(message);
        takeOwn(message);
        return;
      }
      if (!answered) {
        if (isQuery(message) && isOurs(param(message, 0))) answerQuery(message, ctcp, session);
        people?.before(message);
        takeOther(message);
        joins.take(message);
        nickKeeper?.take(message);
      }
      note(message);
      people?.after(message);
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

function sourcesOf(session: Session | undefined): AccountSources {
  return { tagged: session?.has("account-tag") === true, told: session?.has("account-notify") === true };
}

function noteIn(channels: ChannelState, session: Session | undefined, message: IrcMessage): void {
  channels.take(message, session?.nick() ?? "", session?.options() ?? defaultServerOptions, sourcesOf(session));
}

function tellGone({ host, inbox, ulid }: HearingOptions, chat: ChatKey | undefined, reason: string): void {
  const now = host.clock.now();
  if (chat !== undefined) inbox.push({ kind: "chat-gone", key: `:${ulid(now)}`, chat, reason }, now, chat);
}

function watchPeople(
  options: HearingOptions,
  reading: Pick<PeopleOptions, "chatOf" | "eventOf" | "isOurs">,
  session: Session,
): People {
  const { host, inbox, ulid } = options;
  const { clock } = host;
  return createPeople(
    {
      ...options,
      ...reading,
      sources: () => sourcesOf(session),
      push: (event, chat) => inbox.push(event, clock.now(), chat),
      newKey: () => `:${ulid(clock.now())}`,
    },
    session,
  );
}

function depart({ entries }: HearingOptions, arrivals: Arrivals, chat: ChatKey | undefined, reason: string): void {
  if (chat === undefined) return;
  arrivals.depart(chat, reason);
  entries.wake(chat.id);
}

const isQuery = (message: IrcMessage): boolean =>
  message.command === "PRIVMSG" && lastParam(message).startsWith("\x01");

function answerQuery(message: IrcMessage, ctcp: CtcpResponder, session: Session | undefined): void {
  const answer = ctcp.answer(lastParam(message));
  if (answer !== undefined) session?.send("NOTICE", [message.nick, answer]);
}

/** Where we can speak in the chat, what waits for that may go. */
function tellArrived({ entries, host, log }: HearingOptions, chat: ChatKey, isIn: boolean): void {
  entries.wake(chat.id);
  if (!isIn) return;
  host
    .emit({ kind: "joined", chat })
    .catch((error: unknown) => log.warn({ error: String(error) }, "a coming into a channel was not taken"));
}

// +m, a ban or the like was taken back, or we were given a voice; one time too many only means a try too many
function mayLiftSilence(message: IrcMessage, isOurs: (nick: string) => boolean): boolean {
  const modes = param(message, 1);
  return /-[A-Za-z]/.test(modes) || (modes.includes("+") && message.params.slice(2).some(isOurs));
}

function keepNick({ config, host, fold }: HearingOptions, session: Session): NickKeeper {
  return createNickKeeper({
    clock: host.clock,
    fold,
    wanted: config.nick,
    current: () => session.nick(),
    monitor: session.options().monitor,
    send: (command, params) => session.send(command, params),
  });
}

function readHistory({ config, host, fold }: HearingOptions, session: Session): ChatHistory | undefined {
  if (!session.has("draft/chathistory") || !session.has("batch") || config.historyLinesMax === 0) return undefined;
  return createChatHistory({
    clock: host.clock,
    fold,
    linesMax: config.historyLinesMax,
    send: (command, params) => session.send(command, params),
  });
}

// a key that was set while we were in is needed to come back
function learnKey({ channels, joins }: HearingOptions, message: IrcMessage): void {
  if (message.command !== "MODE" && message.command !== "324") return;
  const name = param(message, message.command === "324" ? 1 : 0);
  const channel = channels.find(name);
  if (channel !== undefined) joins.learnKey(name, channel.key);
}

function kickReason(message: IrcMessage): string {
  const reason = message.params.length > 2 ? ` (${cleanReason(lastParam(message))})` : "";
  return `kicked by ${cleanReason(message.nick)}${reason}`;
}

// CASEMAPPING may have become known since they were followed
function refold(chats: Map<string, ChatKey>, fold: (name: string) => string): void {
  const known = [...chats.values()];
  chats.clear();
  for (const chat of known) chats.set(fold(chat.id), chat);
}

const partReason = (message: IrcMessage): string =>
  `the bridge was made to leave${message.params.length > 1 ? ` (${cleanReason(lastParam(message))})` : ""}`;

function hasNoTopic({ channels }: HearingOptions, channel: string): boolean {
  const known = channels.find(channel);
  return known?.joined === true && known.topic === undefined;
}
