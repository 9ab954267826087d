/**
 * What people say: PRIVMSG, NOTICE, TAGMSG, RELAYMSG and REDACT, to a channel or to one person, with echoes for those who
 * asked. Everything said in a channel is remembered as history would give it back.
 */
import { membersBeside } from "./channel-commands.ts";
import { fail, hasCap, numeric, type Outgoing, relay } from "./send.ts";
import { clientOnlyTags, isNick, type Line, maskMatches } from "./wire.ts";
import {
  type Channel,
  findChannel,
  findUser,
  fold,
  isOp,
  type Link,
  makeMsgid,
  maskOf,
  remember,
  type Said,
  type User,
  type World,
} from "./world.ts";

type SayCommand = Said["command"];

/** Says something in a channel: relays, remembers, and returns what was said. `echo` also to the speaker. */
export function sayInChannel(
  world: World,
  channel: Channel,
  speaker: User,
  saying: {
    readonly command: SayCommand;
    readonly text: string;
    readonly clientTags?: string;
    readonly source?: string;
    readonly relayedBy?: string;
    readonly status?: "@" | "+";
  },
): Said {
  const { command, text } = saying;
  const clientTags = saying.clientTags ?? "";
  const source = saying.source ?? maskOf(speaker);
  const msgid = makeMsgid(world);
  const account = saying.relayedBy === undefined ? speaker.account : undefined;
  const said: Said = { msgid, atMs: world.settings.now(), source, account, command, text, clientTags };
  const target = `${saying.status ?? ""}${channel.name}`;
  const message: Outgoing = {
    source,
    body: command === "TAGMSG" ? `TAGMSG ${target}` : `${command} ${target} :${text}`,
    atMs: said.atMs,
    clientTags,
    account,
    ...(world.settings.features.msgid ? { msgid } : {}),
    ...(saying.relayedBy === undefined ? {} : { relayedBy: saying.relayedBy }),
  };
  const needs = command === "TAGMSG" ? "message-tags" : undefined;
  const heard = saying.status === undefined ? membersBeside(channel, speaker) : opsBeside(channel, speaker);
  relay(world, heard, message, needs, speaker);
  if (speaker.link && hasCap(speaker.link, "echo-message")) relay(world, [speaker], message, needs);
  const isPassing = command === "TAGMSG" && /^\+typing(?:=[^;]*)?$/.test(clientTags);
  if (saying.status === undefined && !isPassing) remember(world, channel.folded, said);
  return said;
}

function* opsBeside(channel: Channel, user: User): Iterable<User> {
  for (const [member, { op }] of channel.members) if (op && member.side === user.side) yield member;
}

export function handleSay(world: World, link: Link, user: User, line: Line): undefined {
  const command = line.command as SayCommand;
  const [targets = "", text = ""] = line.params;
  if (targets === "") return numeric(world, link, "411", `No recipient given (${command})`);
  if (command !== "TAGMSG" && text === "") return numeric(world, link, "412", "No text to send");
  const clientTags = hasCap(link, "message-tags") ? clientOnlyTags(line.tags, world.settings.deniedTags) : "";
  if (command === "TAGMSG" && clientTags === "") return;
  for (const target of targets.split(",").slice(0, 4)) sayTo(world, link, user, target, { command, text, clientTags });
}

