/**
 * CHATHISTORY (LATEST, BEFORE, AFTER, BETWEEN, AROUND, TARGETS) over what the channels remember, in one chathistory batch,
 * oldest first, at most as many as ISUPPORT says. Only members may read a channel's history.
 */
import { capBits } from "./options.ts";
import { fail, hasCap, isoTime, lineOf, numeric, sendLine, serverLine, tagsFor } from "./send.ts";
import type { Line } from "./wire.ts";
import { findChannel, type Link, type Said, type User, type World } from "./world.ts";

/** Where a reference points in a list: the message itself, or the gap between two. */
interface Place {
  /** Index of the first message after the reference. */
  readonly after: number;
  /** Index one past the last message before the reference. */
  readonly before: number;
}

export function handleChathistory(world: World, link: Link, user: User, line: Line): undefined {
  const { history } = world.settings;
  if (!history || !hasCap(link, "draft/chathistory"))
    return numeric(world, link, "421", "CHATHISTORY", "Unknown command");
  const [sub = "", target = "", ...rest] = line.params;
  const verb = sub.toUpperCase();
  if (verb === "TARGETS") return sendTargets(world, link, user);
  const between = verb === "BETWEEN";
  const limitText = rest[between ? 2 : 1] ?? "";
  const limit = Math.min(Number.parseInt(limitText, 10), history.limit);
  if (!(limit > 0)) return fail(world, link, "CHATHISTORY", "INVALID_PARAMS", verb, "Invalid limit");
  const channel = findChannel(world, target);
  if (!channel?.members.has(user))
    return fail(world, link, "CHATHISTORY", "INVALID_TARGET", verb, target, "Messages could not be retrieved");
  const list = (world.history.get(channel.folded) ?? []).filter(isShown);
  const picked = pick(list, verb, rest, limit);
  if (typeof picked === "string") return fail(world, link, "CHATHISTORY", "INVALID_PARAMS", verb, picked);
  sendBatch(world, link, channel.name, picked);
}

/** Without draft/event-playback only what was said is played back. */
const isShown = (said: Said): boolean => said.command !== "TAGMSG";

function pick(list: readonly Said[], verb: string, rest: readonly string[], limit: number): readonly Said[] | string {
  const first = rest[0] === "*" && verb === "LATEST" ? undefined : findPlace(list, rest[0] ?? "");
  if (first === "invalid") return "Invalid message reference";
  switch (verb) {
    case "LATEST":
      return list.slice(Math.max(first?.after ?? 0, list.length - limit));
    case "BEFORE":
      return list.slice(Math.max(0, (first?.before ?? 0) - limit), first?.before ?? 0);
    case "AFTER":
      return list.slice(first?.after ?? 0, (first?.after ?? 0) + limit);
    case "AROUND": {
      const start = Math.max(0, (first?.before ?? 0) - Math.floor(limit / 2));
      return list.slice(start, start + limit);
    }
    case "BETWEEN": {
      const second = findPlace(list, rest[1] ?? "");
      if (second === "invalid" || !first) return "Invalid message reference";
      if (first.after <= second.before) return list.slice(first.after, Math.min(second.before, first.after + limit));
      return list.slice(Math.max(second.after, first.before - limit), first.before);
    }
    default:
      return "Unknown subcommand";
  }
}

function findPlace(list: readonly Said[], reference: string): Place | "invalid" {
  const [kind, value = ""] = split(reference);
  if (kind === "msgid") {
    const at = list.findLastIndex((said) => said.msgid === value);
    // an unknown id points nowhere: nothing is after it and nothing before
    return at < 0 ? { after: list.length, before: 0 } : { after: at + 1, before: at };
  }
  const atMs = kind === "timestamp" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(atMs)) return "invalid";
  const after = list.findIndex((said) => said.atMs > atMs);
  const before = list.findIndex((said) => said.atMs >= atMs);
  return { after: after < 0 ? list.length : after, before: before < 0 ? list.length : before };
}

function split(reference: string): [string, string?] {
  const at = reference.indexOf("=");
  return at < 0 ? [reference] : [reference.slice(0, at), reference.slice(at + 1)];
}

function sendBatch(world: World, link: Link, channel: string, picked: readonly Said[]): undefined {
  const inBatch = (link.caps & capBits.batch) !== 0;
  const batch = `H${world.nextId++}`;
  if (inBatch) sendLine(world, link, serverLine(world, `BATCH +${batch} chathistory ${channel}`));
  for (const said of picked) {
    const message = {
      source: said.source,
      body: `${said.command} ${channel} :${said.text}`,
      atMs: said.atMs,
      account: said.account,
      clientTags: said.clientTags,
      ...(world.settings.features.msgid ? { msgid: said.msgid } : {}),
    };
    const tags = tagsFor(link.caps, message);
    const batchTag = inBatch ? `batch=${batch}` : "";
    sendLine(world, link, lineOf(world, message), [batchTag, tags].filter((part) => part !== "").join(";"));
  }
  if (inBatch) sendLine(world, link, serverLine(world, `BATCH -${batch}`));
}

function sendTargets(world: World, link: Link, user: User): undefined {
  const batch = `H${world.nextId++}`;
  sendLine(world, link, serverLine(world, `BATCH +${batch} draft/chathistory-targets`));
  for (const channel of user.channels) {
    const last = world.history.get(channel.folded)?.at(-1);
    if (!last) continue;
    const body = serverLine(world, `CHATHISTORY TARGETS ${channel.name} ${isoTime(last.atMs)}`);
    sendLine(world, link, body, `batch=${batch}`);
  }
  sendLine(world, link, serverLine(world, `BATCH -${batch}`));
}
