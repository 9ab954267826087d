/**
 * The self-check of double puppeting: everything that acting for one person takes is looked at, on our side and by asking the
 * homeserver, and what is wrong is named, each fault by its own sentence, with how to mend it. It changes nothing.
 */
import { randomBytes } from "node:crypto";
import type { PuppetReport, UserId } from "@trestle/core";
import type { Call, Client } from "../client.ts";
import { failureOf, isAway } from "../errors.ts";
import type { Registration } from "../registration.ts";
import type { PuppetAccess } from "./access.ts";
import type { PuppetRecord } from "./records.ts";
import { checkPuppetRegistration } from "./registration.ts";
import { type Who, whoIs } from "./who.ts";

/** What we need of the registration's file; the more is given, the more is checked. */
export type PuppetRegistrationKeys = Pick<Registration, "as_token" | "sender_localpart"> & Partial<Registration>;

export type Problem = PuppetReport["problems"][number];

const again = "Log in again with `login-matrix`.";
const sameFile = "Give the homeserver the very file that the bridge has, and restart it.";

export const problems = {
  none: {
    problem: "Nothing lets the bridge act for you: it has no double-puppet registration and no login of yours.",
    mend: "Log in with `login-matrix`, or ask the admin to set up `trestle register double-puppet`.",
  },
  declined: {
    problem: "You have told the bridge not to act for you.",
    mend: "Log in with `login-matrix` to allow it.",
  },
  foreign: (user: UserId, serverName: string): Problem => ({
    problem: `${user} is not an account of a person on ${serverName}, and only those can be acted for.`,
    mend: `Use an account on ${serverName}.`,
  }),
  noToken: { problem: "That is no access token.", mend: "Copy the whole token, without quotes or spaces." },
  away: { problem: "The homeserver does not answer.", mend: "Try again when it does." },
  expired: { problem: "The access token has expired or was logged out.", mend: again },
  lost: (why: string): Problem => ({ problem: `Your login is over: ${why}.`, mend: again }),
  deactivated: (user: UserId): Problem => ({
    problem: `The account ${user} is deactivated.`,
    mend: "Only an admin of the homeserver can bring it back; nobody can be acted for without an account.",
  }),
  locked: (user: UserId): Problem => ({
    problem: `The account ${user} is locked or suspended.`,
    mend: "Ask an admin of the homeserver to unlock it.",
  }),
  /** Why a token is not this person's. */
  ofToken: (user: UserId, who: Who): Problem => {
    if (who.user !== undefined) {
      return {
        problem: `The access token is of ${who.user}, not of ${user}.`,
        mend: "Use a token of this very account.",
      };
    }
    if (who.errcode === "M_USER_DEACTIVATED") return problems.deactivated(user);
    if (who.errcode === "M_USER_LOCKED" || who.errcode === "M_USER_SUSPENDED") return problems.locked(user);
    return problems.expired;
  },
  grant: (ended: "denied" | "expired" | "stopped" | "failed"): Problem => grantProblems[ended],
  notLoaded: {
    problem: "The homeserver does not know the double-puppet registration.",
    mend: "Name its file in the homeserver's config (Synapse: `app_service_config_files`) and restart it; on Conduit register it anew.",
  },
  notCovered: (user: UserId): Problem => ({
    problem: `The double-puppet registration that the homeserver has loaded does not cover ${user}.`,
    mend: sameFile,
  }),
  noAccount: (user: UserId): Problem => ({
    problem: `There is no account ${user} on the homeserver.`,
    mend: "Register it, or look for a misspelling.",
  }),
  pushedTwice: {
    problem:
      "`url` of the double-puppet registration is not null on the homeserver: every event of the server is pushed twice.",
    mend: `Write \`url: null\` into it. ${sameFile}`,
  },
  exclusive: {
    problem: "The homeserver has the double-puppet registration as exclusive: nobody else can register or log in.",
    mend: `Write \`exclusive: false\` into it. ${sameFile}`,
  },
  senderMissing: (localpart: string): Problem => ({
    problem: `The double-puppet registration's own user @${localpart} is not registered.`,
    mend: "The bridge registers it when it starts: restart the bridge; if that does not help, register it by hand.",
  }),
  limited: {
    problem: "The homeserver limits the rate of the double-puppet registration: it refuses us when much is said.",
    mend: `Write \`rate_limited: false\` into it. ${sameFile}`,
  },
} as const;

const grantProblems = {
  denied: { problem: "You did not agree to the login.", mend: "Say `login-matrix` to begin again." },
  expired: { problem: "The code was not entered in time.", mend: "Say `login-matrix` for a new one." },
  stopped: {
    problem: "The login was given up for a newer one, or the bridge stopped.",
    mend: "Say `login-matrix` again.",
  },
  failed: { problem: "The login server refused the login.", mend: "Say `login-matrix` to begin again." },
} as const;

export interface CheckParts {
  readonly client: Client;
  readonly serverName: string;
  readonly spanToken: string;
  readonly registration: PuppetRegistrationKeys | undefined;
  /** A send was refused for its rate. */
  readonly limited: boolean;
}

export interface CheckedPerson {
  readonly user: UserId;
  readonly isLocal: boolean;
  readonly record: PuppetRecord | undefined;
}