function sayTo(
  world: World,
  link: Link,
  user: User,
  target: string,
  saying: { readonly command: SayCommand; readonly text: string; readonly clientTags: string },
): undefined {
  const status = /^[@+](?=[#&])/.exec(target)?.[0] as "@" | "+" | undefined;
  const name = status === undefined ? target : target.slice(1);
  const quiet = saying.command === "NOTICE";
  if (!/^[#&]/.test(name)) return sayToPerson(world, link, user, name, saying);
  const channel = findChannel(world, name);
  if (!channel) {
    if (!quiet) numeric(world, link, "403", name, "No such channel");
    return;
  }
  if (!maySpeak(channel, user)) {
    if (!quiet) numeric(world, link, "404", channel.name, "Cannot send to channel");
    return;
  }
  sayInChannel(world, channel, user, status === undefined ? saying : { ...saying, status });
}

function maySpeak(channel: Channel, user: User): boolean {
  const member = channel.members.get(user);
  if (!member) return !channel.modes.has("n") && !channel.modes.has("m");
  if (member.op || member.voice) return true;
  return !channel.modes.has("m") && !channel.bans.some((mask) => maskMatches(mask, maskOf(user)));
}

function sayToPerson(
  world: World,
  link: Link,
  user: User,
  nick: string,
  saying: { readonly command: SayCommand; readonly text: string; readonly clientTags: string },
): undefined {
  const peer = findUser(world, nick);
  if (!peer || peer.side !== user.side) {
    if (saying.command !== "NOTICE") numeric(world, link, "401", nick, "No such nick");
    return;
  }
  const message: Outgoing = {
    source: maskOf(user),
    body: saying.command === "TAGMSG" ? `TAGMSG ${peer.nick}` : `${saying.command} ${peer.nick} :${saying.text}`,
    atMs: world.settings.now(),
    account: user.account,
    clientTags: saying.clientTags,
    ...(world.settings.features.msgid ? { msgid: makeMsgid(world) } : {}),
  };
  const needs = saying.command === "TAGMSG" ? "message-tags" : undefined;
  relay(world, [peer], message, needs);
  if (peer.away !== undefined && saying.command === "PRIVMSG") numeric(world, link, "301", peer.nick, peer.away);
  if (peer !== user && hasCap(link, "echo-message")) relay(world, [user], message, needs);
}

/** draft/relaymsg: speaks under a name that only a relay can have. */
export function handleRelaymsg(world: World, link: Link, user: User, line: Line): undefined {
  const { relaymsg, nickLen } = world.settings;
  if (!relaymsg) return numeric(world, link, "421", "RELAYMSG", "Unknown command");
  const [name = "", nick = "", text = ""] = line.params;
  if (text === "") return numeric(world, link, "461", "RELAYMSG", "Not enough parameters");
  const channel = findChannel(world, name);
  if (!channel) return numeric(world, link, "403", name, "No such channel");
  if (!channel.members.has(user)) return numeric(world, link, "442", channel.name, "You're not on that channel");
  if (relaymsg.opsOnly && !isOp(channel, user))
    return fail(world, link, "RELAYMSG", "PRIVS_NEEDED", "You may not relay messages to this channel");
  const separator = [...relaymsg.separators].find((mark) => nick.includes(mark));
  const bare = separator === undefined ? "" : nick.split(separator).join("");
  if (bare === "" || nick.length > nickLen * 2 || !isNick(`a${bare}`, nickLen * 2 + 1))
    return fail(world, link, "RELAYMSG", "INVALID_NICK", "Relayed nicknames must contain a separator");
  const clientTags = hasCap(link, "message-tags") ? clientOnlyTags(line.tags, world.settings.deniedTags) : "";
  const source = `${nick}!relay@${world.settings.name}`;
  sayInChannel(world, channel, user, { command: "PRIVMSG", text, clientTags, source, relayedBy: user.nick });
}

/** draft/message-redaction: for its author and for ops. */
export function handleRedact(world: World, link: Link, user: User, line: Line): undefined {
  if (!world.settings.features.redaction) return numeric(world, link, "421", "REDACT", "Unknown command");
  const [name = "", msgid = "", reason] = line.params;
  if (msgid === "") return fail(world, link, "REDACT", "NEED_MORE_PARAMS", "Not enough parameters");
  const channel = findChannel(world, name);
  if (!channel?.members.has(user))
    return fail(world, link, "REDACT", "INVALID_TARGET", name, "You cannot delete messages there");
  const list = world.history.get(fold(world, name)) ?? [];
  const at = list.findIndex((said) => said.msgid === msgid);
  const said = list[at];
  if (!said) return fail(world, link, "REDACT", "UNKNOWN_MSGID", name, msgid, "This message does not exist");
  const relayedByUser = said.source.endsWith(`!relay@${world.settings.name}`);
  if (said.source !== maskOf(user) && !relayedByUser && !isOp(channel, user))
    return fail(world, link, "REDACT", "REDACT_FORBIDDEN", name, msgid, "You may not delete this message");
  list.splice(at, 1);
  redactInChannel(world, channel, user, msgid, reason);
}

export function redactInChannel(world: World, channel: Channel, user: User, msgid: string, reason?: string): undefined {
  const message: Outgoing = {
    source: maskOf(user),
    body: `REDACT ${channel.name} ${msgid}${reason === undefined ? "" : ` :${reason}`}`,
    atMs: world.settings.now(),
    account: user.account,
  };
  relay(world, membersBeside(channel, user), message, "draft/message-redaction", user);
  if (user.link && hasCap(user.link, "echo-message")) relay(world, [user], message, "draft/message-redaction");
}
