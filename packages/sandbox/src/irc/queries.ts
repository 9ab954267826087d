/** What only asks: WHO, WHOX, WHOIS, MONITOR, LIST, LUSERS, ISON, AWAY and the rest that a client expects an answer to. */
import { numeric, sendLine, serverLine } from "./send.ts";
import type { Line } from "./wire.ts";
import { findChannel, findUser, fold, type Link, type Member, maskOf, type User, type World } from "./world.ts";

export function handleWho(world: World, link: Link, user: User, line: Line): undefined {
  const [mask = "*", fields = ""] = line.params;
  const channel = findChannel(world, mask);
  if (channel) {
    for (const [member, status] of channel.members) {
      if (member.side === user.side) whoLine(world, link, member, channel.name, status, fields);
    }
  } else {
    const found = findUser(world, mask);
    if (found) whoLine(world, link, found, "*", undefined, fields);
  }
  numeric(world, link, "315", mask, "End of WHO list");
}

function whoLine(
  world: World,
  link: Link,
  user: User,
  channel: string,
  status: Member | undefined,
  fields: string,
): undefined {
  const flags = `${user.away === undefined ? "H" : "G"}${status?.op ? "@" : ""}${status?.voice ? "+" : ""}`;
  if (!fields.startsWith("%")) {
    const { name } = world.settings;
    return numeric(world, link, "352", channel, user.username, user.host, name, user.nick, flags, `0 ${user.realname}`);
  }
  const [asked = "", token = "0"] = fields.slice(1).split(",");
  const values: Record<string, string> = {
    t: token,
    c: channel,
    u: user.username,
    i: "127.0.0.1",
    h: user.host,
    s: world.settings.name,
    n: user.nick,
    f: flags,
    d: "0",
    l: "0",
    a: user.account ?? "0",
    o: "n/a",
  };
  const shown = [..."tcuihsnfdlao"]
    .filter((letter) => asked.includes(letter))
    .map((letter) => values[letter] as string);
  const nick = link.user?.nick ?? "*";
  const last = asked.includes("r") ? ` :${user.realname}` : "";
  sendLine(world, link, serverLine(world, `354 ${nick} ${shown.join(" ")}${last}`));
}

export function handleWhois(world: World, link: Link, line: Line): undefined {
  const nick = line.params[1] ?? line.params[0];
  if (nick === undefined) return numeric(world, link, "431", "No nickname given");
  const user = findUser(world, nick);
  if (!user) {
    numeric(world, link, "401", nick, "No such nick");
    return numeric(world, link, "318", nick, "End of WHOIS list");
  }
  numeric(world, link, "311", user.nick, user.username, user.host, "*", user.realname);
  const channels = [...user.channels].map((channel) => `${channel.members.get(user)?.op ? "@" : ""}${channel.name}`);
  if (channels.length > 0) numeric(world, link, "319", user.nick, channels.join(" "));
  numeric(world, link, "312", user.nick, world.settings.name, "sandbox");
  if (user.account !== undefined) numeric(world, link, "330", user.nick, user.account, "is logged in as");
  numeric(world, link, "318", user.nick, "End of WHOIS list");
}

export function handleMonitor(world: World, link: Link, line: Line): undefined {
  const [verb = "", list = ""] = line.params;
  const nicks = list.split(",").filter((nick) => nick !== "");
  switch (verb) {
    case "+":
      for (const nick of nicks) link.monitored.add(fold(world, nick));
      return monitorStatus(world, link, nicks);
    case "-":
      for (const nick of nicks) link.monitored.delete(fold(world, nick));
      return;
    case "C":
      link.monitored.clear();
      return;
    case "L":
      if (link.monitored.size > 0) numeric(world, link, "732", [...link.monitored].join(","));
      return numeric(world, link, "733", "End of MONITOR list");
    case "S":
      return monitorStatus(world, link, [...link.monitored]);
  }
}

function monitorStatus(world: World, link: Link, nicks: readonly string[]): undefined {
  const online = nicks.map((nick) => findUser(world, nick)).filter((user) => user !== undefined);
  const offline = nicks.filter((nick) => !findUser(world, nick));
  if (online.length > 0) numeric(world, link, "730", online.map(maskOf).join(","));
  if (offline.length > 0) numeric(world, link, "731", offline.join(","));
}

export function handleAway(world: World, link: Link, user: User, line: Line): undefined {
  const reason = line.params[0] ?? "";
  user.away = reason === "" ? undefined : reason;
  if (reason === "") numeric(world, link, "305", "You are no longer marked as being away");
  else numeric(world, link, "306", "You have been marked as being away");
}

export function handleList(world: World, link: Link, user: User): undefined {
  numeric(world, link, "321", "Channel", "Users  Name");
  for (const channel of world.channels.values()) {
    if (channel.modes.has("s") && !channel.members.has(user)) continue;
    numeric(world, link, "322", channel.name, String(channel.members.size), channel.topic?.text ?? "");
  }
  numeric(world, link, "323", "End of LIST");
}

export function handleIson(world: World, link: Link, line: Line): undefined {
  const nicks = line.params.flatMap((param) => param.split(" "));
  numeric(world, link, "303", nicks.filter((nick) => findUser(world, nick)).join(" "));
}
