/** Who a Matrix person is on the network, and whether we may act for him in Matrix: account, login-matrix, logout-matrix, ping-matrix. */
import { asBridgeError, BridgeError } from "../errors.ts";
import type { NetworkId, UserId } from "../ids.ts";
import type { DeviceGrant, PuppetReport } from "../puppets.ts";
import { timeText } from "../time-mark.ts";
import type { Command, CommandContext } from "./command.ts";

const atCommandLine = "Only a person of Matrix can ask for that, in a chat with the bridge.";

export const accountCommands: readonly Command[] = [
  {
    name: "account",
    usage: "[tie [network] | forget [network] <name>]",
    summary: "Which accounts of the network are you; tie one by a code, so that what either says appears as yourself.",
    level: "user",
    async run(words, context) {
      const { user } = context.issuer;
      if (user === undefined) return atCommandLine;
      const [verb, ...rest] = words;
      switch (verb) {
        case undefined:
        case "list":
          return list(context, user);
        case "tie":
          return tie(rest, context, user);
        case "forget":
          return forget(rest, context, user);
        default:
          return `Say \`${context.prefix} account\`, \`${context.prefix} account tie\` or \`${context.prefix} account forget <name>\`.`;
      }
    },
  },
  {
    name: "login-matrix",
    usage: "[access token]",
    summary: "Let what you say on the network appear as yourself here. Only in a direct chat with the bridge.",
    level: "user",
    async run(words, context) {
      const { user, direct, secret, sealed } = context.issuer;
      if (user === undefined) return atCommandLine;
      if (sealed === true) return withToken(context, user, secret);
      if (words.length > 0) return "That is no access token.";
      if (direct !== true)
        return `Write \`login-matrix\` to ${context.homeserver.userId} in a direct chat, never in a room.`;
      return withoutToken(context, user);
    },
  },
  {
    name: "logout-matrix",
    usage: "",
    summary: "The bridge forgets your access token and no longer acts as you.",
    level: "user",
    async run(_words, { issuer, homeserver, persons }) {
      if (issuer.user === undefined) return atCommandLine;
      await homeserver.puppets.logout(issuer.user);
      await persons.puppetSettled(issuer.user);
      return "Logged out: I no longer act as you. What was said stays. The token itself ends when you log that session out in your client.";
    },
  },
  {
    name: "ping-matrix",
    usage: "",
    summary: "Whether the bridge can act as you, and what is wrong if not.",
    level: "user",
    async run(_words, { issuer, homeserver }) {
      if (issuer.user === undefined) return atCommandLine;
      const report = await homeserver.puppets.check(issuer.user);
      return report.ok ? `I can act as you (${wayText(report)}).` : problemsText("I cannot act as you:", report);
    },
  },
];

function list({ persons, prefix }: CommandContext, user: UserId): string {
  const rows = persons.accounts.ofUser(user);
  if (rows.length === 0) return `No account of the network is yours yet. \`${prefix} account tie\` ties one.`;
  return rows.map(({ name, network }) => `You are ${name} on ${network}.`).join("\n");
}

async function tie(words: readonly string[], context: CommandContext, user: UserId): Promise<string> {
  const { connector, persons, issuer, nowMs, prefix } = context;
  const networks = connector.status();
  const [wanted] = words;
  const chosen =
    wanted === undefined && networks.length === 1 ? networks[0] : networks.find((one) => one.network === wanted);
  if (chosen === undefined) {
    return `Which network? \`${prefix} account tie <network>\`; the networks are: ${networks.map(({ network }) => network).join(", ")}.`;
  }
  const { network, self } = chosen;
  const { code, expiresAtMs } = await persons.accounts.offer(user, network, issuer.event ?? String(nowMs));
  const whom = self === undefined ? "the bridge's bot" : `${self} (the bridge)`;
  const text = [
    `From your own account on ${network}, logged in there, send this to ${whom} in a private message:`,
    `tie ${code}`,
    `It holds once, until ${timeText(expiresAtMs, nowMs)}. Show it to nobody: whoever says it there is you here.`,
  ].join("\n");
  if (issuer.direct === true) return text;
  // Whoever read it in the room could say it first.
  await persons.tell(user, text, `code/${issuer.event ?? code}`);
  return "I have written to you in a direct chat.";
}

