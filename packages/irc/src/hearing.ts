/**
 * What is done with the lines of a ready connection: which become events for the core, in which order, and what our own coming
 * and going in channels means. At each arrival the chat's live lines wait until its past is settled: fetched from the server's
 * history where it has one, else written down and announced as a gap. It never waits for anything itself.
 */
import type { ChatKey, ConnectorHost, Log, Lookup, NetworkId, RemoteEvent, RemoteUserId } from "@trestle/core";
import type { ChannelState } from "./channel-state.ts";
import { type ChatHistory, createChatHistory } from "./chathistory.ts";
import type { IrcNetworkConfig } from "./config.ts";
import { type CtcpResponder, createCtcpResponder } from "./ctcp.ts";
import { cleanReason } from "./failures.ts";
import type { Gaps } from "./gaps.ts";
import { type CaseMapping, encodeRemoteUser } from "./ids.ts";
import type { InboundContext, InboundLine } from "./inbound.ts";
import type { Inbox } from "./inbox.ts";
import type { Joins } from "./joins.ts";
import { type IrcMessage, lastParam, param, serverTimeMs } from "./message.ts";
import { createNickKeeper, type NickKeeper } from "./nick-keeper.ts";
import { defaultServerOptions } from "./profiles.ts";
import type { Session } from "./session.ts";
import type { Topics } from "./topics.ts";
import { createUlids } from "./ulid.ts";

export type Interpret = (line: InboundLine, context: InboundContext) => RemoteEvent | undefined;

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
  readonly fold: (name: string) => string;
  readonly mapping: () => CaseMapping;
  readonly interpret: Interpret;
}

export interface Hearing {
  begin(session: Session): void;
  end(): void;
  take(message: IrcMessage, own: boolean, answered: boolean): void;
  follow(chat: ChatKey): void;
  unfollow(chat: ChatKey): void;
  /** A followed channel went out, or could not be entered. */
  wentOut(channel: string, reason: string): void;
  /** No arrival is under way. */
  isSettled(): boolean;
  /** Chats that are followed and whose past is not settled. */
  unsettledChats(): readonly string[];
  /** `nick!ident@host` of ourselves, as the server shows it. */
  ownSource(): string | undefined;
}

/** Lines of history fetched a little further back than needed: clocks differ, and what is known already is recognised by its id. */
const historyOverlapMs = 5_000;