export async function checkPuppet(parts: CheckParts, person: CheckedPerson): Promise<PuppetReport> {
  const { user, record } = person;
  if (!person.isLocal) return { ok: false, problems: [problems.foreign(user, parts.serverName)] };
  if (record?.way === "declined") return { ok: false, problems: [problems.declined] };
  try {
    const own = record === undefined ? undefined : await checkOwn(parts.client, user, record);
    const byRegistration = parts.registration && (await checkRegistrationFor(parts, parts.registration, user));
    const found = [...(byRegistration?.found ?? [])];
    // A lost login is no fault where the registration does as well.
    if (own !== undefined && (own.works || byRegistration?.works !== true)) found.unshift(...own.found);
    if (own === undefined && byRegistration === undefined) found.push(problems.none);
    const way = own?.works === true ? own.way : byRegistration?.works === true ? "registration" : undefined;
    return { ok: found.length === 0, problems: found, ...(way === undefined ? {} : { way }) };
  } catch (error) {
    if (!isAway(error)) throw error;
    return { ok: false, problems: [problems.away] };
  }
}

async function checkOwn(client: Client, user: UserId, record: PuppetRecord) {
  if (record.way === "lost") return { works: false, found: [problems.lost(record.why)] };
  if (record.way === "declined") return { works: false, found: [] };
  const who = await whoIs(client, { token: record.token }, user);
  if (who.user === user) return { works: true, way: record.way, found: [] };
  return { works: false, found: [problems.ofToken(user, who)] };
}

async function checkRegistrationFor(parts: CheckParts, registration: PuppetRegistrationKeys, user: UserId) {
  const { client } = parts;
  const onPaper = checkPuppetRegistration(registration, { span: { as_token: parts.spanToken }, user });
  const found: Problem[] = onPaper.map(({ problem, mend }) => ({ problem, mend }));
  const isNamed = (path: string) => onPaper.some((one) => one.path.startsWith(path) || one.path.endsWith(path));
  const add = (problem: Problem | undefined) => problem !== undefined && found.push(problem);
  // Any answer for it would be one for the bridge's own registration.
  if (isNamed("as_token")) return { works: false, found };
  const access: PuppetAccess = { token: registration.as_token, masquerade: true };
  const who = await whoIs(client, access, user);
  if (who.user === undefined && who.status === 401) return { works: false, found: [...found, problems.notLoaded] };
  const works = who.user === user;
  if (!works && !isNamed("namespaces")) add(await whyNotAs(client, user, who));
  const bare = await whoIs(client, access, undefined);
  if (bare.user === undefined && bare.status === 403) add(problems.senderMissing(registration.sender_localpart));
  if (!isNamed("url")) add(await checkUrl(client, registration));
  if (!isNamed("exclusive")) add(await checkExclusive(client));
  const { limited, deactivated } = works ? await tryLogin(client, access, user) : {};
  if (deactivated) add(problems.deactivated(user));
  if ((limited || parts.limited || who.status === 429) && !isNamed("rate_limited")) add(problems.limited);
  return { works: works && deactivated !== true, found };
}

async function whyNotAs(client: Client, user: UserId, who: Who): Promise<Problem | undefined> {
  if (who.status === 429) return undefined;
  if (who.errcode === "M_USER_DEACTIVATED") return problems.deactivated(user);
  if (who.errcode === "M_USER_LOCKED" || who.errcode === "M_USER_SUSPENDED") return problems.locked(user);
  const path = `/_matrix/client/v3/profile/${encodeURIComponent(user)}`;
  const refusal = await refusalOf(client, { method: "GET", path, as: undefined });
  return refusal?.status === 404 ? problems.noAccount(user) : problems.notCovered(user);
}

/** A server that pings does it only where there is a url. */
async function checkUrl(client: Client, { id, as_token: token }: PuppetRegistrationKeys): Promise<Problem | undefined> {
  if (id === undefined) return undefined;
  const path = `/_matrix/client/v1/appservice/${encodeURIComponent(id)}/ping`;
  const refusal = await refusalOf(client, { method: "POST", path, as: undefined, token, body: "{}", timeoutMs: 5_000 });
  const isSet =
    refusal === undefined || refusal.errcode === "M_BAD_STATUS" || refusal.errcode?.startsWith("M_CONNECTION_");
  return isSet ? problems.pushedTwice : undefined;
}

/** Asked as anybody is who would register; where nobody may, it cannot be seen. */
async function checkExclusive(client: Client): Promise<Problem | undefined> {
  const path = "/_matrix/client/v3/register/available";
  const query = `username=trestle-check-${randomBytes(6).toString("hex")}`;
  // No token: only a stranger is told.
  const refusal = await refusalOf(client, { method: "GET", path, query, as: undefined, token: "" });
  return refusal?.errcode === "M_EXCLUSIVE" ? problems.exclusive : undefined;
}

/** A login is where servers look at the account itself; what it gives is ended at once. */
async function tryLogin(client: Client, { token }: PuppetAccess, user: UserId) {
  const body = {
    type: "m.login.application_service",
    identifier: { type: "m.id.user", user },
    device_id: "TRESTLE_CHECK",
    initial_device_display_name: "Trestle (check)",
  };
  const path = "/_matrix/client/v3/login";
  let session: string | undefined;
  const refusal = await refusalOf(
    client,
    { method: "POST", path, as: undefined, token, body: JSON.stringify(body) },
    (answer) => {
      if (typeof answer["access_token"] === "string") session = answer["access_token"];
    },
  );
  if (session !== undefined) {
    await refusalOf(client, {
      method: "POST",
      path: "/_matrix/client/v3/logout",
      as: undefined,
      token: session,
      body: "{}",
    });
  }
  return { limited: refusal?.status === 429, deactivated: refusal?.errcode === "M_USER_DEACTIVATED" };
}

/** How this is refused; undefined when it is not. Rejects when nobody answers. */
async function refusalOf(
  client: Client,
  call: Call,
  done: (answer: Readonly<Record<string, unknown>>) => void = () => undefined,
): Promise<{ readonly status: number; readonly errcode?: string } | undefined> {
  try {
    done(await client.call(call));
    return undefined;
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    return failure;
  }
}
