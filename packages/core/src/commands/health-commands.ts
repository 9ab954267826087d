/** help, status, links, failures, retry: what people look at. */
import { controlPortal } from "../ids.ts";
import { atLeast } from "../permit.ts";
import type { Job, PortalRow } from "../store.ts";
import { timeText } from "../time-mark.ts";
import type { Command, CommandContext } from "./command.ts";

/** Dead letters shown at once. */
const failuresShownMax = 20;

export const healthCommands: readonly Command[] = [
  {
    name: "status",
    usage: "",
    summary: "How the bridge is, and this room's links.",
    level: "relay",
    async run(_words, context) {
      const { homeserver, networks, jobs } = await context.status();
      const lines = [
        `Homeserver: ${homeserver.state}${homeserver.detail === undefined ? "" : ` (${homeserver.detail})`}`,
      ];
      for (const { network, state, detail, nextTryAtMs, queuedLines = 0 } of networks) {
        const queued = queuedLines > 0 ? `, ${queuedLines} lines wait to be sent` : "";
        const next = nextTryAtMs === undefined ? "" : `, next try at ${timeText(nextTryAtMs, context.nowMs)}`;
        lines.push(`${network}: ${state}${detail === undefined ? "" : ` (${detail})`}${next}${queued}`);
      }
      lines.push(`Messages: ${jobs.queued} waiting, ${jobs.parked} set aside, ${jobs.dead} failed`);
      const { room } = context.issuer;
      const rows = room === undefined ? [] : context.router.ofRoom(room);
      for (const row of rows) lines.push(await describeLink(row, context));
      if (room !== undefined && rows.length === 0) lines.push("This room is not linked.");
      return lines.join("\n");
    },
  },
  {
    name: "failures",
    usage: "",
    summary: "Messages that did not get across, and why.",
    level: "moderator",
    async run(_words, context) {
      const jobs = await ownFailures(context);
      if (jobs.length === 0) return "Nothing failed.";
      const lines = jobs.map(
        (job) =>
          `${job.seq}: ${timeText(job.createdAtMs, context.nowMs)} from ${job.author || "the network"} — ${job.failure ?? "unknown"}`,
      );
      return [
        ...lines,
        `\`${context.prefix} retry <number>\` or \`${context.prefix} retry all\` sends them again, marked as delayed.`,
      ].join("\n");
    },
  },
  {
    name: "retry",
    usage: "<number> | all",
    summary: "Send failed messages again; they go to the end of the queue, marked as delayed.",
    level: "moderator",
    async run([which], context) {
      const jobs = await ownFailures(context);
      const chosen = which === "all" ? jobs : jobs.filter((job) => String(job.seq) === which);
      if (which === undefined) return `Which one? \`${context.prefix} failures\` lists them.`;
      if (chosen.length === 0) return which === "all" ? "Nothing failed." : `There is no failed message ${which} here.`;
      // Oldest first, so that they keep their order.
      for (const job of [...chosen].sort((a, b) => a.seq - b.seq)) await context.lanes.retry(job.seq);
      return chosen.length === 1 ? "It is on its way again." : `${chosen.length} messages are on their way again.`;
    },
  },
];

/** A room's people see their room's failures, an admin outside of a linked room sees all. */
async function ownFailures({ issuer, router, journal }: CommandContext): Promise<Job[]> {
  const here = issuer.room === undefined ? [] : router.ofRoom(issuer.room);
  if (here.length > 0) {
    const lists = await Promise.all(here.map(({ id }) => journal.dead({ portal: id, limit: failuresShownMax })));
    return lists.flat();
  }
  if (!atLeast(issuer.levelIn(undefined), "admin")) return [];
  const all = await journal.dead({ limit: failuresShownMax });
  return all.filter((job) => job.portal !== controlPortal || issuer.user === undefined);
}

async function describeLink(row: PortalRow, { connector }: CommandContext): Promise<string> {
  const chat = await connector.describeChat({ network: row.network, id: row.chat });
  const there = chat.joined
    ? `${chat.memberCount ?? "?"} people there`
    : `not in the channel${chat.problem === undefined ? "" : ` (${chat.problem})`}`;
  return `Link ${row.id}: ${row.chat} on ${row.network}, ${stateText(row)}, ${there}`;
}

export function stateText(row: PortalRow): string {
  return row.pauseReason === undefined || row.state === "active" ? row.state : `${row.state} (${row.pauseReason})`;
}
