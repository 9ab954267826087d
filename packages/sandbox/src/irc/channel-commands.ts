/**
 * What changes a channel: JOIN, PART, KICK, TOPIC, MODE, INVITE, NAMES, and leaving the network. Each step is a function on
 * the world that the controls use too; the command handlers only check and refuse.
 */

import { tellMonitors } from "./registration.ts";
import { hasCap, numeric, relay } from "./send.ts";
import { isChannelName, type Line, maskMatches } from "./wire.ts";
import {
  addMember,
  type Channel,
  ensureChannel,
  findChannel,
  findUser,
  fold,
  isOp,
  type Link,
  maskOf,
  peersOf,
  removeMember,
  type User,
  type World,
} from "./world.ts";

/** Members that can see each other: the same side of a split. */
export function* membersBeside(channel: Channel, user: User): Iterable<User> {
  for (const member of channel.members.keys()) if (member.side === user.side) yield member;
}

export function joinChannel(world: World, user: User, channel: Channel): undefined {
  if (channel.members.has(user)) return;
  addMember(channel, user);
  announceJoin(world, user, channel);
  if (!user.link) return;
  if (channel.topic) sendTopic(world, user.link, channel);
  sendNames(world, user.link, channel);
}

export function announceJoin(world: World, user: User, channel: Channel): undefined {
  const atMs = world.settings.now();
  const source = maskOf(user);
  const account = user.account;
  const plain = [...membersBeside(channel, user)].filter((m) => m.link && !hasCap(m.link, "extended-join"));
  relay(world, plain, { source, body: `JOIN ${channel.name}`, atMs, account });
  const body = `JOIN ${channel.name} ${account ?? "*"} :${user.realname}`;
  relay(world, membersBeside(channel, user), { source, body, atMs, account }, "extended-join");
}

export function partChannel(world: World, user: User, channel: Channel, reason: string): undefined {
  const body = reason === "" ? `PART ${channel.name}` : `PART ${channel.name} :${reason}`;
  relay(world, membersBeside(channel, user), {
    source: maskOf(user),
    body,
    atMs: world.settings.now(),
    account: user.account,
  });
  removeMember(world, channel, user);
}

export function kickUser(world: World, channel: Channel, victim: User, source: string, reason: string): undefined {
  const body = `KICK ${channel.name} ${victim.nick} :${reason.slice(0, world.settings.kickLen)}`;
  relay(world, membersBeside(channel, victim), { source, body, atMs: world.settings.now() });
  removeMember(world, channel, victim);
}

export function setTopic(world: World, channel: Channel, user: User, text: string): undefined {
  const cut = text.slice(0, world.settings.topicLen);
  const atMs = world.settings.now();
  channel.topic = cut === "" ? undefined : { text: cut, by: maskOf(user), atMs };
  const body = `TOPIC ${channel.name} :${cut}`;
  relay(world, membersBeside(channel, user), { source: maskOf(user), body, atMs, account: user.account });
}

/** Takes a user off the network and tells whoever could see him. */
export function removeUser(world: World, user: User, reason: string): undefined {
  const atMs = world.settings.now();
  relay(world, peersOf(user), { source: maskOf(user), body: `QUIT :${reason}`, atMs, account: user.account });
  for (const channel of [...user.channels]) removeMember(world, channel, user);
  if (world.users.get(user.folded) === user) world.users.delete(user.folded);
  tellMonitors(world, user.nick, false);
}

export function sendTopic(world: World, link: Link, channel: Channel): undefined {
  if (!channel.topic) return numeric(world, link, "331", channel.name, "No topic is set");
  numeric(world, link, "332", channel.name, channel.topic.text);
  numeric(world, link, "333", channel.name, channel.topic.by, String(Math.floor(channel.topic.atMs / 1000)));
}

export function sendNames(world: World, link: Link, channel: Channel): undefined {
  const room = world.settings.lineBytesMax - world.settings.name.length - channel.name.length - 60;
  let names: string[] = [];
  let length = 0;
  for (const [user, member] of channel.members) {
    if (link.user && user.side !== link.user.side) continue;
    const prefixes = `${member.op ? "@" : ""}${member.voice ? "+" : ""}`;
    const shown = hasCap(link, "multi-prefix") ? prefixes : prefixes.slice(0, 1);
    const name = `${shown}${hasCap(link, "userhost-in-names") ? maskOf(user) : user.nick}`;
    if (length + name.length + 1 > room && names.length > 0) {
      numeric(world, link, "353", "=", channel.name, names.join(" "));
      names = [];
      length = 0;
    }
    names.push(name);
    length += name.length + 1;
  }
  if (names.length > 0) numeric(world, link, "353", "=", channel.name, names.join(" "));
  numeric(world, link, "366", channel.name, "End of NAMES list");
}

