/** links: the list of them, written down for safe keeping, and made again from what was written down. */
import { asBridgeError } from "../errors.ts";
import { networkId, remoteChatId, roomId, userId } from "../ids.ts";
import type { LinkRecord } from "../links.ts";
import { atLeast } from "../permit.ts";
import type { PortalRow } from "../store.ts";
import type { Command, CommandContext } from "./command.ts";
import { stateText } from "./health-commands.ts";

const linksShownMax = 50;
const documentVersion = 1;

export const linksCommand: Command = {
  name: "links",
  usage: "[export | restore <what export wrote>]",
  summary: "The links of this room; for admins, all of them. An admin can write them all down and make them again.",
  level: "user",
  async run(words, context) {
    const [verb, ...rest] = words;
    if (verb === undefined) return listLinks(context);
    if (verb !== "export" && verb !== "restore")
      return `Say \`${context.prefix} links\`, \`links export\` or \`links restore\`.`;
    if (!atLeast(context.issuer.levelIn(undefined), "admin")) {
      return "Only an admin of this bridge can export or restore all links.";
    }
    return verb === "export" ? exportLinks(context) : restoreLinks(rest.join(" "), context);
  },
};

function listLinks({ issuer, router, prefix }: CommandContext): string {
  const here = issuer.room === undefined ? [] : router.ofRoom(issuer.room);
  const rows = here.length === 0 && atLeast(issuer.levelIn(undefined), "admin") ? router.all() : here;
  if (rows.length === 0) return `No links yet. \`${prefix} link <network> <channel>\` makes one.`;
  const lines = rows
    .slice(0, linksShownMax)
    .map((row) => `${row.id}: ${row.room} — ${row.chat} on ${row.network}, ${stateText(row)}`);
  if (rows.length > linksShownMax) lines.push(`… and ${rows.length - linksShownMax} more`);
  return lines.join("\n");
}

/** One JSON document; what it holds is enough to make each link again, on this database or another. */
function exportLinks({ router, connector }: CommandContext): string {
  const links = router.all().map(recordOf);
  return JSON.stringify({ version: documentVersion, span: connector.name, links });
}

function recordOf(row: PortalRow): LinkRecord {
  const { room, network, chat, owner, origin, requestedBy, approvedBy } = row;
  return {
    room,
    network,
    chat,
    ...(owner === undefined ? {} : { owner }),
    origin,
    requestedBy,
    ...(approvedBy === undefined ? {} : { approvedBy }),
    state: row.state === "paused" ? "paused" : "active",
  };
}

/** One line a link: made, there already, or why not. One that cannot be made keeps no other from it. */
async function restoreLinks(text: string, context: CommandContext): Promise<string> {
  const given = readDocument(text, context.connector.name);
  if (typeof given === "string") return given;
  const lines: string[] = [];
  for (const [index, entry] of given.entries()) {
    const record = readRecord(entry);
    const problem = typeof record === "string" ? record : problemOf(record, context);
    if (typeof record === "string" || problem !== undefined) {
      lines.push(`${index + 1}: ${problem}`);
      continue;
    }
    const name = `${record.room} — ${record.chat} on ${record.network}`;
    try {
      await context.homeserver.joinRoom(record.room);
      const row = await context.links.restore(record);
      lines.push(row === undefined ? `${name}: there already` : `${name}: made (link ${row.id})`);
    } catch (thrown) {
      lines.push(`${name}: not made, ${reasonOf(thrown)}`);
    }
  }
  return lines.length === 0 ? "There are no links in it." : lines.join("\n");
}

/** What the span says of a chat that somebody wrote into a file. */
function problemOf({ network, chat }: LinkRecord, { connector }: CommandContext): string | undefined {
  if (!connector.status().some((one) => one.network === network)) return `there is no network ${network} here`;
  const parsed = connector.parseChat(network, chat);
  return "problem" in parsed ? `${chat}: ${parsed.problem}` : undefined;
}

function readDocument(text: string, span: string): readonly unknown[] | string {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return "That is not what `links export` writes: it is no JSON.";
  }
  const { version, span: from, links } = (document ?? {}) as { version?: unknown; span?: unknown; links?: unknown };
  if (version !== documentVersion)
    return `This bridge reads version ${documentVersion} of such a document, not ${version}.`;
  if (from !== span) return `These are links of the ${String(from)} span, and this is ${span}.`;
  return Array.isArray(links) ? links : "There is no list of links in it.";
}

function readRecord(entry: unknown): LinkRecord | string {
  const given = (entry ?? {}) as Readonly<Record<string, unknown>>;
  const text = (key: string): string | undefined =>
    typeof given[key] === "string" && given[key] !== "" ? given[key] : undefined;
  const [room, network, chat, owner, approvedBy] = ["room", "network", "chat", "owner", "approvedBy"].map(text);
  if (room === undefined || !room.startsWith("!")) return "no room id";
  if (network === undefined || chat === undefined) return `${room}: no network or chat`;
  const origin = text("origin");
  return {
    room: roomId(room),
    network: networkId(network),
    chat: remoteChatId(chat),
    ...(owner === undefined ? {} : { owner: userId(owner) }),
    origin: origin === "created" || origin === "config" ? origin : "plumbed",
    requestedBy: text("requestedBy") ?? "restored",
    ...(approvedBy === undefined ? {} : { approvedBy }),
    state: given["state"] === "paused" ? "paused" : "active",
  };
}

function reasonOf(thrown: unknown): string {
  const { detail, message } = asBridgeError(thrown);
  return detail || message;
}
