/** link, unlink, pause, resume: what a link's people ask for. */
import { BridgeError } from "../errors.ts";
import type { NetworkId, RoomId } from "../ids.ts";
import { atLeast } from "../permit.ts";
import { chatOf } from "../router.ts";
import type { PortalRow } from "../store.ts";
import type { Command, CommandContext } from "./command.ts";

export const linkCommands: readonly Command[] = [
  {
    name: "link",
    usage: "[network] <channel>",
    summary: "Join this room and a channel, so that both see what is said in either.",
    level: "admin",
    async run(words, context) {
      const { room, rest } = await roomOf(words, context);
      if (room === undefined)
        return `Say it in the room that you want to link, or name the room first: ${context.prefix} link !room:server <network> <channel>`;
      const networks = context.connector.status().map(({ network }) => network);
      const [network, chatText] = rest.length >= 2 ? [rest[0] as NetworkId, rest[1]] : [networks[0], rest[0]];
      if (chatText === undefined || network === undefined || (rest.length < 2 && networks.length > 1)) {
        return `Which channel? Say \`${context.prefix} link <network> <channel>\`; the networks are: ${networks.join(", ")}.`;
      }
      if (!networks.includes(network))
        return `There is no network “${network}”; the networks are: ${networks.join(", ")}.`;
      const chat = context.connector.parseChat(network, chatText);
      if ("problem" in chat) return `That is not a channel of ${network}: ${chat.problem}`;
      try {
        const row = await context.links.link({ chat, room, by: context.issuer.user ?? "local admin" });
        return `Linked to ${row.chat} on ${row.network} (link ${row.id}). \`${context.prefix} unlink\` ends it, \`${context.prefix} status\` shows it.`;
      } catch (thrown) {
        if (thrown instanceof BridgeError && thrown.code === "encrypted") {
          return `This room is encrypted, and the bridge cannot read encrypted rooms. Make a new room without encryption, invite ${context.homeserver.userId}, and link that one.`;
        }
        throw thrown;
      }
    },
  },
  {
    name: "unlink",
    usage: "[link or channel]",
    summary: "End a link of this room. Nothing already said is taken away.",
    level: "admin",
    run: (words, context) =>
      onOneLink(words, context, async (row) => {
        await context.links.unlink(row, "unlinked");
        return `Unlinked from ${row.chat} on ${row.network}.`;
      }),
  },
  {
    name: "pause",
    usage: "[link or channel]",
    summary: "Stop carrying messages for a while; the link stays.",
    level: "moderator",
    run: (words, context) =>
      onOneLink(words, context, async (row) => {
        if (row.state === "paused") return `The link to ${row.chat} is paused already.`;
        await context.links.pause(row, `paused by ${context.issuer.user ?? "the local admin"}`);
        return `Paused: nothing crosses between this room and ${row.chat} until \`${context.prefix} resume\`.`;
      }),
  },
  {
    name: "resume",
    usage: "[link or channel]",
    summary: "Carry messages again.",
    level: "moderator",
    run: (words, context) =>
      onOneLink(words, context, async (row) => {
        if (row.state === "active") return `The link to ${row.chat} is active already.`;
        await context.links.resume(row);
        return `Resumed: messages cross again between this room and ${row.chat}. What was said meanwhile was not kept.`;
      }),
  },
  {
    name: "space",
    usage: "[network]",
    summary: "Be invited to the space that holds a network's linked rooms.",
    level: "user",
    async run([name], { issuer, homeserver, connector, spaceOf, prefix }) {
      const networks = connector.status().map(({ network }) => network);
      const network = name === undefined ? networks[0] : networks.find((one) => one === name);
      if (network === undefined || (name === undefined && networks.length > 1)) {
        return `Of which network? Say \`${prefix} space <network>\`; the networks are: ${networks.join(", ")}.`;
      }
      const space = await spaceOf(network);
      if (space === undefined) return "This bridge keeps no spaces; its admin can switch them on (`spaces: true`).";
      if (issuer.user === undefined) return `The space of ${network} is ${space}.`;
      await homeserver.invite(space, issuer.user);
      return `You are invited to the space of ${network}.`;
    },
  },
];

/** The room meant: the one named first (`!id:server`, `#alias:server`, admins only), else the one it was said in. */
async function roomOf(
  words: readonly string[],
  { issuer, homeserver }: CommandContext,
): Promise<{ room?: RoomId; rest: readonly string[] }> {
  const [first, ...rest] = words;
  const named = first !== undefined && (/^!./u.test(first) || /^#[^:]+:./u.test(first));
  if (named && atLeast(issuer.levelIn(undefined), "admin")) return { room: await homeserver.joinRoom(first), rest };
  return issuer.room === undefined ? { rest: words } : { room: issuer.room, rest: words };
}

async function onOneLink(
  words: readonly string[],
  context: CommandContext,
  act: (row: PortalRow) => Promise<string>,
): Promise<string> {
  const { router, issuer, connector, prefix } = context;
  const [wanted] = words;
  const anywhere = atLeast(issuer.levelIn(undefined), "admin");
  const here = issuer.room === undefined ? [] : router.ofRoom(issuer.room);
  const rows = here.length === 0 && anywhere ? router.all() : here;
  const matches = rows.filter((row) => {
    if (wanted === undefined) return true;
    if (String(row.id) === wanted || row.room === wanted) return true;
    const chat = connector.parseChat(row.network, wanted);
    return !("problem" in chat) && chat.id === chatOf(row).id;
  });
  const [row] = matches;
  if (row === undefined)
    return wanted === undefined
      ? "This room has no link."
      : `No link “${wanted}” here; \`${prefix} links\` lists them.`;
  if (matches.length > 1) return `Which one? ${matches.map((match) => `${match.id} (${match.chat})`).join(", ")}`;
  return act(row);
}
