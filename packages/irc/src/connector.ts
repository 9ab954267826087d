/**
 * The IRC side of the bridge as the core knows it (core/connector.ts): one relaying connection per configured network, each on
 * its own. It only finds the right connection and puts together what the pure parts need to know; all else is elsewhere.
 */
import { readFileSync } from "node:fs";
import {
  type Action,
  BridgeError,
  type ChatDescription,
  type ChatKey,
  type Connector,
  type ConnectorHost,
  chatKeyText,
  type Lookup,
  type MatrixAuthor,
  type NetworkId,
  networkId,
  type Part,
  type RemoteAuthor,
  type RemoteMessageId,
  type RemoteUserId,
} from "@trestle/core";
import { ircCapabilities } from "./capabilities.ts";
import type { IrcConfig, IrcNetworkConfig } from "./config.ts";
import { type Connection, type ConnectionFacts, createConnection } from "./connections.ts";
import { byteLength } from "./harmless-text.ts";
import { channelProblem, decodeRemoteUser, encodeRemoteUser, ircChatKey, isMsgid, localMessageId } from "./ids.ts";
import { toRemoteEvent } from "./inbound.ts";
import { hostmaskBytesMax, type IrcPart, type PlanContext, planIrc, textBytesMax, topicText } from "./outbound.ts";
import { defaultServerOptions } from "./profiles.ts";
import { messageIdOf, sendConfirmed } from "./sending.ts";
import { createUlids } from "./ulid.ts";

/** Matrix people remembered per chat, to tell those of the same name apart. */
const speakersMax = 50;

const emptyFacts = (config: IrcNetworkConfig): ConnectionFacts => ({
  nick: config.nick,
  mapping: "ascii",
  options: defaultServerOptions,
  capabilities: new Set(),
  ready: false,
});

