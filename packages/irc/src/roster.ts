/**
 * Who is in which channel: the channels we know of and the people we share one with, under names compared by the network's
 * CASEMAPPING. It knows no lines; channel-state.ts reads those.
 */

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

export interface Roster {
  channel(name: string): Channel | undefined;
  channels(): readonly Channel[];
  person(nick: string): Person | undefined;
  people(): readonly Person[];
  /** We came in. */
  enter(name: string): void;
  add(channel: Channel, nick: string, prefixes: string): void;
  /** Somebody went out of a channel. */
  remove(name: string, nick: string): void;
  /** We went out of it. */
  drop(name: string): void;
  /** Somebody is gone from all channels. */
  removeEverywhere(nick: string): void;
  rename(from: string, to: string): void;
  /** `*`, `0` and nothing are no account. */
  setAccount(nick: string, account: string): void;
  reset(): void;
}

/** Builds an empty roster; `fold` is asked each time. */
export function createRoster(fold: (name: string) => string): Roster {
  const channels = new Map<string, Channel>();
  const people = new Map<string, Person>();

  const personOf = (nick: string): Person => {
    const known = people.get(fold(nick));
    if (known !== undefined) return known;
    const fresh: Person = { nick, channels: new Set() };
    people.set(fold(nick), fresh);
    return fresh;
  };
  const removeFrom = (channel: Channel, person: Person): void => {
    channel.members.delete(person);
    channel.nicks.delete(fold(person.nick));
    person.channels.delete(channel);
    if (person.channels.size === 0) people.delete(fold(person.nick));
  };

  return {
    channel: (name) => channels.get(fold(name)),
    channels: () => [...channels.values()],
    person: (nick) => people.get(fold(nick)),
    people: () => [...people.values()],
    enter(name) {
      const known = channels.get(fold(name));
      if (known === undefined) {
        channels.set(fold(name), { name, joined: true, modes: new Map(), members: new Map(), nicks: new Set() });
        return;
      }
      known.joined = true;
      known.name = name;
    },
    add(channel, nick, prefixes) {
      const person = personOf(nick);
      person.channels.add(channel);
      channel.members.set(person, prefixes);
      channel.nicks.add(fold(nick));
    },
    remove(name, nick) {
      const channel = channels.get(fold(name));
      const person = people.get(fold(nick));
      if (channel !== undefined && person !== undefined) removeFrom(channel, person);
    },
    drop(name) {
      const channel = channels.get(fold(name));
      if (channel === undefined) return;
      for (const person of [...channel.members.keys()]) removeFrom(channel, person);
      channels.delete(fold(channel.name));
    },
    removeEverywhere(nick) {
      const person = people.get(fold(nick));
      if (person === undefined) return;
      for (const channel of [...person.channels]) removeFrom(channel, person);
    },
    rename(from, to) {
      const person = people.get(fold(from));
      if (person === undefined) return;
      people.delete(fold(from));
      for (const { nicks } of person.channels) nicks.delete(fold(from));
      person.nick = to;
      people.set(fold(to), person);
      for (const { nicks } of person.channels) nicks.add(fold(to));
    },
    setAccount(nick, account) {
      const person = people.get(fold(nick));
      if (person === undefined) return;
      if (account === "*" || account === "0" || account === "") delete person.account;
      else person.account = account;
    },
    reset() {
      channels.clear();
      people.clear();
    },
  };
}