/** Builds the hearing of one network; it lives across its sessions. */
export function createHearing(options: HearingOptions): Hearing {
  const { channels, fold, gaps, host, inbox, joins, log, network, topics } = options;
  const { clock } = host;
  const ulid = createUlids();
  const chats = new Map<string, ChatKey>();
  const arriving = new Set<string>();
  let session: Session | undefined;
  let history: ChatHistory | undefined;
  let ctcp: CtcpResponder = createCtcpResponder(clock, options.config.contact);
  let nickKeeper: NickKeeper | undefined;
  let source: string | undefined;
  let clockOffsetMs = 0;

  const chatOf = (channel: string): ChatKey | undefined => chats.get(fold(channel));

  const contextOf = (late: boolean): InboundContext => ({
    network,
    mapping: options.mapping(),
    ownNicks: new Set([fold(session?.nick() ?? options.config.nick)]),
    chantypes: session?.options().chantypes ?? "#&",
    statusPrefixes: session?.options().statusmsg ?? "",
    ulid: ulid(clock.now()),
    lookup,
    ...(late ? { late: true } : {}),
  });
  const lookup: Lookup = {
    nameOf: () => undefined,
    findByName(name) {
      const person = channels.person(name);
      if (person === undefined) return undefined;
      return { side: "remote", what: "user", id: idOf(person.nick, person.account) };
    },
  };
  const idOf = (nick: string, account: string | undefined): RemoteUserId =>
    encodeRemoteUser({ nick, account }, options.mapping());

  /** The event of a line in a chat that we follow, under the key that the chat was followed by. */
  const eventOf = (message: IrcMessage, late: boolean): { event: RemoteEvent; chat?: ChatKey } | undefined => {
    const line = toInboundLine(message, clock.now(), channels.person(message.nick)?.account);
    const event = line === undefined ? undefined : options.interpret(line, contextOf(late));
    if (event === undefined) return undefined;
    if (!("chat" in event)) return { event };
    const chat = chatOf(event.chat.id);
    return chat === undefined ? undefined : { event: { ...event, chat }, chat };
  };

  /** What was missed, as far as the server still has it; since when it is lost for good otherwise. */
  const catchUp = async (
    chat: ChatKey,
    missedSinceMs: number | undefined,
  ): Promise<{ lostFromMs?: number; stored: boolean }> => {
    if (missedSinceMs === undefined) return { stored: true };
    const current = history;
    if (current === undefined) return { lostFromMs: missedSinceMs, stored: true };
    const { lines, complete } = await current.fetch(chat.id, missedSinceMs + clockOffsetMs - historyOverlapMs);
    const held = inbox.heldKeys(chat);
    const storing: Promise<boolean>[] = [];
    let lastMs = missedSinceMs;
    for (const line of lines) {
      lastMs = Math.max(lastMs, (serverTimeMs(line, clock.now()) ?? 0) - clockOffsetMs);
      const heard = eventOf(line, true);
      if (heard?.chat === undefined || !("key" in heard.event) || held.has(heard.event.key)) continue;
      storing.push(inbox.pushNow(heard.event, missedSinceMs));
    }
    const stored = (await Promise.all(storing)).every((done) => done);
    return complete ? { stored } : { lostFromMs: lastMs, stored };
  };

  const arrive = async (chat: ChatKey, current: Session): Promise<void> => {
    const joinedAtMs = clock.now();
    inbox.hold(chat);
    arriving.add(chat.id);
    try {
      const { lostFromMs, stored } = await catchUp(chat, gaps.missedSince(chat.id));
      // gone again in between: the next arrival covers this time too
      if (!stored || session !== current || !channels.isJoined(chat.id)) return;
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
    } catch (error) {
      log.error({ error: String(error) }, "the return to a channel could not be recorded");
      current.close(
        { kind: "storage", detail: "the bridge cannot store its marks" },
        "The bridge cannot store messages",
      );
    } finally {
      arriving.delete(chat.id);
      inbox.release(chat);
    }
  };

  const ownJoin = (message: IrcMessage): void => {
    const channel = param(message, 0);
    if (message.ident !== "" && message.hostname !== "")
      source = `${message.nick}!${message.ident}@${message.hostname}`;
    const chat = chatOf(channel);
    if (!joins.joined(channel) || chat === undefined || session === undefined) return;
    void arrive(chat, session);
  };

  const tellTopic = (channel: string, topic: string, event?: RemoteEvent): void => {
    const chat = chatOf(channel);
    if (chat === undefined || !topics.isNews(chat.id, topic)) return;
    const key = `topic/${network}/${ulid(clock.now())}`;
    inbox.push(event ?? { kind: "chat-changed", chat, key }, clock.now(), chat);
  };

  const takeQuery = (message: IrcMessage): void => {
    if (fold(param(message, 0)) !== fold(session?.nick() ?? "")) return;
    const answer = ctcp.answer(lastParam(message));
    if (answer !== undefined) session?.send("NOTICE", [message.nick, answer]);
  };

  const takeOwn = (message: IrcMessage): void => {
    if (message.command === "JOIN") ownJoin(message);
    if (message.command === "PART")
      joins.out(param(message, 0), `the bridge was made to leave (${cleanReason(lastParam(message))})`);
    if (message.command === "TOPIC") tellTopicQuietly(param(message, 0), lastParam(message));
  };
  // what we set ourselves came from the core
  const tellTopicQuietly = (channel: string, topic: string): void => {
    const chat = chatOf(channel);
    if (chat !== undefined) topics.isNews(chat.id, topic);
  };

  const takeOther = (message: IrcMessage): void => {
    switch (message.command) {
      case "PRIVMSG":
      case "NOTICE":
      case "TAGMSG":
      case "REDACT":
      case "NICK":
      case "ACCOUNT": {
        const heard = eventOf(message, false);
        if (heard !== undefined) inbox.push(heard.event, clock.now(), heard.chat);
        return;
      }
      case "TOPIC":
        tellTopic(param(message, 0), lastParam(message), eventOf(message, false)?.event);
        return;
      case "KICK":
        if (fold(param(message, 1)) === fold(session?.nick() ?? "")) {
          const reason = message.params.length > 2 ? ` (${cleanReason(lastParam(message))})` : "";
          joins.out(param(message, 0), `kicked by ${cleanReason(message.nick)}${reason}`);
        }
        return;
      case "332":
        tellTopic(param(message, 1), lastParam(message));
        return;
      case "366": {
        const channel = channels.find(param(message, 1));
        if (channel?.joined === true && channel.topic === undefined) tellTopic(channel.name, "");
        return;
      }
    }
  };

  return {
    begin(opened) {
      session = opened;
      source = undefined;
      clockOffsetMs = 0;
      ctcp = createCtcpResponder(clock, options.config.contact);
      nickKeeper = createNickKeeper({
        clock,
        fold,
        wanted: options.config.nick,
        current: () => opened.nick(),
        monitor: opened.options().monitor,
        send: (command, params) => opened.send(command, params),
      });
      const chatsKnown = [...chats.values()];
      chats.clear();
      for (const chat of chatsKnown) chats.set(fold(chat.id), chat);
      history =
        opened.has("draft/chathistory") && opened.has("batch") && options.config.historyLinesMax > 0
          ? createChatHistory({
              clock,
              fold,
              linesMax: options.config.historyLinesMax,
              send: (command, params) => opened.send(command, params),
            })
          : undefined;
    },
    end() {
      history?.stop();
      nickKeeper?.stop();
      history = undefined;
      nickKeeper = undefined;
      session = undefined;
    },
    take(message, own, answered) {
      const now = clock.now();
      const saidAtMs = message.tags["batch"] === undefined ? serverTimeMs(message, now) : undefined;
      if (saidAtMs !== undefined) clockOffsetMs = saidAtMs - now;
      if (history?.take(message) === true) return;
      // what a line means is judged by who was there before it, except for our own coming
      if (own) {
        channels.take(message, session?.nick() ?? "", session?.options() ?? defaultServerOptions);
        takeOwn(message);
        return;
      }
      if (!answered) {
        if ((message.command === "PRIVMSG" || message.command === "NOTICE") && lastParam(message).startsWith("\x01")) {
          if (message.command === "PRIVMSG") takeQuery(message);
        }
        takeOther(message);
        joins.take(message);
        nickKeeper?.take(message);
      }
      channels.take(message, session?.nick() ?? "", session?.options() ?? defaultServerOptions);
      learnKey(message);
    },
    follow: (chat) => void chats.set(fold(chat.id), chat),
    unfollow: (chat) => void chats.delete(fold(chat.id)),
    wentOut(channel, reason) {
      const chat = chatOf(channel);
      if (chat === undefined) return;
      const now = clock.now();
      // a refusal after a reconnect: out since the network was lost; a kick: since now
      const wasIn = channels.isJoined(channel);
      const sinceMs = wasIn ? now : (gaps.missedSince(chat.id) ?? now);
      gaps.wentOut(chat.id, sinceMs, reason).then(
        (first) => {
          if (!first) return;
          const key = `out/${network}/${chat.id}/${sinceMs}`;
          inbox.push({ kind: "presence-in-chat", key, chat, state: "out", reason }, now, chat);
        },
        (error: unknown) => log.error({ error: String(error) }, "a mark could not be stored"),
      );
    },
    isSettled: () => arriving.size === 0,
    unsettledChats: () =>
      [...chats.values()].map((chat) => chat.id).filter((id) => arriving.has(id) || !channels.isJoined(id)),
    ownSource: () => source,
  };

  function learnKey(message: IrcMessage): void {
    if (message.command !== "MODE" && message.command !== "324") return;
    const name = param(message, message.command === "324" ? 1 : 0);
    const channel = channels.find(name);
    if (channel !== undefined) joins.learnKey(name, channel.key);
  }
}