/** The connector for a checked config. Opens nothing before `start`. */
export function createIrcConnector(config: IrcConfig): Connector {
  const connections = new Map<NetworkId, Connection>();
  const configs = new Map(Object.entries(config.networks).map(([slug, value]) => [networkId(slug), value]));
  const followedEarly: ChatKey[] = [];
  const speakers = new Map<string, Map<string, MatrixAuthor>>();
  const ulid = createUlids();
  let clock: ConnectorHost["clock"] | undefined;

  const configOf = (network: NetworkId): IrcNetworkConfig => {
    const found = configs.get(network);
    if (found === undefined)
      throw new BridgeError("not-supported", `no IRC network is called ${network} in the config`);
    return found;
  };
  const connectionOf = (network: NetworkId): Connection => {
    configOf(network);
    const found = connections.get(network);
    if (found === undefined) throw new BridgeError("network-down", "the bridge is starting");
    return found;
  };
  const factsOf = (network: NetworkId): ConnectionFacts =>
    connections.get(network)?.facts() ?? emptyFacts(configOf(network));
  const now = (): number => clock?.now() ?? 0;

  const othersIn = (chat: ChatKey, author: MatrixAuthor): readonly MatrixAuthor[] => {
    const key = chatKeyText(chat);
    const known = speakers.get(key) ?? new Map<string, MatrixAuthor>();
    speakers.set(key, known);
    known.delete(author.userId);
    known.set(author.userId, author);
    const [oldest] = known.keys();
    if (known.size > speakersMax && oldest !== undefined) known.delete(oldest);
    return [...known.values()].filter((other) => other.userId !== author.userId);
  };

  const planContext = (chat: ChatKey, author: MatrixAuthor): PlanContext => {
    const facts = factsOf(chat.network);
    const channel = connections.get(chat.network)?.channels.find(chat.id);
    return {
      ...lineRoom(chat, facts),
      channel: channel?.name ?? chat.id,
      ownNick: facts.nick,
      nicks: channel?.nicks ?? new Set(),
      mapping: facts.mapping,
      statusPrefixes: facts.options.prefixes.map(([, symbol]) => symbol).join(""),
      ...offersOf(facts),
      partsMax: configOf(chat.network).partsMax,
      reactionNotices: true,
      others: othersIn(chat, author),
    };
  };

  return {
    name: "irc",

    capabilities(network) {
      const facts = factsOf(network);
      const offers = offersOf(facts);
      return ircCapabilities({
        relaymsg: offers.relaymsg !== undefined,
        redaction: offers.redaction,
        react: offers.react,
        textBytesMax: textBytesMax({ ...lineRoom(undefined, facts), channel: "#".repeat(32) }),
        partsMax: configOf(network).partsMax,
      });
    },

    async start(host) {
      clock = host.clock;
      const opened = [...configs].map(([network, value]) => {
        const authorities = value.servers.map((server) => readAuthority(network, server.caFile));
        const connection = createConnection({ network, config: value, authorities, host, interpret: toRemoteEvent });
        connections.set(network, connection);
        return connection;
      });
      for (const chat of followedEarly.splice(0)) connections.get(chat.network)?.follow(chat);
      await Promise.all(opened.map((connection) => connection.start()));
    },
    async stop() {
      await Promise.all([...connections.values()].map((connection) => connection.stop()));
    },

    parseChat(network, text) {
      const { mapping, options } = factsOf(network);
      const name = text.trim();
      const problem = channelProblem(name, { chantypes: options.chantypes, bytesMax: options.channelLength });
      return problem === undefined ? ircChatKey(network, name, mapping) : { problem };
    },
    follow(chat) {
      configOf(chat.network);
      const problem = channelProblem(chat.id, { chantypes: "#&+!", bytesMax: 200 });
      if (problem !== undefined) throw new BridgeError("not-supported", problem);
      const connection = connections.get(chat.network);
      if (connection === undefined) followedEarly.push(chat);
      else connection.follow(chat);
    },
    unfollow(chat, reason) {
      speakers.delete(chatKeyText(chat));
      connections.get(chat.network)?.unfollow(chat, reason);
    },

    plan(chat, action: Action<RemoteMessageId>, author, lookup: Lookup): Part[] {
      return planIrc(action, author, planContext(chat, author), lookup);
    },
    async sendPart(chat, part, _author, _key) {
      const session = connectionOf(chat.network).requireJoined(chat);
      const id = await sendConfirmed(session, lineOf(chat, part as IrcPart), now);
      return messageIdOf(id, isMsgid, () => localMessageId(ulid(now())));
    },
    async applyChat(chat, wanted, _author) {
      if (wanted.topic === undefined) return;
      const connection = connectionOf(chat.network);
      const session = connection.requireJoined(chat);
      const topic = topicText(wanted.topic, session.options().topicLength);
      if ((connection.channels.find(chat.id)?.topic ?? "") === topic) return;
      await sendConfirmed(
        session,
        { command: "TOPIC", params: [chat.id, topic], tags: {}, turn: chat.id, target: chat.id },
        now,
      );
    },

    async describeChat(chat): Promise<ChatDescription> {
      const connection = connectionOf(chat.network);
      const channel = connection.channels.find(chat.id);
      const problem = connection.problemOf(chat);
      return {
        name: channel?.name ?? chat.id,
        ...(channel?.topic === undefined ? {} : { topic: channel.topic }),
        ...(channel === undefined ? {} : { memberCount: channel.members.size }),
        joined: channel?.joined === true,
        ...(problem === undefined ? {} : { problem }),
      };
    },
    async describeUser(network, user) {
      const known = decodeRemoteUser(user);
      const name =
        "nick" in known ? (connectionOf(network).channels.person(known.nick)?.nick ?? known.nick) : known.account;
      return { network, id: user, name };
    },
    async describeMembers(chat): Promise<readonly RemoteAuthor[]> {
      const connection = connectionOf(chat.network);
      const { mapping, nick: own } = connection.facts();
      const people = [...(connection.channels.find(chat.id)?.members.keys() ?? [])];
      const idOf = (nick: string, account: string | undefined): RemoteUserId =>
        encodeRemoteUser({ nick, account }, mapping);
      return people
        .filter(({ nick }) => idOf(nick, undefined) !== idOf(own, undefined))
        .map(({ nick, account }) => ({ network: chat.network, id: idOf(nick, account), name: nick }));
    },
    status: () =>
      [...configs.keys()].map(
        (network) => connections.get(network)?.status() ?? { network, state: "connecting" as const },
      ),
  };
}

function lineOf(chat: ChatKey, part: IrcPart) {
  const base = { command: part.command, tags: part.tags ?? {}, turn: chat.id, target: chat.id };
  switch (part.command) {
    case "PRIVMSG":
    case "NOTICE":
      return { ...base, params: [chat.id, part.text] };
    case "RELAYMSG":
      return { ...base, params: [chat.id, part.nick ?? "", part.text], nick: part.nick ?? "" };
    case "REDACT":
      return { ...base, params: [chat.id, part.target ?? "", ...(part.text === "" ? [] : [part.text])] };
    case "TAGMSG":
      return { ...base, params: [chat.id] };
    default:
      // a stored plan is only data
      throw new BridgeError("not-supported", "an unknown kind of line");
  }
}

function offersOf({ capabilities }: ConnectionFacts) {
  const tags = capabilities.has("message-tags") && capabilities.has("echo-message");
  const relay = capabilities.has("draft/relaymsg") || capabilities.has("overdrivenetworks.com/relaymsg");
  return {
    ...(relay ? { relaymsg: { separator: "/" } } : {}),
    redaction: tags && capabilities.has("draft/message-redaction"),
    react: tags,
    reply: tags,
  };
}

function lineRoom(_chat: ChatKey | undefined, facts: ConnectionFacts) {
  const { nick, source } = facts;
  return {
    ownHostmaskBytes: source === undefined ? hostmaskBytesMax(nick) : byteLength(`:${source} `),
    lineBytesMax: 512,
  };
}

function readAuthority(network: NetworkId, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BridgeError("config-invalid", `irc.networks.${network}: caFile cannot be read (${why})`, {
      cause: error,
    });
  }
}
