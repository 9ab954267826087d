/**
 * The hand of the test: people who speak without a connection of their own, netsplits, kicks, kills, bans. Texts here are
 * ordinary strings; what goes on the wire is made in `toWire`.
 */
import { announceJoin, joinChannel, kickUser, partChannel, removeUser, setTopic } from "./channel-commands.ts";
import { closeLink } from "./link.ts";
import { applyModes } from "./modes.ts";
import { isBanned, renameUser } from "./registration.ts";
import { numeric, relay, sendLine } from "./send.ts";
import { redactInChannel, sayInChannel } from "./talk.ts";
import { fromWire, toWire } from "./wire.ts";
import {
  addPerson,
  type Channel,
  ensureChannel,
  findChannel,
  findUser,
  fold,
  maskOf,
  peersOf,
  type User,
  type World,
} from "./world.ts";

/** What was said in a channel, in order, as an observer of the server sees it. */
export interface SandboxIrcMessage {
  readonly msgid: string;
  readonly atMs: number;
  readonly nick: string;
  readonly source: string;
  readonly command: "PRIVMSG" | "NOTICE" | "TAGMSG";
  readonly text: string;
  readonly tags: string;
}

export interface SandboxIrcControls {
  /** A person says something; he is made and joins first if needed. */
  say(nick: string, channel: string, text: string): SandboxIrcMessage;
  notice(nick: string, channel: string, text: string): SandboxIrcMessage;
  action(nick: string, channel: string, text: string): SandboxIrcMessage;
  /** With client-only tags: `+draft/reply=...`, `+draft/react=...`. */
  tagged(nick: string, channel: string, tags: string, text?: string): SandboxIrcMessage;
  /** A private message to a connected client. */
  whisper(nick: string, to: string, text: string): void;
  join(nick: string, channel: string, account?: string): void;
  /** Logs a person in, or out (`undefined`), as services do; also before he is anywhere. */
  login(nick: string, account: string | undefined): void;
  /** The `user@host` that a person is seen under from his next line on. */
  dress(nick: string, username: string, host: string): void;
  part(nick: string, channel: string, reason?: string): void;
  quit(nick: string, reason?: string): void;
  rename(nick: string, wanted: string): void;
  setTopic(nick: string, channel: string, text: string): void;
  mode(nick: string, channel: string, changes: string, ...args: string[]): void;
  redact(nick: string, channel: string, msgid: string, reason?: string): void;
  kick(nick: string, channel: string, reason?: string, by?: string): void;
  /** Ends a client's connection as an operator does. */
  kill(nick: string, reason?: string): void;
  /** Bans a mask from the server, or lifts the ban; whoever it covers is closed. */
  /** Nobody may enter this channel any more (479), or may again. */
  forbid(channel: string, on: boolean): void;
  addKline(mask: string, reason?: string): void;
  removeKline(mask: string): void;
  /** These users vanish behind a split (QUIT "hub leaf"), and come back with `heal`. */
  netsplit(nicks: readonly string[], servers?: string): void;
  heal(): void;
  nicks(channel: string): string[];
  topic(channel: string): string | undefined;
  messages(channel: string): SandboxIrcMessage[];
  /** Sends a raw line to one client, for what no control covers. */
  sendRaw(nick: string, line: string): void;
}

export function createControls(world: World): SandboxIrcControls {
  return { ...speakingControls(world), ...peopleControls(world), ...powerControls(world), ...views(world) };
}

function person(world: World, nick: string, account?: string): User {
  return findUser(world, nick) ?? addPerson(world, nick, account);
}

function present(world: World, nick: string, name: string): { user: User; channel: Channel } {
  const user = person(world, nick);
  const channel = ensureChannel(world, name);
  joinChannel(world, user, channel);
  return { user, channel };
}

type Speaking = Pick<SandboxIrcControls, "say" | "notice" | "action" | "tagged" | "whisper" | "setTopic" | "redact">;

