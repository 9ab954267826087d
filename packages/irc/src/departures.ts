/**
 * People who leave a channel: PART, KICK and QUIT are told to the core for each followed channel they were in. Whoever seems
 * to be gone behind a netsplit is kept for a minute and only then told; most are back by then. Who is in a channel is told as
 * "changed" once it is known after our own coming, and after a split. Comers are not told: they appear when they speak.
 */
import type { ChatKey, Clock, RemoteAction, RemoteEvent } from "@trestle/core";
import { chatKeyText } from "@trestle/core";
import { type AccountSources, type ChannelState, whoToken } from "./channel-state.ts";
import { cleanReason } from "./failures.ts";
import { type CaseMapping, encodeRemoteUser } from "./ids.ts";
import type { LineEvents } from "./line-events.ts";
import { type IrcMessage, lastParam, param } from "./message.ts";
import type { Session } from "./session.ts";
import { formatLine } from "./wire-writer.ts";

export interface DeparturesOptions {
  readonly clock: Clock;
  readonly channels: ChannelState;
  readonly chatOf: (channel: string) => ChatKey | undefined;
  readonly eventOf: LineEvents;
  readonly isOurs: (nick: string) => boolean;
  readonly mapping: () => CaseMapping;
  readonly sources: () => AccountSources;
  readonly push: (event: RemoteEvent, chat: ChatKey) => void;
  readonly newKey: () => string;
}

export interface Departures {
  /** Takes a line of somebody else before channel-state.ts has. */
  before(message: IrcMessage): void;
  /** And after it has. */
  after(message: IrcMessage): void;
  /** We came in: once the members are known, they are told. */
  arrived(chat: ChatKey): void;
  stop(): void;
}

/** How long somebody behind a split is taken to be coming back. */
export const splitMs = 60_000;
/** People held in all; further ones are told at once. */
const heldMax = 20_000;
const whoRetryMs = 500;

interface Held {
  readonly event: RemoteAction;
  readonly chat: ChatKey;
  readonly atMs: number;
}

/** Builds the departures of one connection. */
export function createDepartures(options: DeparturesOptions, session: Session): Departures {
  const { channels, chatOf, clock, eventOf, push } = options;
  const stopped = new AbortController();
  const members = createMemberLists(options, session, stopped.signal, tellChanged);
  const held = new Map<string, Held>();
  // chats of a split, with how many are still held and whether anybody came back
  const splits = new Map<string, { chat: ChatKey; count: number; healed: boolean }>();
  let watching = false;

  function tellChanged(chat: ChatKey): void {
    push({ kind: "members-changed", key: options.newKey(), chat }, chat);
  }
  const heldKey = (chat: ChatKey, user: string): string => `${chatKeyText(chat)} ${user}`;
  const settle = (key: string, isBack: boolean): void => {
    const entry = held.get(key);
    const split = entry && splits.get(chatKeyText(entry.chat));
    if (entry === undefined || split === undefined) return;
    held.delete(key);
    split.count -= 1;
    if (isBack) split.healed = true;
    // unlinked in between: nobody is told any more
    else if (chatOf(entry.chat.id) !== undefined) push(entry.event, entry.chat);
    if (split.count > 0) return;
    splits.delete(chatKeyText(entry.chat));
    if (split.healed && chatOf(entry.chat.id) !== undefined) tellChanged(entry.chat);
  };
  const watch = async (): Promise<void> => {
    if (watching) return;
    watching = true;
    for (let [first] = held.values(); first !== undefined; [first] = held.values()) {
      await clock.wait(Math.max(0, first.atMs + splitMs - clock.now()), stopped.signal);
      if (stopped.signal.aborted) return;
      for (const [key, { atMs }] of held) {
        if (clock.now() - atMs < splitMs) break;
        settle(key, false);
      }
    }
    watching = false;
  };
  const hold = (event: RemoteAction, chat: ChatKey): void => {
    const key = heldKey(chat, event.sender.id);
    settle(key, true);
    held.set(key, { event, chat, atMs: clock.now() });
    const split = splits.get(chatKeyText(chat)) ?? { chat, count: 0, healed: false };
    split.count += 1;
    splits.set(chatKeyText(chat), split);
    void watch();
  };
  const tellGone = (message: IrcMessage, isSplit: boolean): void => {
    const heard = eventOf(message, false);
    if (heard?.chat === undefined || heard.event.kind !== "action") return;
    if (isSplit && held.size < heldMax) hold(heard.event, heard.chat);
    else push(heard.event, heard.chat);
  };

  return {
    before(message) {
      switch (message.command) {
        case "PART":
          tellGone(message, false);
          return;
        case "KICK":
          if (!options.isOurs(param(message, 1))) tellGone(kickedAsGone(message), false);
          return;
        case "QUIT": {
          const reason = lastParam(message);
          const split = isNetsplit(reason);
          for (const { name } of channels.person(message.nick)?.channels ?? []) {
            if (chatOf(name) !== undefined) tellGone(goneFrom(message, name, reason), split);
          }
          return;
        }
      }
    },
    after(message) {
      members.take(message);
      if (message.command !== "JOIN") return;
      const chat = chatOf(param(message, 0));
      const person = channels.person(message.nick);
      // under the same nick another one may come: he is not back
      if (chat !== undefined && person !== undefined)
        settle(heldKey(chat, encodeRemoteUser(person, options.mapping())), true);
    },
    arrived: members.arrived,
    // whoever is not back by our return is not among the members then
    stop: () => stopped.abort(),
  };
}

