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
  type Lookup,
  type NetworkId,
  networkId,
  type Part,
  type RemoteAuthor,
  type RemoteMessageId,
  type RemoteUserId,
  remoteMessageId,
} from "@trestle/core";
import type { IrcConfig, IrcNetworkConfig } from "./config.ts";
import type { ConnectionFacts } from "./connection-state.ts";
import { type Connection, createConnection } from "./connections.ts";
import { channelProblem, decodeRemoteUser, encodeRemoteUser, foldCase, ircChatKey, localMessageId } from "./ids.ts";
import { toRemoteEvent } from "./inbound.ts";
import { type IrcPart, planIrc, topicText, typingTag } from "./outbound.ts";
import { capabilitiesOf, createSpeakers, planContext } from "./plan-context.ts";
import { defaultServerOptions } from "./profiles.ts";
import { sendConfirmed, sendOnce } from "./sending.ts";
import { createToldTyping, type ToldTyping } from "./typing.ts";
import { createUlids } from "./ulid.ts";

const emptyFacts = (config: IrcNetworkConfig): ConnectionFacts => ({
  nick: config.nick,
  source: undefined,
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
  const speakers = createSpeakers();
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
  let typing: ToldTyping | undefined;

  return {
    name: "irc",

    capabilities(network) {
      return capabilitiesOf(factsOf(network), configOf(network).partsMax);
    },

    async start(host) {
      clock = host.clock;
      typing = createToldTyping(clock);
      const opened = [...configs].map(([network, value]) => {
        const authorities = value.servers.map((server) => readAuthority(network, server.caFile));
        const connection = createConnection({
          network,
          config: value,
          authorities,
          host,
          interpret: toRemoteEvent,
          relayed: (chat, word) =>
            speakers.named(chat, word, (name) => foldCase(name, factsOf(network).mapping))?.userId,
        });
        connections.set(network, connection);
        return connection;
      });
      for (const chat of followedEarly.splice(0)) connections.get(chat.network)?.follow(chat);
      await Promise.all(opened.map((connection) => connection.start()));
    },
    async stop() {
      typing?.stop();
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
      speakers.forget(chat);
      typing?.forget(chat);
      connections.get(chat.network)?.unfollow(chat, reason);
    },

    async whenReady(chat) {
      await connectionOf(chat.network).whenIn(chat);
    },
    plan(chat, action: Action<RemoteMessageId>, author, lookup: Lookup): Part[] {
      const facts = factsOf(chat.network);
      const context = planContext(chat, facts, {
        channel: connections.get(chat.network)?.channels.find(chat.id),
        others: speakers.others(chat, author),
        partsMax: configOf(chat.network).partsMax,
      });
      return planIrc(action, author, context, lookup);
    },
    async sendPart(chat, part, author, key, again) {
      const typed = (part as IrcPart).tags?.[typingTag];
      if (typed !== undefined) {
        const say = (state: string) =>
          connections.get(chat.network)?.sendInPassing(chat, { [typingTag]: state }) === true;
        typing?.tell(chat, author.userId, typed === "active", say);
        return localMessageId(ulid(now()));
      }
      const connection = connectionOf(chat.network);
      await connection.whenIn(chat);
      const sinceServerMs = again && (await connection.findOwnLines(chat, again.sinceMs));
      const session = await connection.whenIn(chat);
      const toSay = { chat, part: part as IrcPart, key, ...(sinceServerMs === undefined ? {} : { sinceServerMs }) };
      const id = await sendOnce(session, connection.ownLines(), toSay, now);
      return id === undefined ? localMessageId(ulid(now())) : remoteMessageId(id);
    },
    async applyChat(chat, wanted, _author) {
      if (wanted.topic === undefined) return;
      const connection = connectionOf(chat.network);
      const session = await connection.whenIn(chat);
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
      const { channels } = connectionOf(network);
      // people on IRC are called by their nick, whatever their account
      const person = "nick" in known ? channels.person(known.nick) : channels.withAccount(known.account);
      return { network, id: user, name: person?.nick ?? ("nick" in known ? known.nick : known.account) };
    },
    describeMembers: async (chat) => membersOf(connectionOf(chat.network), chat),
    status: () =>
      [...configs.keys()].map(
        (network) => connections.get(network)?.status() ?? { network, state: "connecting" as const },
      ),
  };
}

/** Everybody in the channel but ourselves, as far as NAMES and WHO have told. */
function membersOf({ channels, facts }: Connection, { id, network }: ChatKey): readonly RemoteAuthor[] {
  const { mapping, nick: own } = facts();
  const idOf = (nick: string, account: string | undefined): RemoteUserId =>
    encodeRemoteUser({ nick, account }, mapping);
  return [...(channels.find(id)?.members.keys() ?? [])]
    .filter(({ nick }) => idOf(nick, undefined) !== idOf(own, undefined))
    .map(({ nick, account }) => ({ network, id: idOf(nick, account), name: nick }));
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
