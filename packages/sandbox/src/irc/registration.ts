/**
 * From the first byte to the welcome: CAP, PASS, NICK, USER, SASL PLAIN, and the refusals on the way (433, 432, 462, 464,
 * 465, 904, ...). It knows nothing of channels.
 */

import { type CapName, capBits, isupportLines } from "./options.ts";
import { hasCap, numeric, relay, sendLine, serverLine } from "./send.ts";
import { isNick, type Line, maskMatches } from "./wire.ts";
import { findUser, fold, type Link, maskOf, peersOf, type User, type World } from "./world.ts";

/** Closes a link with a reason the client can read. */

export type CloseLink = (link: Link, reason: string) => undefined;

export function handleCap(world: World, link: Link, line: Line, finish: () => void): undefined {
  const [sub = "", list = ""] = line.params;
  const nick = link.user?.nick ?? link.nick ?? "*";
  const reply = (text: string): undefined => sendLine(world, link, serverLine(world, `CAP ${nick} ${text}`));
  switch (sub.toUpperCase()) {
    case "LS": {
      if (!link.user) link.negotiating = true;
      link.capVersion = Math.max(link.capVersion, Number.parseInt(list, 10) || 301);
      reply(`LS :${[...world.settings.offered].map(([name, value]) => printCap(link, name, value)).join(" ")}`);
      return;
    }
    case "LIST":
      reply(`LIST :${[...world.settings.offered.keys()].filter((name) => hasCap(link, name as CapName)).join(" ")}`);
      return;
    case "REQ":
      if (!link.user) link.negotiating = true;
      reply(`${requestCaps(world, link, list) ? "ACK" : "NAK"} :${list}`);
      return;
    case "END":
      link.negotiating = false;
      finish();
      return;
    default:
      numeric(world, link, "410", sub === "" ? "*" : sub, "Invalid CAP command");
  }
}

const printCap = (link: Link, name: string, value: string): string =>
  value === "" || link.capVersion < 302 ? name : `${name}=${value}`;

/** All of them or none, as the specification wants it. */
function requestCaps(world: World, link: Link, list: string): boolean {
  let caps = link.caps;
  for (const asked of list.split(" ").filter((name) => name !== "")) {
    const off = asked.startsWith("-");
    const name = off ? asked.slice(1) : asked;
    if (!world.settings.offered.has(name)) return false;
    const bit = capBits[name as CapName];
    caps = off ? caps & ~bit : caps | bit;
  }
  link.caps = caps;
  return true;
}

export function handleNick(world: World, link: Link, line: Line, finish: () => void): undefined {
  const wanted = line.params[0] ?? "";
  if (wanted === "") return numeric(world, link, "431", "No nickname given");
  if (!isNick(wanted, world.settings.nickLen)) return numeric(world, link, "432", wanted, "Erroneous nickname");
  const holder = findUser(world, wanted);
  if (holder && holder !== link.user) return numeric(world, link, "433", wanted, "Nickname is already in use");
  if (link.user) return renameUser(world, link.user, wanted);
  link.nick = wanted;
  finish();
}

/** Changes a nick and tells everybody who can see it. */
export function renameUser(world: World, user: User, wanted: string): undefined {
  if (user.nick === wanted) return;
  const message = { source: maskOf(user), body: `NICK :${wanted}`, atMs: world.settings.now(), account: user.account };
  const was = user.nick;
  world.users.delete(user.folded);
  user.folded = fold(world, wanted);
  world.users.set(user.folded, user);
  relay(world, [user, ...peersOf(user)], message);
  user.nick = wanted;
  tellMonitors(world, was, false);
  tellMonitors(world, wanted, true);
}

export function handleUser(world: World, link: Link, line: Line, finish: () => void): undefined {
  if (link.user) return numeric(world, link, "462", "You may not reregister");
  const [username = "", , , realname = ""] = line.params;
  if (line.params.length < 4) return numeric(world, link, "461", "USER", "Not enough parameters");
  link.username = username.replace(/[^A-Za-z0-9_.-]/g, "").slice(0, 10) || "user";
  link.realname = realname;
  finish();
}

export function handlePass(world: World, link: Link, line: Line): undefined {
  if (link.user) return numeric(world, link, "462", "You may not reregister");
  if (line.params[0] === undefined) return numeric(world, link, "461", "PASS", "Not enough parameters");
  link.password = line.params[0];
}