export function handleJoin(world: World, link: Link, user: User, line: Line): undefined {
  const [list = "", keys = ""] = line.params;
  if (list === "") return numeric(world, link, "461", "JOIN", "Not enough parameters");
  if (list === "0") {
    for (const channel of [...user.channels]) partChannel(world, user, channel, "Left all channels");
    return;
  }
  const keyList = keys.split(",");
  for (const [at, name] of list.split(",").entries()) joinOne(world, link, user, name, keyList[at] ?? "");
}

function joinOne(world: World, link: Link, user: User, name: string, key: string): undefined {
  if (!isChannelName(name, world.settings.channelLen)) return numeric(world, link, "403", name, "No such channel");
  if (world.forbidden.has(fold(world, name))) return numeric(world, link, "479", name, "Illegal channel name");
  const existing = findChannel(world, name);
  if (existing?.members.has(user)) return;
  if (user.channels.size >= world.settings.channelsMax)
    return numeric(world, link, "405", name, "You have joined too many channels");
  if (existing) {
    const refusal = refuseJoin(existing, user, key);
    if (refusal) return numeric(world, link, refusal[0], existing.name, refusal[1]);
  }
  joinChannel(world, user, existing ?? ensureChannel(world, name));
}

function refuseJoin(channel: Channel, user: User, key: string): [string, string] | undefined {
  const invited = channel.invited.has(user);
  if (channel.key !== undefined && channel.key !== key) return ["475", "Cannot join channel (+k)"];
  if (channel.limit !== undefined && channel.members.size >= channel.limit) return ["471", "Cannot join channel (+l)"];
  if (channel.modes.has("i") && !invited) return ["473", "Cannot join channel (+i)"];
  if (!invited && channel.bans.some((mask) => maskMatches(mask, maskOf(user))))
    return ["474", "Cannot join channel (+b)"];
  return undefined;
}

/** The channel a command names, or the refusal: 403, 442 and, with `op`, 482. */
export function ownChannel(world: World, link: Link, user: User, name: string, op: boolean): Channel | undefined {
  const channel = findChannel(world, name);
  if (!channel) numeric(world, link, "403", name === "" ? "*" : name, "No such channel");
  else if (!channel.members.has(user)) numeric(world, link, "442", channel.name, "You're not on that channel");
  else if (op && !isOp(channel, user)) numeric(world, link, "482", channel.name, "You're not channel operator");
  else return channel;
  return undefined;
}

export function handlePart(world: World, link: Link, user: User, line: Line): undefined {
  const [list = "", reason = ""] = line.params;
  if (list === "") return numeric(world, link, "461", "PART", "Not enough parameters");
  for (const name of list.split(",")) {
    const channel = ownChannel(world, link, user, name, false);
    if (channel) partChannel(world, user, channel, reason);
  }
}

export function handleKick(world: World, link: Link, user: User, line: Line): undefined {
  const [name = "", nick = "", reason] = line.params;
  if (nick === "") return numeric(world, link, "461", "KICK", "Not enough parameters");
  const channel = ownChannel(world, link, user, name, true);
  if (!channel) return;
  const victim = findUser(world, nick);
  if (!victim || !channel.members.has(victim))
    return numeric(world, link, "441", nick, channel.name, "They aren't on that channel");
  kickUser(world, channel, victim, maskOf(user), reason ?? user.nick);
}

export function handleTopic(world: World, link: Link, user: User, line: Line): undefined {
  const [name = "", text] = line.params;
  if (name === "") return numeric(world, link, "461", "TOPIC", "Not enough parameters");
  const channel = ownChannel(world, link, user, name, false);
  if (!channel) return;
  if (text === undefined) return sendTopic(world, link, channel);
  if (channel.modes.has("t") && !isOp(channel, user))
    return numeric(world, link, "482", channel.name, "You're not channel operator");
  setTopic(world, channel, user, text);
}

export function handleInvite(world: World, link: Link, user: User, line: Line): undefined {
  const [nick = "", name = ""] = line.params;
  if (name === "") return numeric(world, link, "461", "INVITE", "Not enough parameters");
  const channel = ownChannel(world, link, user, name, false);
  if (!channel) return;
  const guest = findUser(world, nick);
  if (!guest) return numeric(world, link, "401", nick, "No such nick");
  if (channel.members.has(guest)) return numeric(world, link, "443", nick, channel.name, "is already on channel");
  if (channel.modes.has("i") && !isOp(channel, user))
    return numeric(world, link, "482", channel.name, "You're not channel operator");
  channel.invited.add(guest);
  numeric(world, link, "341", guest.nick, channel.name);
  const body = `INVITE ${guest.nick} :${channel.name}`;
  relay(world, [guest], { source: maskOf(user), body, atMs: world.settings.now() });
}

export function handleNames(world: World, link: Link, line: Line): undefined {
  for (const name of (line.params[0] ?? "*").split(",")) {
    const channel = findChannel(world, name);
    if (channel) sendNames(world, link, channel);
    else numeric(world, link, "366", name, "End of NAMES list");
  }
}