async function forget(words: readonly string[], context: CommandContext, user: UserId): Promise<string> {
  const name = words.at(-1);
  const network = words.length > 1 ? (words[0] as NetworkId) : undefined;
  if (name === undefined) return `Which one? \`${context.prefix} account\` lists them.`;
  const matches = context.persons.accounts
    .ofUser(user)
    .filter(
      (row) =>
        (network === undefined || row.network === network) &&
        [row.name, row.remoteUser].some((one) => one.toLowerCase() === name.toLowerCase()),
    );
  const [row] = matches;
  if (row === undefined) return `No such account is yours; \`${context.prefix} account\` lists them.`;
  if (matches.length > 1) return `On which network? ${matches.map((match) => match.network).join(", ")}`;
  await context.persons.accounts.forget(row);
  return `Done: ${row.name} on ${row.network} is no longer you.`;
}

async function withToken(context: CommandContext, user: UserId, token: string | undefined): Promise<string> {
  const { issuer, homeserver, persons, prefix } = context;
  if (issuer.direct !== true) {
    return `A token does not belong in a room: whoever read it can act as you. Log that session out in your client, make a new token, and send it to ${homeserver.userId} in a direct chat. It was not used.`;
  }
  if (token === undefined) {
    return "I could not keep the token: the bridge has no key to seal it with. Its admin must give it one; until then I cannot act as you by a token.";
  }
  const hide = (text: string) => text.replaceAll(token, "[token]");
  try {
    const report = await homeserver.puppets.login(user, token);
    if (!report.ok) return hide(problemsText("That did not work:", report));
    await persons.puppetSettled(user);
    return `Done: what you say on the network appears as yourself here (${wayText(report)}). \`${prefix} logout-matrix\` ends it.`;
  } catch (thrown) {
    throw maskedError(thrown, hide);
  }
}

/** The same error without the token in its words; its cause is left out, for it could hold the request. */
function maskedError(thrown: unknown, hide: (text: string) => string): BridgeError {
  const { code, detail } = asBridgeError(thrown);
  return new BridgeError(code, hide(detail));
}

const grantKey = (user: UserId) => `grant/${user}`;
const interrupted = "Your login was interrupted. Say `login-matrix` again.";

async function withoutToken(context: CommandContext, user: UserId): Promise<string> {
  const { homeserver, issuer, kv, nowMs } = context;
  const asked = issuer.event ?? "";
  // The process ended before this was answered: the code that it showed is nobody's now.
  if ((await kv.get(grantKey(user))) === asked) return interrupted;
  const grant = await homeserver.puppets.beginGrant(user);
  if (grant === undefined) return howToGetToken(context);
  await kv.put(grantKey(user), asked);
  follow(context, user, grant, asked);
  return `Open ${grant.url} and enter the code ${grant.code} until ${timeText(grant.expiresAtMs, nowMs)}. I tell you how it went.`;
}

function follow({ persons, kv, log }: CommandContext, user: UserId, grant: DeviceGrant, asked: string): void {
  grant.done
    .then(async (report) => {
      // He began another one meanwhile.
      if ((await kv.get(grantKey(user))) !== asked) return;
      if (report.ok) await persons.puppetSettled(user);
      const text = report.ok
        ? "You are logged in: what you say on the network appears as yourself here."
        : problemsText("The login did not work:", report);
      await persons.tell(user, text, `grant/${asked}`);
      await kv.remove(grantKey(user));
    })
    .catch((err) => log.error({ user, err }, "could not say how a login went"));
}

/** Logins that were waiting when a former process ended: they are over, and who waits is told. */
export async function tellInterruptedLogins({ kv, persons }: Pick<CommandContext, "kv" | "persons">): Promise<void> {
  for (const { key, value } of await kv.list("grant/")) {
    const user = key.slice("grant/".length) as UserId;
    await persons.tell(user, interrupted, `grant/${value}`);
    await kv.remove(key);
  }
}

function howToGetToken({ prefix }: CommandContext): string {
  return [
    "I need an access token of yours. Log in to your homeserver anew for this (a private browser window will do), so that it has a session of its own,",
    "then copy the token: in Element it is under Settings, Help & About, Access Token. Close the window without logging out.",
    `Send it here: \`${prefix} login-matrix <token>\`. I take your message back at once.`,
  ].join("\n");
}

const ways = { registration: "by the double-puppet registration", token: "by your token", oauth: "by your login" };

const wayText = ({ way }: PuppetReport): string => (way === undefined ? "all is well" : ways[way]);

function problemsText(head: string, { problems }: PuppetReport): string {
  const lines = problems.map(({ problem, mend }) => `• ${problem} ${mend}`);
  return [head, ...(lines.length === 0 ? ["You are not logged in. Say `login-matrix`."] : lines)].join("\n");
}
