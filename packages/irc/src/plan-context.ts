/**
 * What the pure parts need to know of a network and a chat to plan lines and to say what is possible. It reads a connection's
 * facts and keeps who spoke lately in each chat, so that people of the same name are told apart.
 */
import { type Capabilities, type ChatKey, chatKeyText, type MatrixAuthor } from "@trestle/core";
import { ircCapabilities } from "./capabilities.ts";
import type { ConnectionFacts } from "./connection-state.ts";
import { byteLength } from "./harmless-text.ts";
import { hostmaskBytesMax, type PlanContext, textBytesMax } from "./outbound.ts";
import { passesTag } from "./profiles.ts";
import type { Channel } from "./roster.ts";

/** Matrix people remembered per chat. */
const speakersMax = 50;

export interface Speakers {
  /** Who else spoke in this chat lately; this author is remembered too. */
  others(chat: ChatKey, author: MatrixAuthor): readonly MatrixAuthor[];
  /** Whom people on IRC call by this word: the one who spoke lately under that name or localpart; nobody when two did. */
  named(chat: ChatKey, word: string, fold: (name: string) => string): MatrixAuthor | undefined;
  forget(chat: ChatKey): void;
}

/** Builds an empty memory. */
export function createSpeakers(): Speakers {
  const chats = new Map<string, Map<string, MatrixAuthor>>();
  return {
    others(chat, author) {
      const key = chatKeyText(chat);
      const known = chats.get(key) ?? new Map<string, MatrixAuthor>();
      chats.set(key, known);
      known.delete(author.userId);
      known.set(author.userId, author);
      const [oldest] = known.keys();
      if (known.size > speakersMax && oldest !== undefined) known.delete(oldest);
      return [...known.values()].filter((other) => other.userId !== author.userId);
    },
    named(chat, word, fold) {
      // Under RELAYMSG his nick has a tail that says where he is from.
      const wanted = fold(word.replace(/\/m$/iu, ""));
      const called = [...(chats.get(chatKeyText(chat))?.values() ?? [])].filter(
        ({ name, userId }) => fold(name.trim()) === wanted || fold(userId.slice(1).split(":", 1)[0] ?? "") === wanted,
      );
      return called.length === 1 ? called[0] : undefined;
    },
    forget: (chat) => void chats.delete(chatKeyText(chat)),
  };
}

/** Of a network as it is now. */
export function capabilitiesOf(facts: ConnectionFacts, partsMax: number): Capabilities {
  const offers = offersOf(facts);
  return ircCapabilities({
    relaymsg: offers.relaymsg !== undefined,
    redaction: offers.redaction,
    react: offers.react,
    typing: offers.typing,
    textBytesMax: textBytesMax({ ...lineRoom(facts), channel: "#".repeat(32) }),
    partsMax,
  });
}

/** Everything that a plan for this chat depends on. */
export function planContext(
  chat: ChatKey,
  facts: ConnectionFacts,
  {
    channel,
    others,
    partsMax,
  }: {
    readonly channel: Channel | undefined;
    readonly others: readonly MatrixAuthor[];
    readonly partsMax: number;
  },
): PlanContext {
  return {
    ...lineRoom(facts),
    ...offersOf(facts),
    channel: channel?.name ?? chat.id,
    ownNick: facts.nick,
    nicks: channel?.nicks ?? new Set(),
    mapping: facts.mapping,
    statusPrefixes: facts.options.prefixes.map(([, symbol]) => symbol).join(""),
    partsMax,
    // whether reactions become notices is the core's choice: it asks for none when they are off
    reactionNotices: true,
    others,
  };
}

function offersOf({ capabilities, options }: ConnectionFacts) {
  const tags = capabilities.has("message-tags") && capabilities.has("echo-message");
  const relay = capabilities.has("draft/relaymsg") || capabilities.has("overdrivenetworks.com/relaymsg");
  return {
    ...(relay ? { relaymsg: { separator: "/" } } : {}),
    redaction: tags && capabilities.has("draft/message-redaction"),
    react: tags && passesTag(options, "draft/react"),
    typing: capabilities.has("message-tags") && passesTag(options, "typing"),
    reply: tags,
  };
}

function lineRoom(facts: ConnectionFacts) {
  const { nick, source } = facts;
  return {
    ownHostmaskBytes: source === undefined ? hostmaskBytesMax(nick) : byteLength(`:${source} `),
    lineBytesMax: 512,
  };
}
