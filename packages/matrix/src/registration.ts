/**
 * The appservice registration of a span, right for each homeserver, and what is wrong with one that somebody else wrote. We
 * write it ourselves: the library's writer drops every key it does not know, the modern ephemeral flag among them. Patterns are
 * anchored at both ends and escaped, because some servers search anywhere in the id and some do not.
 */
import { randomBytes } from "node:crypto";

export type ServerKind = "synapse" | "conduit" | "conduwuit" | "continuwuity" | "tuwunel" | "dendrite";

export const serverKinds: readonly ServerKind[] = [
  "synapse",
  "conduit",
  "conduwuit",
  "continuwuity",
  "tuwunel",
  "dendrite",
];

export interface Namespace {
  readonly exclusive: boolean;
  readonly regex: string;
}

/** The keys every server asks for, and the flags that some take. */
export interface Registration {
  readonly id: string;
  readonly url: string | null;
  readonly as_token: string;
  readonly hs_token: string;
  readonly sender_localpart: string;
  readonly rate_limited: boolean;
  readonly namespaces: {
    readonly users: readonly Namespace[];
    readonly aliases: readonly Namespace[];
    readonly rooms: readonly Namespace[];
  };
  readonly receive_ephemeral?: boolean;
  readonly "de.sorunome.msc2409.push_ephemeral"?: boolean;
}

export interface RegistrationOptions {
  readonly span: string;
  readonly serverName: string;
  /** Where the homeserver reaches us. */
  readonly url: string;
  readonly server: ServerKind;
  /** Default `_<span>_`. */
  readonly userPrefix?: string;
  /** Default `<span>bot`. */
  readonly botLocalpart?: string;
  readonly tokens?: { readonly as: string; readonly hs: string };
}

export interface RegistrationProblem {
  /** Where, as `namespaces.users[0].regex`. */
  readonly path: string;
  /** What is wrong and how to mend it, one sentence each. */
  readonly problem: string;
  readonly mend: string;
}

/** A registration to be written down for this server. */
export function makeRegistration(options: RegistrationOptions): Registration {
  const prefix = options.userPrefix ?? `_${options.span}_`;
  const bot = options.botLocalpart ?? `${options.span}bot`;
  const server = escapeRegex(options.serverName);
  return {
    id: `trestle-${options.span}`,
    url: options.url,
    as_token: options.tokens?.as ?? randomBytes(32).toString("hex"),
    hs_token: options.tokens?.hs ?? randomBytes(32).toString("hex"),
    sender_localpart: bot,
    rate_limited: false,
    namespaces: {
      users: [
        { exclusive: true, regex: `^@${escapeRegex(prefix)}.*:${server}$` },
        { exclusive: true, regex: `^@${escapeRegex(bot)}:${server}$` },
      ],
      aliases: [{ exclusive: true, regex: `^#${escapeRegex(prefix)}.*:${server}$` }],
      rooms: [],
    },
    receive_ephemeral: true,
    // conduwuit refuses both keys together as a duplicate field; Synapse below 1.156 knows only the older one.
    ...(options.server === "synapse" ? { "de.sorunome.msc2409.push_ephemeral": true } : {}),
  };
}

/** What would keep this registration from working, worst first; empty when it is sound. Takes anything. */
export function checkRegistration(given: unknown): RegistrationProblem[] {
  const problems: RegistrationProblem[] = [];
  const say = (path: string, problem: string, mend: string) => problems.push({ path, problem, mend });
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    say("", "The registration is not a mapping of keys.", "Write it with `trestle register`.");
    return problems;
  }
  const file = given as Record<string, unknown>;
  for (const key of ["id", "as_token", "hs_token", "sender_localpart"]) {
    if (typeof file[key] !== "string" || file[key] === "") {
      say(key, `\`${key}\` is missing or no text.`, "Write the registration anew with `trestle register`.");
    }
  }
  checkTokens(file, say);
  if (file["url"] === undefined || (file["url"] !== null && !isHttpUrl(file["url"]))) {
    say("url", "`url` is no http(s) address.", "Give the address under which the homeserver reaches the bridge.");
  } else if (file["url"] === null) {
    say(
      "url",
      "`url` is null: nothing is ever pushed.",
      "Give the address under which the homeserver reaches the bridge.",
    );
  }
  if (file["rate_limited"] !== false) {
    say("rate_limited", "Ghosts are rate limited.", "Set `rate_limited: false`.");
  }
  checkNamespaces(file, say);
  return problems;
}

type Say = (path: string, problem: string, mend: string) => void;

function checkTokens(file: Record<string, unknown>, say: Say): void {
  const { as_token: as, hs_token: hs } = file as { as_token?: unknown; hs_token?: unknown };
  for (const [key, token] of Object.entries({ as_token: as, hs_token: hs })) {
    if (typeof token !== "string" || token === "") continue;
    if (/^(?:CHANGE|REPLACE|<|placeholder)/i.test(token) || token.length < 16) {
      say(key, `\`${key}\` is a placeholder or too short to be a secret.`, "Run `trestle register` for random tokens.");
    }
  }
  if (typeof as === "string" && as !== "" && as === hs) {
    say("hs_token", "`as_token` and `hs_token` are the same.", "Run `trestle register` for two random tokens.");
  }
}

function checkNamespaces(file: Record<string, unknown>, say: Say): void {
  const namespaces = file["namespaces"];
  const users = (namespaces as { users?: unknown } | null | undefined)?.users;
  if (!Array.isArray(users) || users.length === 0) {
    say("namespaces.users", "There is no users namespace.", "Write the registration anew with `trestle register`.");
    return;
  }
  const bot = file["sender_localpart"];
  let ghosts = false;
  let botCovered = typeof bot !== "string";
  for (const [index, entry] of users.entries()) {
    const path = `namespaces.users[${index}]`;
    const { regex, exclusive } = (entry ?? {}) as { regex?: unknown; exclusive?: unknown };
    if (typeof exclusive !== "boolean") say(`${path}.exclusive`, "`exclusive` is no boolean.", "Set it to true.");
    const pattern = typeof regex === "string" ? compile(regex) : undefined;
    if (typeof regex !== "string" || pattern === undefined) {
      say(`${path}.regex`, "This is no regular expression.", "Write the registration anew with `trestle register`.");
      continue;
    }
    if (!regex.startsWith("^@") || !regex.endsWith("$")) {
      say(`${path}.regex`, "The pattern is not anchored at both ends.", `Write it as \`^@...$\`.`);
    }
    if (/(?<!\\)\.(?![*+?])/.test(regex.slice(regex.indexOf(":") + 1))) {
      say(`${path}.regex`, "A dot of the server name is not escaped.", "Write `\\.` for each dot.");
    }
    if (regex.includes(".*")) ghosts = true;
    if (typeof bot === "string" && regex.includes(":")) {
      const host = regex
        .slice(regex.indexOf(":") + 1)
        .replace(/\$$/, "")
        .replaceAll("\\", "");
      botCovered ||= pattern.test(`@${bot}:${host}`);
    }
  }
  if (!ghosts) say("namespaces.users", "No pattern covers the ghosts.", "Add `^@_<span>_.*:<server>$`.");
  if (!botCovered) say("namespaces.users", "No pattern covers the bot itself.", `Add \`^@${String(bot)}:<server>$\`.`);
}

function compile(regex: string): RegExp | undefined {
  try {
    return new RegExp(regex);
  } catch {
    return undefined;
  }
}

const isHttpUrl = (value: unknown): boolean =>
  typeof value === "string" && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);

export const escapeRegex = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
