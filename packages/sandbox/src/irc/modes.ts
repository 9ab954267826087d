/**
 * MODE of channels (b i k l m n o s t v) and, barely, of users. Every change that was made is relayed in one line; the rest
 * is refused with its numeric.
 */
import { membersBeside, ownChannel } from "./channel-commands.ts";
import { numeric, relay } from "./send.ts";
import type { Line } from "./wire.ts";
import { type Channel, findChannel, findUser, type Link, maskOf, type User, type World } from "./world.ts";

export function handleMode(world: World, link: Link, user: User, line: Line): undefined {
  const [target = "", changes, ...args] = line.params;
  if (target === "") return numeric(world, link, "461", "MODE", "Not enough parameters");
  if (!/^[#&]/.test(target)) return userMode(world, link, user, target, changes);
  const channel = findChannel(world, target);
  if (!channel) return numeric(world, link, "403", target, "No such channel");
  if (changes === undefined) return showModes(world, link, channel);
  if (/^\+?b$/.test(changes) && args.length === 0) {
    for (const mask of channel.bans) numeric(world, link, "367", channel.name, mask);
    return numeric(world, link, "368", channel.name, "End of channel ban list");
  }
  if (!ownChannel(world, link, user, target, true)) return;
  const refuse = (code: string, ...params: string[]): undefined => numeric(world, link, code, ...params);
  applyModes(world, channel, user, changes, args, refuse);
}

function userMode(world: World, link: Link, user: User, target: string, changes: string | undefined): undefined {
  if (findUser(world, target) !== user) return numeric(world, link, "502", "Cannot change mode for other users");
  if (changes === undefined) return numeric(world, link, "221", "+i");
  relay(world, [user], { source: maskOf(user), body: `MODE ${user.nick} :${changes}`, atMs: world.settings.now() });
}

function showModes(world: World, link: Link, channel: Channel): undefined {
  const extra = `${channel.key === undefined ? "" : "k"}${channel.limit === undefined ? "" : "l"}`;
  const args = [channel.key === undefined ? undefined : "*", channel.limit].filter((arg) => arg !== undefined);
  const modes = `+${[...channel.modes].join("")}${extra}${args.length > 0 ? ` ${args.join(" ")}` : ""}`;
  numeric(world, link, "324", channel.name, modes);
  numeric(world, link, "329", channel.name, String(Math.floor(channel.createdAtMs / 1000)));
}

/** Applies a mode string by an op; the controls use it as well. */
export function applyModes(
  world: World,
  channel: Channel,
  by: User,
  changes: string,
  args: readonly string[],
  refuse: (code: string, ...params: string[]) => undefined = () => undefined,
): undefined {
  const rest = [...args];
  const done: string[] = [];
  const doneArgs: string[] = [];
  let adding = true;
  let sign = "";
  for (const letter of changes) {
    if (letter === "+" || letter === "-") {
      adding = letter === "+";
      continue;
    }
    const applied = applyMode(world, channel, letter, adding, rest, refuse);
    if (applied === undefined) continue;
    const wanted = adding ? "+" : "-";
    done.push(sign === wanted ? letter : `${wanted}${letter}`);
    sign = wanted;
    if (applied !== "") doneArgs.push(applied);
  }
  if (done.length === 0) return;
  const body = ["MODE", channel.name, done.join(""), ...doneArgs].join(" ");
  relay(world, membersBeside(channel, by), { source: maskOf(by), body, atMs: world.settings.now() });
}

/** The argument that was used, "" for none, undefined when nothing changed. */
function applyMode(
  world: World,
  channel: Channel,
  letter: string,
  adding: boolean,
  args: string[],
  refuse: (code: string, ...params: string[]) => undefined,
): string | undefined {
  if ("imnst".includes(letter)) {
    if (channel.modes.has(letter) === adding) return undefined;
    if (adding) channel.modes.add(letter);
    else channel.modes.delete(letter);
    return "";
  }
  if (letter === "l" && !adding) {
    channel.limit = undefined;
    return "";
  }
  if (!"klbov".includes(letter)) {
    refuse("472", letter, "is unknown mode char to me");
    return undefined;
  }
  const arg = args.shift();
  if (arg === undefined) {
    refuse("461", "MODE", "Not enough parameters");
    return undefined;
  }
  if (letter === "k") channel.key = adding ? arg : undefined;
  if (letter === "l") channel.limit = Number.parseInt(arg, 10) || undefined;
  if (letter === "b") return applyBan(channel, adding, arg);
  if (letter === "o" || letter === "v") return applyStatus(world, channel, letter, adding, arg, refuse);
  return arg;
}

function applyBan(channel: Channel, adding: boolean, mask: string): string {
  const at = channel.bans.indexOf(mask);
  if (adding && at < 0) channel.bans.push(mask);
  if (!adding && at >= 0) channel.bans.splice(at, 1);
  return mask;
}

function applyStatus(
  world: World,
  channel: Channel,
  letter: "o" | "v",
  adding: boolean,
  nick: string,
  refuse: (code: string, ...params: string[]) => undefined,
): string | undefined {
  const user = findUser(world, nick);
  const member = user && channel.members.get(user);
  if (!user || !member) {
    refuse(user ? "441" : "401", nick, ...(user ? [channel.name, "They aren't on that channel"] : ["No such nick"]));
    return undefined;
  }
  if (letter === "o") member.op = adding;
  else member.voice = adding;
  return user.nick;
}
