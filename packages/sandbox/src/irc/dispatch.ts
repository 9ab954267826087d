/** Which line goes to which handler, before and after the welcome. It holds no state and answers 421 and 451 itself. */
import { handleInvite, handleJoin, handleKick, handleNames, handlePart, handleTopic } from "./channel-commands.ts";
import { handleChathistory } from "./history.ts";
import { handleMode } from "./modes.ts";
import { handleAway, handleIson, handleList, handleMonitor, handleWho, handleWhois } from "./queries.ts";
import {
  type CloseLink,
  finishRegistration,
  handleAuthenticate,
  handleCap,
  handleNick,
  handlePass,
  handleUser,
} from "./registration.ts";
import { hasCap, numeric, sendLine, serverLine, withLabel } from "./send.ts";
import { handleRedact, handleRelaymsg, handleSay } from "./talk.ts";
import { type Line, tagValue } from "./wire.ts";
import type { Link, User, World } from "./world.ts";

/** Runs one parsed line of a client. */
export function dispatch(world: World, link: Link, line: Line, close: CloseLink): void {
  const label = line.tags !== "" && hasCap(link, "labeled-response") ? tagValue(line.tags, "label") : undefined;
  if (label === undefined || label === "") run(world, link, line, close);
  else withLabel(world, link, label, () => run(world, link, line, close));
}

function run(world: World, link: Link, line: Line, close: CloseLink): undefined {
  if (registration(world, link, line, close)) return;
  const user = link.user;
  if (!user) return numeric(world, link, "451", "You have not registered");
  if (!talkOrChannel(world, link, user, line) && !query(world, link, user, line))
    numeric(world, link, "421", line.command.slice(0, 100), "Unknown command");
}

function registration(world: World, link: Link, line: Line, close: CloseLink): boolean {
  const finish = (): void => finishRegistration(world, link, close);
  switch (line.command) {
    case "CAP":
      handleCap(world, link, line, finish);
      return true;
    case "NICK":
      handleNick(world, link, line, finish);
      return true;
    case "USER":
      handleUser(world, link, line, finish);
      return true;
    case "PASS":
      handlePass(world, link, line);
      return true;
    case "AUTHENTICATE":
      handleAuthenticate(world, link, line);
      return true;
    case "PING":
      if (line.params[0] === undefined) numeric(world, link, "409", "No origin specified");
      else sendLine(world, link, serverLine(world, `PONG ${world.settings.name} :${line.params[0]}`));
      return true;
    case "PONG":
      return true;
    case "QUIT":
      close(link, `Quit: ${line.params[0] ?? ""}`);
      return true;
    default:
      return false;
  }
}

function talkOrChannel(world: World, link: Link, user: User, line: Line): boolean {
  switch (line.command) {
    case "PRIVMSG":
    case "NOTICE":
    case "TAGMSG":
      handleSay(world, link, user, line);
      return true;
    case "RELAYMSG":
      handleRelaymsg(world, link, user, line);
      return true;
    case "REDACT":
      handleRedact(world, link, user, line);
      return true;
    case "CHATHISTORY":
      handleChathistory(world, link, user, line);
      return true;
    case "JOIN":
      handleJoin(world, link, user, line);
      return true;
    case "PART":
      handlePart(world, link, user, line);
      return true;
    case "KICK":
      handleKick(world, link, user, line);
      return true;
    case "TOPIC":
      handleTopic(world, link, user, line);
      return true;
    case "MODE":
      handleMode(world, link, user, line);
      return true;
    case "INVITE":
      handleInvite(world, link, user, line);
      return true;
    default:
      return false;
  }
}

function query(world: World, link: Link, user: User, line: Line): boolean {
  switch (line.command) {
    case "NAMES":
      handleNames(world, link, line);
      return true;
    case "WHO":
      handleWho(world, link, user, line);
      return true;
    case "WHOIS":
      handleWhois(world, link, line);
      return true;
    case "MONITOR":
      handleMonitor(world, link, line);
      return true;
    case "AWAY":
      handleAway(world, link, user, line);
      return true;
    case "LIST":
      handleList(world, link, user);
      return true;
    case "ISON":
      handleIson(world, link, line);
      return true;
    case "MOTD":
      numeric(world, link, "422", "MOTD File is missing");
      return true;
    case "LUSERS":
      numeric(world, link, "251", `There are ${world.users.size} users on 1 server`);
      return true;
    default:
      return false;
  }
}
