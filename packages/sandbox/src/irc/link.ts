/**
 * One connection: reading lines off a socket, the limits on them (length, pace, silence), closing with ERROR. It knows the
 * world only to hand lines to dispatch.ts and to take a lost user off it.
 */
import type { Socket } from "node:net";
import { removeUser } from "./channel-commands.ts";
import { dispatch } from "./dispatch.ts";
import { numeric, sendLine } from "./send.ts";
import { parseLine } from "./wire.ts";
import type { Link, World } from "./world.ts";

const tagBytesMax = 4096;
const backlogMax = 5000;

export function openLink(world: World, socket: Socket): Link {
  const now = world.settings.now();
  const { throttle } = world.settings;
  const link: Link = {
    id: world.nextId++,
    socket,
    host: (socket.remoteAddress ?? "127.0.0.1").replace(/^::ffff:/, ""),
    caps: 0,
    capVersion: 0,
    negotiating: false,
    password: undefined,
    nick: undefined,
    username: undefined,
    realname: "",
    account: undefined,
    sasl: undefined,
    user: undefined,
    pending: "",
    out: [],
    outBytes: 0,
    capture: undefined,
    tokens: throttle === "none" ? 0 : throttle.burst,
    tokensAtMs: now,
    backlog: [],
    backlogTimer: undefined,
    heardAtMs: now,
    pingedAtMs: undefined,
    openedAtMs: now,
    monitored: new Set(),
    closed: false,
  };
  world.links.add(link);
  world.counters.connections++;
  socket.setNoDelay(true);
  if (world.blackHole) socket.pause();
  socket.on("data", (chunk: Buffer) => read(world, link, chunk));
  socket.on("error", () => undefined);
  socket.on("close", () => dropLink(world, link, "Connection closed"));
  return link;
}

function read(world: World, link: Link, chunk: Buffer): undefined {
  if (link.closed) return;
  world.counters.bytesIn += chunk.length;
  link.heardAtMs = world.settings.now();
  link.pingedAtMs = undefined;
  const text = link.pending === "" ? chunk.toString("latin1") : link.pending + chunk.toString("latin1");
  let at = 0;
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", at)) {
    const stop = end > at && text.charCodeAt(end - 1) === 13 ? end - 1 : end;
    const line = text.slice(at, stop);
    at = end + 1;
    if (line !== "") takeLine(world, link, line);
    if (link.closed) return;
  }
  link.pending = at === 0 ? text : text.slice(at);
  if (link.pending.length > bytesAllowed(world, link.pending) + tagBytesMax) tooLong(world, link);
}

const bytesAllowed = (world: World, line: string): number =>
  world.settings.features.messageTags && line.startsWith("@")
    ? tagBytesMax + world.settings.lineBytesMax
    : world.settings.lineBytesMax;

function tooLong(world: World, link: Link): undefined {
  world.counters.overlong++;
  closeLink(world, link, "Request too long");
}

function takeLine(world: World, link: Link, text: string): undefined {
  world.counters.linesIn++;
  const tagged = world.settings.features.messageTags === true && text.startsWith("@");
  const body = tagged ? text.length - text.indexOf(" ") - 1 : text.length;
  if (body + 2 > world.settings.lineBytesMax) return tooLong(world, link);
  if (tagged && text.length - body > tagBytesMax) return numeric(world, link, "417", "Input line was too long");
  const { throttle } = world.settings;
  if (throttle === "none" || !link.user) return runLine(world, link, text);
  if (link.backlog.length === 0 && takeToken(world, link)) return runLine(world, link, text);
  world.counters.excess++;
  if (throttle.onExcess === "kill") return closeLink(world, link, "Excess Flood");
  link.backlog.push(text);
  if (link.backlog.length > backlogMax) link.socket.pause();
  armBacklog(world, link, throttle.linesPerSecond);
}

function takeToken(world: World, link: Link): boolean {
  const { throttle } = world.settings;
  if (throttle === "none") return true;
  const now = world.settings.now();
  const earned = ((now - link.tokensAtMs) / 1000) * throttle.linesPerSecond;
  link.tokens = Math.min(throttle.burst, link.tokens + earned);
  link.tokensAtMs = now;
  if (link.tokens < 1) return false;
  link.tokens -= 1;
  return true;
}

function armBacklog(world: World, link: Link, linesPerSecond: number): undefined {
  link.backlogTimer ??= setTimeout(
    () => {
      link.backlogTimer = undefined;
      while (link.backlog.length > 0 && !link.closed && takeToken(world, link))
        runLine(world, link, link.backlog.shift() as string);
      if (link.backlog.length > 0) armBacklog(world, link, linesPerSecond);
      else link.socket.resume();
    },
    Math.max(1, Math.min(1000 / linesPerSecond, 1000)),
  );
}

function runLine(world: World, link: Link, text: string): undefined {
  const line = parseLine(text, world.settings.features.messageTags === true);
  if (!line) return;
  world.counters.commands.set(line.command, (world.counters.commands.get(line.command) ?? 0) + 1);
  if (world.listeners.size > 0) {
    const heard = { atMs: world.settings.now(), nick: link.user?.nick ?? link.nick, line: text };
    for (const listener of world.listeners) listener(heard);
  }
  dispatch(world, link, line, (closing, reason) => closeLink(world, closing, reason));
}

/** Says ERROR and ends the link; everybody else sees the QUIT at once. */
export function closeLink(world: World, link: Link, reason: string): undefined {
  if (link.closed) return;
  link.capture = undefined;
  sendLine(world, link, `ERROR :Closing link: (${link.username ?? "unknown"}@${link.host}) [${reason}]`);
  dropLink(world, link, reason);
  const last = link.out.join("");
  link.out = [];
  if (world.blackHole || link.socket.destroyed) link.socket.destroy();
  else {
    link.socket.end(last, "latin1");
    // a client that never closes its half must not keep the socket
    setTimeout(() => link.socket.destroy(), 1000).unref();
  }
}

/** Takes the link and its user off the world. */
export function dropLink(world: World, link: Link, reason: string): undefined {
  if (!world.links.delete(link)) return;
  link.closed = true;
  world.dirty.delete(link);
  clearTimeout(link.backlogTimer);
  link.backlog = [];
  if (link.user) removeUser(world, link.user, reason);
}

/** Pings the idle and drops the silent; called once a second. */
export function sweepLinks(world: World): undefined {
  if (world.blackHole) return;
  const now = world.settings.now();
  for (const link of world.links) {
    if (!link.user) {
      if (now - link.openedAtMs > world.settings.registrationWithinMs) closeLink(world, link, "Registration timed out");
    } else if (link.pingedAtMs !== undefined) {
      if (now - link.pingedAtMs > world.settings.pongWithinMs) closeLink(world, link, "Ping timeout");
    } else if (now - link.heardAtMs > world.settings.pingAfterIdleMs) {
      link.pingedAtMs = now;
      sendLine(world, link, `PING :${world.settings.name}`);
    }
  }
}
