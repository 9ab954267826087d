/**
 * What a line means to the followed channels, kind by kind: our own coming and going, what others say and do there, a topic, a
 * silence that is lifted. It keeps nothing; each meaning goes to the part whose business it is.
 */
import type { ChatKey, Clock, RemoteEvent } from "@trestle/core";
import type { Arrivals } from "./arrivals.ts";
import type { ChannelState } from "./channel-state.ts";
import { cleanReason } from "./failures.ts";
import type { Inbox } from "./inbox.ts";
import type { Joins } from "./joins.ts";
import type { LineEvents } from "./line-events.ts";
import { type IrcMessage, isMarkedAsRelayed, lastParam, param } from "./message.ts";
import type { SessionParts } from "./session-parts.ts";
import type { Topics } from "./topics.ts";

export interface ChannelLinesOptions {
  readonly clock: Clock;
  readonly channels: ChannelState;
  readonly joins: Joins;
  readonly inbox: Inbox;
  readonly topics: Topics;
  readonly arrivals: Arrivals;
  readonly chatOf: (channel: string) => ChatKey | undefined;
  readonly eventOf: LineEvents;
  readonly isOurs: (nick: string) => boolean;
  /** Our own nick, or a name that the server relays for us under. */
  readonly isOwnName: (nick: string) => boolean;
  /** Of the ready session, if there is one. */
  readonly present: () => SessionParts | undefined;
}

export interface ChannelLines {
  /** Takes a line of ourselves. */
  takeOwn(message: IrcMessage): void;
  /** Takes a line of somebody else, or of the server. */
  takeOther(message: IrcMessage): void;
}

/** Builds the reading of one network's lines. */
export function createChannelLines(options: ChannelLinesOptions): ChannelLines {
  const { arrivals, chatOf, clock, eventOf, inbox, isOurs, isOwnName, joins, present, topics } = options;

  const comeIn = (channel: string): void => {
    const chat = chatOf(channel);
    const parts = present();
    if (!joins.joined(channel) || chat === undefined || parts === undefined) return;
    arrivals.arrive(chat, parts.session);
    parts.people.arrived(chat);
  };
  const hear = (message: IrcMessage): void => {
    // an echo of what was relayed for us, from a server that does not mark it
    if (!isMarkedAsRelayed(message) && isOwnName(message.nick)) return;
    const heard = eventOf(message, false);
    if (heard !== undefined && present()?.people.heard(heard.event) !== true) {
      inbox.push(heard.event, clock.now(), heard.chat);
    }
  };
  const tellTopic = (channel: string, topic: string, event?: RemoteEvent): void => {
    const chat = chatOf(channel);
    if (chat !== undefined) topics.tell(chat, topic, event);
  };

  return {
    takeOwn(message) {
      const channel = param(message, 0);
      if (message.command === "JOIN") comeIn(channel);
      if (message.command === "PART") joins.out(channel, partReason(message));
      const chat = message.command === "TOPIC" ? chatOf(channel) : undefined;
      if (chat !== undefined) topics.know(chat, lastParam(message));
    },
    takeOther(message) {
      switch (message.command) {
        case "PRIVMSG":
        case "NOTICE":
        case "TAGMSG":
        case "REDACT":
        case "NICK":
        case "ACCOUNT":
          hear(message);
          return;
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
    },
  };
}

// +m, a ban or the like was taken back, or we were given a voice; one time too many only means a try too many
function mayLiftSilence(message: IrcMessage, isOurs: (nick: string) => boolean): boolean {
  const modes = param(message, 1);
  return /-[A-Za-z]/.test(modes) || (modes.includes("+") && message.params.slice(2).some(isOurs));
}

function kickReason(message: IrcMessage): string {
  const reason = message.params.length > 2 ? ` (${cleanReason(lastParam(message))})` : "";
  return `kicked by ${cleanReason(message.nick)}${reason}`;
}

const partReason = (message: IrcMessage): string =>
  `the bridge was made to leave${message.params.length > 1 ? ` (${cleanReason(lastParam(message))})` : ""}`;

function hasNoTopic({ channels }: ChannelLinesOptions, channel: string): boolean {
  const known = channels.find(channel);
  return known?.joined === true && known.topic === undefined;
}
