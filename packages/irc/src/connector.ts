/**
 * The IRC side of the bridge as the core knows it (core/connector.ts): one relaying connection per configured network, each on
 * its own. It only finds the right connection and puts together what the pure parts need to know; all else is elsewhere.
 */
import {
  type Action,
  type Again,
  type ChatKey,
  type Connector,
  type ConnectorHost,
  type Lookup,
  type Part,
  type PartKey,
  type RemoteMessageId,
  remoteMessageId,
} from "@trestle/core";
import type { IrcConfig } from "./config.ts";
import type { Connection } from "./connections.ts";
import { describeChannel, describeMembers, describePerson } from "./descriptions.ts";
import { channelProblem, foldCase, ircChatKey, localMessageId } from "./ids.ts";
import type { Relayed } from "./line-events.ts";
import { createNetworks } from "./networks.ts";
import { type IrcPart, planIrc, topicText, typingTag } from "./outbound.ts";
import { capabilitiesOf, createSpeakers, planContext } from "./plan-context.ts";
import { sendConfirmed, sendOnce } from "./sending.ts";
import { createToldTyping, type ToldTyping } from "./typing.ts";
import { createUlids } from "./ulid.ts";

/** The connector for a checked config. Opens nothing before `start`. */
export function createIrcConnector(config: IrcConfig): Connector {
  const networks = createNetworks(config);
  const speakers = createSpeakers();
  const ulid = createUlids();
  let clock: ConnectorHost["clock"] | undefined;
  let typing: ToldTyping | undefined;
  const now = (): number => clock?.now() ?? 0;
  const ownId = (): RemoteMessageId => localMessageId(ulid(now()));
  const relayed: Relayed = (chat, word) =>
    speakers.named(chat, word, (name) => foldCase(name, networks.facts(chat.network).mapping))?.userId;

  return {
    name: "irc",

    capabilities(network) {
      return capabilitiesOf(networks.facts(network), networks.config(network).partsMax);
    },

    async start(host) {
      clock = host.clock;
      typing = createToldTyping(clock);
      await networks.start(host, relayed);
    },
    async stop() {
      typing?.stop();
      await networks.stop();
    },

    parseChat(network, text) {
      const { mapping, options } = networks.facts(network);
      const name = text.trim();
      const problem = channelProblem(name, { chantypes: options.chantypes, bytesMax: options.channelLength });
      return problem === undefined ? ircChatKey(network, name, mapping) : { problem };
    },
    follow: networks.follow,
    unfollow(chat, reason) {
      speakers.forget(chat);
      typing?.forget(chat);
      networks.find(chat.network)?.unfollow(chat, reason);
    },

    async whenReady(chat) {
      await networks.connection(chat.network).whenIn(chat);
    },
    plan(chat, action: Action<RemoteMessageId>, author, lookup: Lookup): Part[] {
      const context = planContext(chat, networks.facts(chat.network), {
        channel: networks.find(chat.network)?.channels.find(chat.id),
        others: speakers.others(chat, author),
        partsMax: networks.config(chat.network).partsMax,
      });
      return planIrc(action, author, context, lookup);
    },
    async sendPart(chat, part, author, key, again) {
      const typed = (part as IrcPart).tags?.[typingTag];
      if (typed !== undefined) {
        const say = (state: string) =>
          networks.find(chat.network)?.sendInPassing(chat, { [typingTag]: state }) === true;
        typing?.tell(chat, author.userId, typed === "active", say);
        return ownId();
      }
      const id = await sayOnce(networks.connection(chat.network), { chat, part: part as IrcPart, key, again }, now);
      return id === undefined ? ownId() : remoteMessageId(id);
    },
    async applyChat(chat, { topic }, _author) {
      if (topic !== undefined) await applyTopic(networks.connection(chat.network), chat, topic, now);
    },

    describeChat: async (chat) => describeChannel(networks.connection(chat.network), chat),
    describeUser: async (network, user) => describePerson(networks.connection(network), network, user),
    describeMembers: async (chat) => describeMembers(networks.connection(chat.network), chat),
    status: networks.status,
  };
}

interface SayOnce {
  readonly chat: ChatKey;
  readonly part: IrcPart;
  readonly key: PartKey;
  readonly again: Again | undefined;
}

/** Says a part once we are in the chat, unless an earlier try of it is there; the network's id of it, if it gives usable ones. */
async function sayOnce(
  connection: Connection,
  { chat, part, key, again }: SayOnce,
  nowMs: () => number,
): Promise<string | undefined> {
  await connection.whenIn(chat);
  const sinceServerMs = again && (await connection.findOwnLines(chat, again.sinceMs));
  const session = await connection.whenIn(chat);
  const toSay = { chat, part, key, ...(sinceServerMs === undefined ? {} : { sinceServerMs }) };
  return sendOnce(session, connection.ownLines(), toSay, nowMs);
}

async function applyTopic(connection: Connection, chat: ChatKey, wanted: string, nowMs: () => number): Promise<void> {
  const session = await connection.whenIn(chat);
  const topic = topicText(wanted, session.options().topicLength);
  if ((connection.channels.find(chat.id)?.topic ?? "") === topic) return;
  const line = { command: "TOPIC", params: [chat.id, topic], tags: {}, turn: chat.id, target: chat.id };
  await sendConfirmed(session, line, nowMs);
}
