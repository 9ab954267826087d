/**
 * What we know of the channels we are in, from the lines of one connection: members with their prefixes and accounts, topic,
 * modes, key. All names are compared by the network's CASEMAPPING. Reset with each connection. It decides nothing: joining
 * is joins.ts, telling the core is hearing.ts.
 */
import { type IrcMessage, lastParam, param } from "./message.ts";
import type { ServerOptions } from "./profiles.ts";
import { type Channel, createRoster, type Person, type Roster } from "./roster.ts";

/** Which words about accounts can be believed on this connection (its capabilities). */
export interface AccountSources {
  /** account-tag: whoever speaks without the tag is not logged in. */
  readonly tagged: boolean;
  /** account-notify: we hear of every login and logout. Without it, what a JOIN or a WHO said may be over at any moment. */
  readonly told: boolean;
}

/** Marks our own `WHO #c %tcna,<token>`. */
export const whoToken = "742";

export interface ChannelState {
  find(name: string): Channel | undefined;
  person(nick: string): Person | undefined;
  /** Somebody we share a channel with who is logged in to this account. */
  withAccount(account: string): Person | undefined;
  isJoined(name: string): boolean;
  joined(): readonly Channel[];
  /** Takes one line; unknown ones change nothing. */
  take(message: IrcMessage, ownNick: string, options: ServerOptions, sources: AccountSources): void;
  reset(): void;
}

/** Builds an empty state; `fold` is asked each time, for CASEMAPPING comes after the first lines. */
export function createChannelState(fold: (name: string) => string): ChannelState {
  const roster = createRoster(fold);
  return {
    find: roster.channel,
    person: roster.person,
    withAccount: (account) =>
      roster.people().find((person) => person.account !== undefined && fold(person.account) === fold(account)),
    isJoined: (name) => roster.channel(name)?.joined === true,
    joined: () => roster.channels().filter((channel) => channel.joined),
    take(message, ownNick, options, { tagged, told }) {
      const own = fold(ownNick);
      if (Object.hasOwn(readings, message.command)) {
        readings[message.command]?.({ message, roster, isOwn: (nick) => fold(nick) === own, options, told });
      }
      if (!tagged || message.nick === "") return;
      const account = message.tags["account"];
      if (account !== undefined) roster.setAccount(message.nick, account);
      else if (message.command === "PRIVMSG" || message.command === "NOTICE") roster.setAccount(message.nick, "*");
    },
    reset: roster.reset,
  };
}

/** A line with all that its reading depends on. */
interface Line {
  readonly message: IrcMessage;
  readonly roster: Roster;
  readonly isOwn: (nick: string) => boolean;
  readonly options: ServerOptions;
  /** Of AccountSources. */
  readonly told: boolean;
}

/** What a line changes, by its command or numeric. */
const readings: Readonly<Record<string, (line: Line) => void>> = {
  JOIN({ message, roster, isOwn, told }) {
    const name = param(message, 0);
    if (isOwn(message.nick)) roster.enter(name);
    const channel = roster.channel(name);
    if (channel?.joined !== true) return;
    roster.add(channel, message.nick, "");
    if (told && message.params.length > 2) roster.setAccount(message.nick, param(message, 1));
  },
  PART: (line) => leave(line, line.message.nick),
  KICK: (line) => leave(line, param(line.message, 1)),
  QUIT: ({ message, roster }) => roster.removeEverywhere(message.nick),
  NICK: ({ message, roster }) => roster.rename(message.nick, param(message, 0)),
  ACCOUNT({ message, roster, told }) {
    if (told) roster.setAccount(message.nick, param(message, 0));
  },
  TOPIC: ({ message, roster }) =>
    setTopic(roster.channel(param(message, 0)), message.params.length > 1 ? lastParam(message) : ""),
  MODE({ message, roster, options }) {
    const channel = roster.channel(param(message, 0));
    if (channel !== undefined) applyModes(channel, param(message, 1), message.params.slice(2), options, roster);
  },
  // RPL_CHANNELMODEIS, RPL_NOTOPIC, RPL_TOPIC
  "324"({ message, roster, options }) {
    const channel = roster.channel(param(message, 1));
    if (channel === undefined) return;
    channel.modes.clear();
    applyModes(channel, param(message, 2), message.params.slice(3), options, roster);
  },
  "331": ({ message, roster }) => setTopic(roster.channel(param(message, 1)), ""),
  "332": ({ message, roster }) => setTopic(roster.channel(param(message, 1)), lastParam(message)),
  // RPL_NAMREPLY
  "353"({ message, roster, options }) {
    const channel = roster.channel(param(message, 2));
    if (channel?.joined !== true) return;
    for (const word of lastParam(message).split(" ")) {
      const { nick, symbols } = splitPrefix(word, options);
      if (nick !== "") roster.add(channel, nick, symbols);
    }
  },
  // RPL_WHOSPCRPL to our `WHO #c %tcna,<token>`: token, channel, nick, account
  "354"({ message, roster, told }) {
    const isOurs = message.params.length === 5 && param(message, 1) === whoToken;
    if (told && isOurs) roster.setAccount(param(message, 3), param(message, 4));
  },
};

function leave({ message, roster, isOwn }: Line, nick: string): void {
  if (isOwn(nick)) roster.drop(param(message, 0));
  else roster.remove(param(message, 0), nick);
}

function setTopic(channel: Channel | undefined, topic: string): void {
  if (channel !== undefined) channel.topic = topic;
}

/** `@+nick!user@host` → nick and symbols. */
function splitPrefix(word: string, options: ServerOptions): { nick: string; symbols: string } {
  let end = 0;
  while (end < word.length && options.prefixes.some(([, symbol]) => symbol === word[end])) end += 1;
  const mask = word.slice(end);
  const bang = mask.indexOf("!");
  return { nick: bang === -1 ? mask : mask.slice(0, bang), symbols: word.slice(0, end) };
}

function applyModes(
  channel: Channel,
  letters: string,
  values: readonly string[],
  options: ServerOptions,
  roster: Roster,
): void {
  const [lists, always, onSet] = options.chanmodes;
  const rest = [...values];
  let adding = true;
  for (const letter of letters) {
    if (letter === "+" || letter === "-") {
      adding = letter === "+";
      continue;
    }
    const prefix = options.prefixes.find(([mode]) => mode === letter);
    const takesValue =
      prefix !== undefined || lists.includes(letter) || always.includes(letter) || (adding && onSet.includes(letter));
    const value = takesValue ? rest.shift() : undefined;
    if (prefix !== undefined) {
      const person = roster.person(value ?? "");
      if (person !== undefined && channel.members.has(person)) setPrefix(channel, person, prefix[1], adding, options);
    } else if (letter === "k") {
      if (adding && value !== undefined && value !== "*") channel.key = value;
      else if (!adding) delete channel.key;
    } else if (!lists.includes(letter)) {
      if (adding) channel.modes.set(letter, value ?? "");
      else channel.modes.delete(letter);
    }
  }
}

function setPrefix(channel: Channel, person: Person, symbol: string, adding: boolean, options: ServerOptions): void {
  const had = new Set(channel.members.get(person) ?? "");
  if (adding) had.add(symbol);
  else had.delete(symbol);
  const ordered = options.prefixes.map(([, known]) => known).filter((known) => had.has(known));
  channel.members.set(person, ordered.join(""));
}