const kinds: Readonly<Record<string, InboundLine["kind"]>> = {
  PRIVMSG: "privmsg",
  NOTICE: "notice",
  TAGMSG: "tagmsg",
  REDACT: "redact",
  TOPIC: "topic",
  NICK: "nick",
  ACCOUNT: "account",
};

function toInboundLine(
  message: IrcMessage,
  receivedAtMs: number,
  knownAccount: string | undefined,
): InboundLine | undefined {
  const kind = Object.hasOwn(kinds, message.command) ? kinds[message.command] : undefined;
  if (kind === undefined) return undefined;
  const account = kind === "account" ? param(message, 0) : (message.tags["account"] ?? knownAccount);
  const { msgid } = message.tags;
  const saidAtMs = serverTimeMs(message, receivedAtMs);
  const noTarget = kind === "nick" || kind === "account";
  return {
    kind,
    nick: message.nick === "" ? message.prefix : message.nick,
    ...(message.ident === "" ? {} : { ident: message.ident }),
    ...(message.hostname === "" || message.ident === "" ? {} : { host: message.hostname }),
    ...(account === undefined ? {} : { account }),
    target: noTarget ? "" : param(message, 0),
    text: kind === "redact" ? (message.params[2] ?? "") : lastParam(message),
    tags: message.tags,
    receivedAtMs,
    ...(msgid === undefined ? {} : { msgid }),
    ...(saidAtMs === undefined ? {} : { serverTimeMs: saidAtMs }),
    ...(kind === "redact" ? { redacts: param(message, 1) } : {}),
  };
}
