/**
 * From a parsed line to the event of a chat that we follow: puts together what inbound.ts needs to know at this moment, and gives
 * the event the very key that the chat was followed by.
 */
import type { ChatKey, Clock, Log, Lookup, NetworkId, RemoteEvent, UserId } from "@trestle/core";
import type { AccountSources, ChannelState } from "./channel-state.ts";
import { type CaseMapping, encodeRemoteUser } from "./ids.ts";
import { type InboundContext, type InboundLine, isForRank } from "./inbound.ts";
import { toInboundLine } from "./inbound-line.ts";
import { type IrcMessage, isMarkedAsRelayed } from "./message.ts";
import type { ServerOptions } from "./profiles.ts";

export type Interpret = (line: InboundLine, context: InboundContext) => RemoteEvent | undefined;

/** The Matrix person that a word calls in a chat, if it calls one. */
export type Relayed = (chat: ChatKey, word: string) => UserId | undefined;

export interface LineEventsOptions {
  readonly network: NetworkId;
  readonly clock: Clock;
  readonly log: Log;
  readonly channels: ChannelState;
  readonly chatOf: (channel: string) => ChatKey | undefined;
  readonly fold: (name: string) => string;
  readonly mapping: () => CaseMapping;
  readonly interpret: Interpret;
  /** Who of Matrix is called by this word in this chat. */
  readonly relayed: Relayed;
  readonly ownNick: () => string;
  readonly serverOptions: () => ServerOptions;
  /** Which words about accounts can be believed now. */
  readonly sources: () => AccountSources;
  readonly ulid: (nowMs: number) => string;
}

/** Undefined for what is no event, or of a chat that is none of ours. */
export type LineEvents = (
  message: IrcMessage,
  late: boolean,
) => { readonly event: RemoteEvent; readonly chat?: ChatKey } | undefined;

/** Builds the reading of one network. */
export function createLineEvents(options: LineEventsOptions): LineEvents {
  const { channels, clock, fold } = options;
  // A nick in use is who is meant: nobody is called in another's stead by taking a name on Matrix.
  const lookupIn = (chat: ChatKey | undefined): Lookup => ({
    nameOf: () => undefined,
    findByName(name) {
      const person = channels.person(name);
      if (person !== undefined)
        return { side: "remote", what: "user", id: encodeRemoteUser(person, options.mapping()) };
      const id = chat === undefined ? undefined : options.relayed(chat, name);
      return id === undefined ? undefined : { side: "matrix", what: "user", id };
    },
  });
  return (message, late) => {
    // a login whose end would not be told
    if (message.command === "ACCOUNT" && !options.sources().told) return undefined;
    const now = clock.now();
    const line = toInboundLine(message, now, accountOf(message, late, options));
    if (line === undefined) return undefined;
    const { chantypes, statusmsg } = options.serverOptions();
    if (isForRank(line.target, { chantypes, statusPrefixes: statusmsg })) {
      options.log.debug({ target: line.target }, "not carried over: said only to those of a rank in the channel");
      return undefined;
    }
    const event = options.interpret(line, {
      network: options.network,
      mapping: options.mapping(),
      ownNicks: new Set([fold(options.ownNick())]),
      chantypes,
      statusPrefixes: statusmsg,
      ulid: options.ulid(now),
      lookup: lookupIn(options.chatOf(line.target)),
      ...(late ? { late } : {}),
    });
    if (event === undefined) return undefined;
    if (!("chat" in event)) return { event };
    const chat = options.chatOf(event.chat.id);
    return chat === undefined ? undefined : { event: { ...event, chat }, chat };
  };
}

/**
 * The account that the server vouches for with this very line. On it depends whose words these are: somebody who has taken the
 * nick of a person, or spoke under it another day, never gets his account.
 */
function accountOf(message: IrcMessage, late: boolean, { channels, sources }: LineEventsOptions): string | undefined {
  // What a relay says for others is not said by its own account.
  if (isMarkedAsRelayed(message)) return undefined;
  const tag = sources().tagged ? message.tags["account"] : undefined;
  // a bouncer's playback stands in a batch
  const isPast = late || message.tags["batch"] !== undefined;
  const known = isPast ? undefined : channels.person(message.nick)?.account;
  // Nobody speaks with these; servers leave the tag out more often.
  if (message.command === "NICK" || message.command === "PART") return tag ?? known;
  return sources().tagged ? tag : known;
}