function speakingControls(world: World): Speaking {
  const speak = (nick: string, name: string, command: "PRIVMSG" | "NOTICE" | "TAGMSG", text: string, tags = "") => {
    const { user, channel } = present(world, nick, name);
    // a person's own server would have refused a line that does not fit
    const room = world.settings.lineBytesMax - maskOf(user).length - channel.name.length - command.length - 7;
    const wire = toWire(text.replace(/[\r\n\0]/g, " ")).slice(0, room);
    const said = sayInChannel(world, channel, user, { command, text: wire, clientTags: toWire(tags) });
    return view(said);
  };
  return {
    say: (nick, channel, text) => speak(nick, channel, "PRIVMSG", text),
    notice: (nick, channel, text) => speak(nick, channel, "NOTICE", text),
    action: (nick, channel, text) => speak(nick, channel, "PRIVMSG", `\x01ACTION ${text}\x01`),
    tagged: (nick, channel, tags, text) =>
      speak(nick, channel, text === undefined ? "TAGMSG" : "PRIVMSG", text ?? "", tags),
    whisper(nick, to, text) {
      const user = person(world, nick);
      const peer = findUser(world, to);
      const body = `PRIVMSG ${peer?.nick} :${toWire(text)}`;
      if (peer) relay(world, [peer], { source: maskOf(user), body, atMs: world.settings.now(), account: user.account });
    },
    setTopic(nick, name, text) {
      const { user, channel } = present(world, nick, name);
      setTopic(world, channel, user, toWire(text));
    },
    redact(nick, name, msgid, reason) {
      const { user, channel } = present(world, nick, name);
      const list = world.history.get(channel.folded) ?? [];
      const at = list.findIndex((said) => said.msgid === msgid);
      if (at >= 0) list.splice(at, 1);
      redactInChannel(world, channel, user, msgid, reason);
    },
  };
}

type People = Pick<SandboxIrcControls, "join" | "login" | "dress" | "part" | "quit" | "rename" | "mode">;

function peopleControls(world: World): People {
  return {
    login(nick, account) {
      const user = person(world, nick);
      if (user.account === account) return;
      user.account = account;
      const message = { source: maskOf(user), body: `ACCOUNT ${account ?? "*"}`, atMs: world.settings.now(), account };
      relay(world, peersOf(user), message, "account-notify");
    },
    dress(nick, username, host) {
      Object.assign(person(world, nick), { username, host });
    },
    join(nick, name, account) {
      joinChannel(world, person(world, nick, account), ensureChannel(world, name));
    },
    part(nick, name, reason = "") {
      const user = findUser(world, nick);
      const channel = findChannel(world, name);
      if (user && channel?.members.has(user)) partChannel(world, user, channel, toWire(reason));
    },
    quit(nick, reason = "Quit") {
      const user = findUser(world, nick);
      if (user && !user.link) removeUser(world, user, toWire(reason));
    },
    rename(nick, wanted) {
      const user = findUser(world, nick);
      if (user) renameUser(world, user, wanted);
    },
    mode(nick, name, changes, ...args) {
      const { user, channel } = present(world, nick, name);
      applyModes(world, channel, user, changes, args);
    },
  };
}

type Power = Pick<
  SandboxIrcControls,
  "kick" | "kill" | "forbid" | "addKline" | "removeKline" | "netsplit" | "heal" | "sendRaw"
>;

