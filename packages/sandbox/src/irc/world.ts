/**
 * The state of one sandbox IRC server: people, channels, connections, what was said. Plain records and the few steps that
 * keep them consistent; it writes no line (send.ts) and understands no command (the commands files).
 */
import type { Socket } from "node:net";
import type { ServerSettings } from "./options.ts";
import { foldName } from "./wire.ts";

/** Somebody on the network: a connection (`link`), or a person the sandbox itself plays. */
export interface User {
  nick: string;
  folded: string;
  username: string;
  host: string;
  realname: string;
  account: string | undefined;
  away: string | undefined;
  readonly channels: Set<Channel>;
  /** Which side of a netsplit the user is on; 0 when there is none. */
  side: number;
  readonly link: Link | undefined;
}

export interface Member {
  op: boolean;
  voice: boolean;
}

export interface Channel {
  readonly name: string;
  readonly folded: string;
  readonly createdAtMs: number;
  topic: { text: string; by: string; atMs: number } | undefined;
  readonly modes: Set<string>;
  key: string | undefined;
  limit: number | undefined;
  readonly bans: string[];
  readonly members: Map<User, Member>;
  readonly invited: Set<User>;
}

/** One thing that was said, as history keeps it. */
export interface Said {
  readonly msgid: string;
  readonly atMs: number;
  readonly source: string;
  readonly account: string | undefined;
  readonly command: "PRIVMSG" | "NOTICE" | "TAGMSG";
  readonly text: string;
  readonly clientTags: string;
}

/** One connection. */
export interface Link {
  readonly id: number;
  readonly socket: Socket;
  readonly host: string;
  caps: number;
  capVersion: number;
  negotiating: boolean;
  password: string | undefined;
  nick: string | undefined;
  username: string | undefined;
  realname: string;
  account: string | undefined;
  sasl: string | undefined;
  user: User | undefined;
  pending: string;
  out: string[];
  outBytes: number;
  /** While a labelled command runs, its answers are collected here. */
  capture: { tags: string; body: string }[] | undefined;
  tokens: number;
  tokensAtMs: number;
  backlog: string[];
  backlogTimer: NodeJS.Timeout | undefined;
  heardAtMs: number;
  pingedAtMs: number | undefined;
  readonly openedAtMs: number;
  readonly monitored: Set<string>;
  closed: boolean;
}

/** What a test or a bench reads off the server. */
export interface SandboxIrcCounters {
  connections: number;
  registered: number;
  linesIn: number;
  linesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Lines that exceeded the throttle. */
  excess: number;
  /** Links closed because a line was too long. */
  overlong: number;
  /** Relayed lines that had to be cut to the wire's limit. */
  cut: number;
  readonly commands: Map<string, number>;
}

export interface World {
  readonly settings: ServerSettings;
  readonly users: Map<string, User>;
  readonly channels: Map<string, Channel>;
  readonly history: Map<string, Said[]>;
  readonly links: Set<Link>;
  readonly dirty: Set<Link>;
  flushScheduled: boolean;
  readonly klines: string[];
  /** Folded names of channels that nobody may enter. */
  readonly forbidden: Set<string>;
  readonly counters: SandboxIrcCounters;
  readonly run: string;
  nextId: number;
  blackHole: boolean;
  readonly listeners: Set<(heard: HeardLine) => void>;
}

/** A line that a client sent, for observers inside a test. */
export interface HeardLine {
  readonly atMs: number;
  readonly nick: string | undefined;
  readonly line: string;
}

export function createWorld(settings: ServerSettings, run: string): World {
  return {
    settings,
    users: new Map(),
    channels: new Map(),
    history: new Map(),
    links: new Set(),
    dirty: new Set(),
    flushScheduled: false,
    klines: [],
    forbidden: new Set(),
    counters: {
      connections: 0,
      registered: 0,
      linesIn: 0,
      linesOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      excess: 0,
      overlong: 0,
      cut: 0,
      commands: new Map(),
    },
    run,
    nextId: 1,
    blackHole: false,
    listeners: new Set(),
  };
}

/** Unique for ever, also across restarts of the same sandbox. */
export const makeMsgid = (world: World): string => `${world.run}-${(world.nextId++).toString(36)}`;

export const fold = (world: World, name: string): string => foldName(name, world.settings.casemapping);
export const findUser = (world: World, nick: string): User | undefined => world.users.get(fold(world, nick));
export const findChannel = (world: World, name: string): Channel | undefined => world.channels.get(fold(world, name));
export const maskOf = (user: User): string => `${user.nick}!${user.username}@${user.host}`;
export const isOp = (channel: Channel, user: User): boolean => channel.members.get(user)?.op === true;

export function ensureChannel(world: World, name: string): Channel {
  const folded = fold(world, name);
  const existing = world.channels.get(folded);
  if (existing) return existing;
  const channel: Channel = {
    name,
    folded,
    createdAtMs: world.settings.now(),
    topic: undefined,
    modes: new Set(["n", "t"]),
    key: undefined,
    limit: undefined,
    bans: [],
    members: new Map(),
    invited: new Set(),
  };
  world.channels.set(folded, channel);
  return channel;
}

/** The first one in gets op, as everywhere. */
export function addMember(channel: Channel, user: User): Member {
  const member = { op: channel.members.size === 0, voice: false };
  channel.members.set(user, member);
  channel.invited.delete(user);
  user.channels.add(channel);
  return member;
}

/** An empty channel is forgotten; its history is not. */
export function removeMember(world: World, channel: Channel, user: User): void {
  channel.members.delete(user);
  user.channels.delete(channel);
  if (channel.members.size === 0) world.channels.delete(channel.folded);
}

/** Everybody who shares a channel with the user and is on the same side of a split, without the user. */
export function peersOf(user: User): Set<User> {
  const peers = new Set<User>();
  for (const channel of user.channels) {
    for (const peer of channel.members.keys()) if (peer !== user && peer.side === user.side) peers.add(peer);
  }
  return peers;
}

export function addPerson(world: World, nick: string, account: string | undefined): User {
  const user: User = {
    nick,
    folded: fold(world, nick),
    username: "person",
    host: "people.sandbox.test",
    realname: nick,
    account,
    away: undefined,
    channels: new Set(),
    side: 0,
    link: undefined,
  };
  world.users.set(user.folded, user);
  return user;
}

/** Keeps what was said, the oldest going first once there is too much. */
export function remember(world: World, folded: string, said: Said): void {
  const retained = world.settings.history?.retained ?? 10_000;
  let list = world.history.get(folded);
  if (!list) {
    list = [];
    world.history.set(folded, list);
  }
  list.push(said);
  // cut in blocks: shifting one each time would cost a copy a message
  if (list.length > retained * 1.25) list.splice(0, list.length - retained);
}
