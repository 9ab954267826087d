/**
 * The registration by which we act for everybody of a homeserver: never asked for anything (no url), of nobody's users alone (not
 * exclusive), without limits. One serves every span of the server; each span may have one of its own.
 */
import { randomBytes } from "node:crypto";
import type { UserId } from "@trestle/core";
import { escapeRegex, type Registration, type RegistrationProblem, type ServerKind } from "../registration.ts";

export interface PuppetRegistrationOptions {
  /** For a registration of this span alone. */
  readonly span?: string;
  readonly serverName: string;
  readonly server: ServerKind;
  readonly tokens?: { readonly as: string; readonly hs: string };
}

/** A double-puppet registration to be written down; all servers read the same one. */
export function makePuppetRegistration({ span, serverName, tokens }: PuppetRegistrationOptions): Registration {
  const own = span === undefined ? "" : `-${span}`;
  return {
    id: `trestle-doublepuppet${own}`,
    url: null,
    as_token: tokens?.as ?? randomBytes(32).toString("hex"),
    hs_token: tokens?.hs ?? randomBytes(32).toString("hex"),
    sender_localpart: `trestle-doublepuppet${own}`,
    rate_limited: false,
    namespaces: {
      users: [{ exclusive: false, regex: `^@.*:${escapeRegex(serverName)}$` }],
      aliases: [],
      rooms: [],
    },
  };
}

const anew = "Write it anew with `trestle register double-puppet`, give it to the homeserver and restart that.";

/**
 * What would keep people from being acted for, worst first; empty when it is sound. Takes anything. `span` is the registration of
 * the bridge itself, `user` one whom it ought to cover.
 */
export function checkPuppetRegistration(
  given: unknown,
  { span, user }: { readonly span?: Pick<Registration, "as_token">; readonly user?: UserId } = {},
): RegistrationProblem[] {
  const problems: RegistrationProblem[] = [];
  const say = (path: string, problem: string, mend: string) => problems.push({ path, problem, mend });
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    say("", "The double-puppet registration is not a mapping of keys.", anew);
    return problems;
  }
  const file = given as Readonly<Record<string, unknown>>;
  for (const key of ["as_token", "sender_localpart"]) {
    if (typeof file[key] !== "string" || file[key] === "") {
      say(key, `\`${key}\` of the double-puppet registration is missing or no text.`, anew);
    }
  }
  if (span !== undefined && file["as_token"] === span.as_token) {
    say("as_token", "The double-puppet registration has the bridge's own `as_token`: it needs one of its own.", anew);
  }
  // Absent keys are those of a caller who holds only part of the file.
  if (file["url"] !== undefined && file["url"] !== null) {
    say(
      "url",
      "`url` of the double-puppet registration is not null: the homeserver pushes every event of the server twice.",
      "Write `url: null` into it and restart the homeserver.",
    );
  }
  if ("rate_limited" in file && file["rate_limited"] !== false) {
    say(
      "rate_limited",
      "The double-puppet registration is rate limited: the homeserver refuses us in every lively conversation.",
      "Write `rate_limited: false` into it and restart the homeserver.",
    );
  }
  if (file["namespaces"] !== undefined) checkUsers(file["namespaces"], user, say);
  return problems;
}

type Say = (path: string, problem: string, mend: string) => void;

function checkUsers(namespaces: unknown, user: UserId | undefined, say: Say): void {
  const users = (namespaces as { users?: unknown } | null)?.users;
  const entries: unknown[] = Array.isArray(users) ? users : [];
  let covers = false;
  for (const [index, entry] of entries.entries()) {
    const path = `namespaces.users[${index}]`;
    const { regex, exclusive } = (entry ?? {}) as { regex?: unknown; exclusive?: unknown };
    const pattern = typeof regex === "string" ? compile(regex) : undefined;
    if (pattern === undefined) {
      say(`${path}.regex`, "A users namespace of the double-puppet registration is no regular expression.", anew);
      continue;
    }
    if (exclusive !== false) {
      say(
        `${path}.exclusive`,
        "The double-puppet registration claims people for itself alone (`exclusive`): nobody else can register or log in.",
        "Write `exclusive: false` into it and restart the homeserver.",
      );
    }
    covers ||= user === undefined ? regex !== "" : pattern.test(user);
  }
  if (covers) return;
  const whom = user === undefined ? "anybody" : user;
  say("namespaces.users", `No users namespace of the double-puppet registration covers ${whom}.`, anew);
}

function compile(regex: string): RegExp | undefined {
  try {
    return new RegExp(regex);
  } catch {
    return undefined;
  }
}