function powerControls(world: World): Power {
  return {
    kick(nick, name, reason = "kicked", by) {
      const user = findUser(world, nick);
      const channel = findChannel(world, name);
      const source = by === undefined ? world.settings.name : maskOf(person(world, by));
      if (user && channel?.members.has(user)) kickUser(world, channel, user, source, toWire(reason));
    },
    kill(nick, reason = "Killed") {
      const link = findUser(world, nick)?.link;
      if (link) closeLink(world, link, `Killed (oper (${reason}))`);
    },
    forbid(name, on) {
      if (on) world.forbidden.add(fold(world, name));
      else world.forbidden.delete(fold(world, name));
    },
    addKline(mask, reason = "K-lined") {
      world.klines.push(mask);
      for (const user of [...world.users.values()]) {
        if (!user.link || !isBanned(world, user)) continue;
        numeric(world, user.link, "465", `You are banned from this server: ${reason}`);
        closeLink(world, user.link, reason);
      }
    },
    removeKline(mask) {
      const at = world.klines.indexOf(mask);
      if (at >= 0) world.klines.splice(at, 1);
    },
    netsplit: (nicks, servers) => split(world, nicks, servers ?? "hub.sandbox.test leaf.sandbox.test"),
    heal: () => heal(world),
    sendRaw(nick, line) {
      const link = findUser(world, nick)?.link;
      if (link) sendLine(world, link, toWire(line).replace(/[\r\n]/g, ""));
    },
  };
}

function split(world: World, nicks: readonly string[], servers: string): void {
  const leaving = nicks.map((nick) => findUser(world, nick)).filter((user) => user !== undefined);
  const body = `QUIT :${servers}`;
  const atMs = world.settings.now();
  // everybody on the one side sees everybody of the other go
  const staying = new Set(leaving.flatMap((user) => [...peersOf(user)]).filter((user) => !leaving.includes(user)));
  for (const user of leaving) {
    const peers = [...peersOf(user)].filter((peer) => !leaving.includes(peer));
    relay(world, peers, { source: maskOf(user), body, atMs, account: user.account });
  }
  for (const user of staying) {
    const seers = leaving.filter((peer) => peersOf(peer).has(user));
    relay(world, seers, { source: maskOf(user), body, atMs, account: user.account });
  }
  for (const user of leaving) user.side = 1;
}

function heal(world: World): void {
  const back = [...world.users.values()].filter((user) => user.side !== 0);
  for (const channel of world.channels.values()) {
    const here = [...channel.members.keys()];
    const rejoining = here.filter((user) => user.side !== 0);
    if (rejoining.length === 0 || rejoining.length === here.length) continue;
    for (const user of rejoining)
      showArrival(
        world,
        user,
        channel,
        here.filter((peer) => peer.side === 0),
      );
    for (const user of here.filter((peer) => peer.side === 0)) showArrival(world, user, channel, rejoining);
  }
  for (const user of back) user.side = 0;
}

function showArrival(world: World, user: User, channel: Channel, seers: readonly User[]): void {
  const alone: Channel = { ...channel, members: new Map(seers.map((seer) => [seer, { op: false, voice: false }])) };
  const sides = seers.map((seer) => seer.side);
  for (const seer of seers) seer.side = user.side;
  announceJoin(world, user, alone);
  for (const [at, seer] of seers.entries()) seer.side = sides[at] as number;
  if (channel.members.get(user)?.op)
    relay(world, seers, {
      source: world.settings.name,
      body: `MODE ${channel.name} +o ${user.nick}`,
      atMs: world.settings.now(),
    });
}

function views(world: World): Pick<SandboxIrcControls, "nicks" | "topic" | "messages"> {
  return {
    nicks: (name) => [...(findChannel(world, name)?.members.keys() ?? [])].map((user) => user.nick),
    topic(name) {
      const text = findChannel(world, name)?.topic?.text;
      return text === undefined ? undefined : fromWire(text);
    },
    messages: (name) => (world.history.get(fold(world, name)) ?? []).map(view),
  };
}

const view = (said: {
  readonly msgid: string;
  readonly atMs: number;
  readonly source: string;
  readonly command: "PRIVMSG" | "NOTICE" | "TAGMSG";
  readonly text: string;
  readonly clientTags: string;
}): SandboxIrcMessage => ({
  msgid: said.msgid,
  atMs: said.atMs,
  nick: fromWire(said.source.split("!")[0] as string),
  source: said.source,
  command: said.command,
  text: fromWire(said.text),
  tags: said.clientTags,
});