/** "hub.example.org leaf.example.org": what servers say when they lose each other. People's own reasons stand behind "Quit: ". */
export function isNetsplit(reason: string): boolean {
  return /^[\w*-]+(?:\.[\w*-]+)+ [\w*-]+(?:\.[\w*-]+)+$/.test(reason);
}

/** Each way out, as a PART of one channel. Ids and times of one line are not those of several. */
function goneFrom(message: IrcMessage, channel: string, reason: string): IrcMessage {
  const { account } = message.tags;
  return {
    ...message,
    tags: account === undefined ? {} : { account },
    command: "PART",
    params: reason === "" ? [channel] : [channel, reason],
  };
}

function kickedAsGone(message: IrcMessage): IrcMessage {
  const why = message.params.length > 2 ? ` (${cleanReason(lastParam(message))})` : "";
  const kicked = { ...message, tags: {}, nick: param(message, 1), ident: "", hostname: "" };
  return goneFrom(kicked, param(message, 0), `kicked by ${cleanReason(message.nick || message.prefix)}${why}`);
}

/**
 * When the members of a channel are known: after NAMES, and where we would hear of every later login, after the accounts of those
 * who were there before us were asked for. That takes only what the connection has to spare.
 */
function createMemberLists(
  { chatOf, clock, sources }: DeparturesOptions,
  session: Session,
  stopped: AbortSignal,
  tell: (chat: ChatKey) => void,
) {
  const entering = new Set<string>();
  const toAsk = new Set<string>();
  const asked = new Set<string>();
  let asking = false;

  const known = (chat: string): void => {
    const found = chatOf(chat);
    if (found !== undefined) tell(found);
  };
  const askFor = (chat: string): void => {
    toAsk.add(chat);
    void askAll();
  };
  const askAll = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    for (let [next] = toAsk; next !== undefined && !stopped.aborted; [next] = toAsk) {
      const chat = next;
      const ask = (): void => {
        toAsk.delete(chat);
        asked.add(chat);
        session.write(formatLine("WHO", [chat, `%tcna,${whoToken}`]));
      };
      if (chatOf(chat) === undefined) toAsk.delete(chat);
      else if (!session.queue.spare(1, ask)) await clock.wait(whoRetryMs, stopped);
    }
    asking = false;
  };

  return {
    arrived: (chat: ChatKey): void => void entering.add(chat.id),
    take(message: IrcMessage): void {
      const chat = chatOf(param(message, 1))?.id ?? "";
      // RPL_ENDOFNAMES
      if (message.command === "366" && entering.delete(chat)) {
        if (session.options().whox && sources().told) askFor(chat);
        else known(chat);
      }
      // RPL_ENDOFWHO
      if (message.command === "315" && asked.delete(chat)) known(chat);
      // RPL_TRYAGAIN
      if (message.command === "263" && param(message, 1).toUpperCase() === "WHO") {
        for (const one of asked) known(one);
        asked.clear();
      }
    },
  };
}