export function handleAuthenticate(world: World, link: Link, line: Line): undefined {
  const users = world.settings.features.sasl?.users;
  const given = line.params[0] ?? "";
  if (!users || !hasCap(link, "sasl")) return numeric(world, link, "904", "SASL authentication failed");
  if (link.account !== undefined) return numeric(world, link, "907", "You have already authenticated using SASL");
  if (given === "*") {
    link.sasl = undefined;
    return numeric(world, link, "906", "SASL authentication aborted");
  }
  if (link.sasl === undefined) {
    if (given.toUpperCase() !== "PLAIN") {
      const mechanisms = world.settings.features.sasl?.mechanisms ?? ["PLAIN"];
      numeric(world, link, "908", mechanisms.join(","), "are available SASL mechanisms");
      return numeric(world, link, "904", "SASL authentication failed");
    }
    link.sasl = "";
    return sendLine(world, link, "AUTHENTICATE +");
  }
  if (given.length > 400) return numeric(world, link, "905", "SASL message too long");
  link.sasl += given === "+" ? "" : given;
  if (given.length === 400) return;
  const [, name = "", password = ""] = Buffer.from(link.sasl, "base64").toString("utf8").split("\0");
  link.sasl = undefined;
  if (!Object.hasOwn(users, name) || users[name] !== password)
    return numeric(world, link, "904", "SASL authentication failed");
  link.account = name;
  const mask = `${link.nick ?? "*"}!${link.username ?? "*"}@${link.host}`;
  numeric(world, link, "900", mask, name, `You are now logged in as ${name}`);
  numeric(world, link, "903", "SASL authentication successful");
}

/** Welcomes the client once nick, user and negotiation are there; refuses it for a wrong password or a ban. */
export function finishRegistration(world: World, link: Link, close: CloseLink): undefined {
  if (link.user || link.negotiating || link.nick === undefined || link.username === undefined) return;
  const { settings } = world;
  if (settings.features.password !== undefined && link.password !== settings.features.password) {
    numeric(world, link, "464", "Password incorrect");
    return close(link, "Bad password");
  }
  if (findUser(world, link.nick)) {
    const taken = link.nick;
    link.nick = undefined;
    return numeric(world, link, "433", taken, "Nickname is already in use");
  }
  const user: User = {
    nick: link.nick,
    folded: fold(world, link.nick),
    username: `~${link.username}`,
    host: link.host,
    realname: link.realname,
    account: link.account,
    away: undefined,
    channels: new Set(),
    side: 0,
    link,
  };
  if (isBanned(world, user)) {
    numeric(world, link, "465", "You are banned from this server");
    return close(link, "K-lined");
  }
  link.user = user;
  world.users.set(user.folded, user);
  world.counters.registered++;
  welcome(world, link, user);
  tellMonitors(world, user.nick, true);
}

export const isBanned = (world: World, user: User): boolean =>
  world.klines.some((mask) => maskMatches(mask, maskOf(user)) || maskMatches(mask, `${user.username}@${user.host}`));

function welcome(world: World, link: Link, user: User): undefined {
  const { settings } = world;
  numeric(world, link, "001", `Welcome to the ${settings.network} network, ${maskOf(user)}`);
  numeric(world, link, "002", `Your host is ${settings.name}, running trestle-sandbox`);
  numeric(world, link, "003", "This server was created for a test");
  numeric(world, link, "004", settings.name, "trestle-sandbox", "iosw", "biklmnostv", "bklov");
  for (const tokens of isupportLines(settings)) numeric(world, link, "005", tokens, "are supported by this server");
  numeric(world, link, "251", `There are ${world.users.size} users on 1 server`);
  numeric(world, link, "375", `- ${settings.name} message of the day -`);
  numeric(world, link, "372", "- A stand-in for tests, not a place to stay.");
  numeric(world, link, "376", "End of MOTD");
}

/** MONITOR's 730 and 731 to whoever watches a nick. */
export function tellMonitors(world: World, nick: string, online: boolean): undefined {
  const folded = fold(world, nick);
  for (const link of world.links) {
    if (!link.monitored.has(folded)) continue;
    const user = findUser(world, nick);
    numeric(world, link, online ? "730" : "731", online && user ? maskOf(user) : nick);
  }
}
