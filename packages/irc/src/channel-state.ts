/**
 * What we know of the channels we are in, from the lines of one connection: members with their prefixes and accounts, topic,
 * modes, key. All names are compared by the network's CASEMAPPING. Reset with each connection. It decides nothing: joining
 * is joins.ts, telling the core is connections.ts.
 */
import { type IrcMessage, lastParam, param } from "./message.ts";
import type { ServerOptions } from "./profiles.ts";

/** Somebody we share a channel with; one object however many channels that are, so that a rename is one change. */
export interface Person {
  nick: string;
  account?: string;
  readonly channels: Set<Channel>;
}

export interface Channel {
  /** As the server writes it. */
  name: string;
  joined: boolean;
  topic?: string;
  /** Modes without a list, with their parameter: `n` → "", `l` → "50". The key is kept out of it. */
  readonly modes: Map<string, string>;
  key?: string;
  /** Person → prefix symbols, highest first. */
  readonly members: Map<Person, string>;
  /** Their nicks, folded. */
  readonly nicks: Set<string>;
}

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
  const channels = new Map<string, Channel>();
  const people = new Map<string, Person>();

  const channelOf = (name: string): Channel => {
    const known = channels.get(fold(name));
    if (known !== undefined) return known;
    const fresh: Channel = { name, joined: false, modes: new Map(), members: new Map(), nicks: new Set() };
    channels.set(fold(name), fresh);
    return fresh;
  };
  const personOf = (nick: string): Person => {
    const known = people.get(fold(nick));
    if (known !== undefined) return known;
    const fresh: Person = { nick, channels: new Set() };
    people.set(fold(nick), fresh);
    return fresh;
  };
  const add = (channel: Channel, nick: string, prefixes: string): Person => {
    const person = personOf(nick);
    person.channels.add(channel);
    channel.members.set(person, prefixes);
    channel.nicks.add(fold(nick));
    return person;
  };
  const removeFrom = (channel: Channel, person: Person): void => {
    channel.members.delete(person);
    channel.nicks.delete(fold(person.nick));
    person.channels.delete(channel);
    if (person.channels.size === 0) people.delete(fold(person.nick));
  };
  const drop = (channel: Channel): void => {
    for (const person of [...channel.members.keys()]) removeFrom(channel, person);
    channels.delete(fold(channel.name));
  };
  const leave = (name: string, nick: string, own: boolean): void => {
    const channel = channels.get(fold(name));
    if (channel === undefined) return;
    const person = people.get(fold(nick));
    if (own) drop(channel);
    else if (person !== undefined) removeFrom(channel, person);
  };
  const rename = (from: string, to: string): void => {
    const person = people.get(fold(from));
    if (person === undefined) return;
    people.delete(fold(from));
    for (const { nicks } of person.channels) nicks.delete(fold(from));
    person.nick = to;
    people.set(fold(to), person);
    for (const { nicks } of person.channels) nicks.add(fold(to));
  };
  const setAccount = (nick: string, account: string): void => {
    const person = people.get(fold(nick));
    if (person === undefined) return;
    if (account === "*" || account === "0" || account === "") delete person.account;
    else person.account = account;
  };

  const handlers: Record<
    string,
    (message: IrcMessage, isOwn: (nick: string) => boolean, options: ServerOptions, sources: AccountSources) => void
  > = {
    JOIN(message, isOwn, _, { told }) {
      const name = param(message, 0);
      if (isOwn(message.nick)) {
        const channel = channelOf(name);
        channel.joined = true;
        channel.name = name;
      }
      if (channels.get(fold(name))?.joined !== true) return;
      add(channelOf(name), message.nick, "");
      if (told && message.params.length > 2) setAccount(message.nick, param(message, 1));
    },
    PART: (message, isOwn) => leave(param(message, 0), message.nick, isOwn(message.nick)),
    KICK: (message, isOwn) => leave(param(message, 0), param(message, 1), isOwn(param(message, 1))),
    QUIT(message) {
      const person = people.get(fold(message.nick));
      if (person !== undefined) for (const channel of [...person.channels]) removeFrom(channel, person);
    },
    NICK: (message) => rename(message.nick, param(message, 0)),
    ACCOUNT(message, _, __, { told }) {
      if (told) setAccount(message.nick, param(message, 0));
    },
    TOPIC(message) {
      const channel = channels.get(fold(param(message, 0)));
      if (channel !== undefined) channel.topic = message.params.length > 1 ? lastParam(message) : "";
    },
    MODE(message, _, options) {
      const channel = channels.get(fold(param(message, 0)));
      if (channel !== undefined) applyModes(channel, param(message, 1), message.params.slice(2), options, people, fold);
    },
    // RPL_CHANNELMODEIS, RPL_NOTOPIC, RPL_TOPIC
    "324"(message, _, options) {
      const channel = channels.get(fold(param(message, 1)));
      if (channel === undefined) return;
      channel.modes.clear();
      applyModes(channel, param(message, 2), message.params.slice(3), options, people, fold);
    },
    "331"(message) {
      const channel = channels.get(fold(param(message, 1)));
      if (channel !== undefined) channel.topic = "";
    },
    "332"(message) {
      const channel = channels.get(fold(param(message, 1)));
      if (channel !== undefined) channel.topic = lastParam(message);
    },
    // RPL_NAMREPLY
    "353"(message, _, options) {
      const channel = channels.get(fold(param(message, 2)));
      if (channel?.joined !== true) return;
      for (const word of lastParam(message).split(" ")) {
        const { nick, symbols } = splitPrefix(word, options);
        if (nick !== "") add(channel, nick, symbols);
      }
    },
    // RPL_WHOSPCRPL to our `WHO #c %tcna,<token>`: token, channel, nick, account
    "354"(message, _, __, { told }) {
      const isOurs = message.params.length === 5 && param(message, 1) === whoToken;
      if (told && isOurs) setAccount(param(message, 3), param(message, 4));
    },
  };

  return {
    find: (name) => channels.get(fold(name)),
    person: (nick) => people.get(fold(nick)),
    withAccount: (account) =>
      [...people.values()].find((person) => person.account !== undefined && fold(person.account) === fold(account)),
    isJoined: (name) => channels.get(fold(name))?.joined === true,
    joined: () => [...channels.values()].filter((channel) => channel.joined),
    take(message, ownNick, options, sources) {
      const own = fold(ownNick);
      if (Object.hasOwn(handlers, message.command)) {
        handlers[message.command]?.(message, (nick) => fold(nick) === own, options, sources);
      }
      if (!sources.tagged || message.nick === "") return;
      const account = message.tags["account"];
      if (account !== undefined) setAccount(message.nick, account);
      else if (message.command === "PRIVMSG" || message.command === "NOTICE") setAccount(message.nick, "*");
    },
    reset() {
      channels.clear();
      people.clear();
    },
  };
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
  people: ReadonlyMap<string, Person>,
  fold: (name: string) => string,
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
      const person = people.get(fold(value ?? ""));
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
