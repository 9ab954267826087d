/**
 * The only way out: lines to one connection, numerics, and relaying one message to many with the tags each of them asked
 * for. Relayed lines are cut to the wire's limit without a word, prefix included, as real servers do.
 */
import { type CapName, capBits } from "./options.ts";
import { cutLine } from "./wire.ts";
import type { Link, User, World } from "./world.ts";

export const hasCap = (link: Link, cap: CapName): boolean => (link.caps & capBits[cap]) !== 0;

/** A message on its way to many. */
export interface Outgoing {
  readonly source: string;
  /** Command and parameters. */
  readonly body: string;
  readonly atMs: number;
  readonly msgid?: string;
  readonly account?: string | undefined;
  readonly clientTags?: string;
  /** Nick of the connection that relayed it by RELAYMSG. */
  readonly relayedBy?: string;
}

const tagCaps = capBits["message-tags"] | capBits["server-time"] | capBits["account-tag"] | capBits["draft/relaymsg"];

/** Queues one line; everything queued in one turn leaves in one write. */
export function sendLine(world: World, link: Link, body: string, tags = ""): undefined {
  if (link.closed) return;
  if (link.capture) {
    link.capture.push({ tags, body });
    return;
  }
  enqueue(world, link, tags === "" ? `${body}\r\n` : `@${tags} ${body}\r\n`);
}

function enqueue(world: World, link: Link, line: string): undefined {
  link.out.push(line);
  link.outBytes += line.length;
  world.counters.linesOut++;
  world.counters.bytesOut += line.length;
  world.dirty.add(link);
  if (!world.flushScheduled) {
    world.flushScheduled = true;
    process.nextTick(() => flush(world));
  }
}

/** Writes what is queued; a reader that lets too much pile up loses the link. */
export function flush(world: World): undefined {
  world.flushScheduled = false;
  if (world.blackHole) return;
  for (const link of world.dirty) {
    const text = link.out.length === 1 ? (link.out[0] as string) : link.out.join("");
    link.out = [];
    link.outBytes = 0;
    if (link.socket.destroyed) continue;
    link.socket.write(text, "latin1");
    if (link.socket.writableLength > world.settings.sendqBytesMax) link.socket.destroy();
  }
  world.dirty.clear();
}

export const serverLine = (world: World, body: string): string => `:${world.settings.name} ${body}`;

/** A numeric; the last argument is the trailing one. */
export function numeric(world: World, link: Link, code: string, ...params: string[]): undefined {
  const last = params.pop() ?? "";
  const middle = params.length === 0 ? "" : ` ${params.join(" ")}`;
  const nick = link.user?.nick ?? link.nick ?? "*";
  sendLine(
    world,
    link,
    cutLine(serverLine(world, `${code} ${nick}${middle} :${last}`), world.settings.lineBytesMax),
    timeTag(world, link),
  );
}

/** A standard reply. */
export function fail(world: World, link: Link, command: string, code: string, ...params: string[]): undefined {
  const last = params.pop() ?? "";
  const middle = params.length === 0 ? "" : ` ${params.join(" ")}`;
  sendLine(world, link, serverLine(world, `FAIL ${command} ${code}${middle} :${last}`));
}

const timeTag = (world: World, link: Link): string =>
  hasCap(link, "server-time") ? `time=${isoTime(world.settings.now())}` : "";

let isoAtMs = -1;
let isoText = "";

/** The same millisecond is printed often; keeping the last one is enough. */
export function isoTime(atMs: number): string {
  if (atMs !== isoAtMs) {
    isoAtMs = atMs;
    isoText = new Date(atMs).toISOString();
  }
  return isoText;
}

/** The tags a connection with these capabilities gets with a message. */
export function tagsFor(caps: number, message: Outgoing): string {
  const tags: string[] = [];
  if (caps & capBits["server-time"]) tags.push(`time=${isoTime(message.atMs)}`);
  if (caps & capBits["message-tags"]) {
    if (message.msgid !== undefined) tags.push(`msgid=${message.msgid}`);
    if (message.clientTags) tags.push(message.clientTags);
  }
  if (caps & capBits["account-tag"] && message.account !== undefined) tags.push(`account=${message.account}`);
  if (caps & capBits["draft/relaymsg"] && message.relayedBy !== undefined)
    tags.push(`draft/relaymsg=${message.relayedBy}`);
  return tags.join(";");
}

/** The line of a message as it stands on the wire, without tags. */
export function lineOf(world: World, message: Outgoing): string {
  const whole = `:${message.source} ${message.body}`;
  const cut = cutLine(whole, world.settings.lineBytesMax);
  if (cut.length !== whole.length) world.counters.cut++;
  return cut;
}

/** Sends a message to every one of the users that has a connection, each with the tags he asked for. */
export function relay(
  world: World,
  users: Iterable<User>,
  message: Outgoing,
  needs?: CapName,
  except?: User,
): undefined {
  const line = lineOf(world, message);
  const variants = new Map<number, string>();
  for (const user of users) {
    const link = user.link;
    if (!link || user === except || link.closed) continue;
    if (needs !== undefined && !hasCap(link, needs)) continue;
    const key = link.caps & tagCaps;
    let tags = variants.get(key);
    if (tags === undefined) {
      tags = tagsFor(key, message);
      variants.set(key, tags);
    }
    sendLine(world, link, line, tags);
  }
}

/** Runs a command so that everything it answers to its own connection carries the label. */
export function withLabel(world: World, link: Link, label: string, run: () => void): undefined {
  link.capture = [];
  run();
  const lines = link.capture;
  link.capture = undefined;
  const first = lines[0];
  if (!first) {
    sendLine(world, link, serverLine(world, "ACK"), `label=${label}`);
    return;
  }
  const last = lines[lines.length - 1] as { body: string };
  const isOneBatch = / BATCH \+/.test(first.body) && / BATCH -/.test(last.body);
  if (lines.length === 1 || isOneBatch || !hasCap(link, "batch")) {
    for (const line of lines) {
      const labelled = line === first ? join(`label=${label}`, line.tags) : line.tags;
      sendLine(world, link, line.body, labelled);
    }
    return;
  }
  const batch = `L${world.nextId++}`;
  sendLine(world, link, serverLine(world, `BATCH +${batch} labeled-response`), `label=${label}`);
  for (const line of lines) sendLine(world, link, line.body, join(`batch=${batch}`, line.tags));
  sendLine(world, link, serverLine(world, `BATCH -${batch}`));
}

const join = (one: string, other: string): string => (other === "" ? one : `${one};${other}`);
