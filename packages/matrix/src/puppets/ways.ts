/**
 * By which way we act for a person, and what becomes of it when the homeserver refuses: his own token, if he gave one, else the
 * double-puppet registration. A way that is refused is given up at once and the next is taken; when there is none left, he is told.
 */
import type { Clock, HomeserverHost, Log, UserId } from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import type { Client } from "../client.ts";
import { type Failure, failureOf } from "../errors.ts";
import type { PuppetAccess } from "./access.ts";
import type { OAuth } from "./oauth-grant.ts";
import type { OAuthRecord, PuppetRecord, PuppetRecords } from "./records.ts";
import { whoIs } from "./who.ts";

export interface PuppetWays {
  has(user: UserId): boolean;
  act<T>(user: UserId, work: (access: PuppetAccess) => Promise<T>): Promise<{ readonly done: T } | undefined>;
  mayHaveSaid(user: UserId): boolean;
  /** Renews a login that has less than this left. */
  renew(user: UserId, shortMs: number): Promise<void>;
  /** He has a new token, or the registration is to be tried once more. */
  settle(user: UserId): void;
  /** A send was refused because the registration is limited. */
  readonly limited: boolean;
}

export interface PuppetWaysOptions {
  readonly client: Client;
  readonly records: PuppetRecords;
  readonly oauth: OAuth;
  /** Of the double-puppet registration, if there is one. */
  readonly registrationToken: string | undefined;
  /** A person of this homeserver. */
  readonly isLocal: (user: UserId) => boolean;
  readonly lost: HomeserverHost["puppetLost"];
  readonly clock: Clock;
  readonly log: Log;
}

type Way =
  | { readonly kind: "own"; readonly record: Extract<PuppetRecord, { token: string }>; readonly access: PuppetAccess }
  | { readonly kind: "registration"; readonly access: PuppetAccess };

/** A registration that did not let us act for somebody is tried again after this. */
const refusedMs = 5 * 60_000;
/** A token that has this little left is renewed before it is used. */
const tooShortMs = 15_000;
/** Ways tried for one deed: his token, the same renewed, the registration, and one more for a login meanwhile. */
const triesMax = 4;

export function createPuppetWays(options: PuppetWaysOptions): PuppetWays {
  const { client, records, registrationToken, isLocal, log } = options;
  const now = () => options.clock.now();
  const refused = boundedMap<UserId, { readonly untilMs: number }>(50_000);
  const acted = boundedMap<UserId, true>(50_000);
  let limited = false;

  const registrationFor = (user: UserId): PuppetAccess | undefined =>
    registrationToken !== undefined && isLocal(user) && (refused.get(user)?.untilMs ?? 0) <= now()
      ? { token: registrationToken, masquerade: true }
      : undefined;

  function has(user: UserId): boolean {
    const way = records.get(user)?.way;
    if (way === "declined") return false;
    return way === "token" || way === "oauth" || registrationFor(user) !== undefined;
  }

  /** This very record is of no use any more. */
  async function lose(user: UserId, record: PuppetRecord, why: string): Promise<void> {
    if (records.get(user) !== record) return;
    const storing = records.put(user, { way: "lost", why });
    log.warn({ user, why }, "a person's own token is of no use any more");
    if (!has(user)) options.lost(user, why);
    await storing;
  }

  function refuse(user: UserId, why: string): void {
    const before = refused.get(user);
    refused.set(user, { untilMs: now() + refusedMs });
    // Told once, until it worked in between.
    if (before !== undefined) return;
    log.warn({ user, why }, "the double-puppet registration does not let us act for somebody");
    options.lost(user, why);
  }

  const renewal = createRenewal(options, lose);

  async function wayOf(user: UserId): Promise<Way | undefined> {
    await renewal.renew(user, tooShortMs);
    const record = records.get(user);
    if (record?.way === "declined") return undefined;
    if (record?.way === "token" || record?.way === "oauth") {
      return { kind: "own", record, access: { token: record.token } };
    }
    const access = registrationFor(user);
    return access === undefined ? undefined : { kind: "registration", access };
  }

  /** Resolves when this way was given up; rejects with the failure when it was not the way's. */
  async function giveUp(user: UserId, way: Way, error: unknown): Promise<void> {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    if (way.kind === "registration") {
      if (failure.status === 429) limited = true;
      const why = await registrationRefusal(client, user, way.access, failure);
      if (why === undefined) throw error;
      return refuse(user, why);
    }
    if (failure.status !== 401 && failure.errcode !== "M_USER_DEACTIVATED") throw error;
    const { record } = way;
    if (records.get(user) !== record) return;
    if (record.way === "oauth" && record.refresh !== undefined) await renewal.force(user, record);
    else await lose(user, record, whyOf(failure));
  }

  return {
    has,
    renew: renewal.renew,
    settle: (user) => void refused.delete(user),
    get limited() {
      return limited;
    },
    mayHaveSaid: (user) =>
      acted.has(user) || records.get(user) !== undefined || (registrationToken !== undefined && isLocal(user)),
    async act(user, work) {
      for (let tries = 0; tries < triesMax; tries++) {
        const way = await wayOf(user);
        if (way === undefined) return undefined;
        acted.set(user, true);
        try {
          const done = await work(way.access);
          if (way.kind === "registration") refused.delete(user);
          return { done };
        } catch (error) {
          await giveUp(user, way, error);
        }
      }
      return undefined;
    },
  };
}

/** Logins with a time limit, renewed one at a time for each person: a refresh token is good once. */
function createRenewal(
  { records, oauth, clock }: PuppetWaysOptions,
  lose: (user: UserId, record: PuppetRecord, why: string) => Promise<void>,
) {
  const running = new Map<UserId, Promise<void>>();
  const leftMs = ({ expiresAtMs }: OAuthRecord): number => (expiresAtMs ?? Number.POSITIVE_INFINITY) - clock.now();

  async function ask(user: UserId, record: OAuthRecord): Promise<void> {
    const fresh = await oauth.refresh(record);
    // He logged out or in anew meanwhile.
    if (records.get(user) !== record) return;
    if (fresh === undefined) await lose(user, record, "the login ran out and could not be renewed");
    // On disk before its first use: the old one may be good for nothing after that.
    else await records.put(user, fresh);
  }

  function force(user: UserId, record: OAuthRecord): Promise<void> {
    let flight = running.get(user);
    if (flight === undefined) {
      flight = ask(user, record).finally(() => running.delete(user));
      running.set(user, flight);
    }
    return flight;
  }

  return {
    force,
    async renew(user: UserId, shortMs: number): Promise<void> {
      const record = records.get(user);
      if (record?.way !== "oauth" || record.refresh === undefined || leftMs(record) >= shortMs) return;
      try {
        await force(user, record);
      } catch (error) {
        // As long as the old one holds, a login server that is away stops nobody.
        if (leftMs(record) <= 0) throw error;
      }
    },
  };
}

async function registrationRefusal(
  client: Client,
  user: UserId,
  access: PuppetAccess,
  failure: Failure,
): Promise<string | undefined> {
  if (failure.status === 401) return "the homeserver does not know the double-puppet registration";
  if (failure.errcode === "M_USER_DEACTIVATED") return "the account is deactivated";
  if (failure.status !== 403 && failure.errcode !== "M_EXCLUSIVE") return undefined;
  // He himself may not, or we may not as him: only the latter is answered here too.
  const who = await whoIs(client, access, user);
  return who.user === user ? undefined : "the double-puppet registration does not cover this account";
}

function whyOf({ errcode }: Failure): string {
  if (errcode === "M_USER_DEACTIVATED") return "the account is deactivated";
  if (errcode === "M_USER_LOCKED") return "the account is locked";
  return "the access token has expired or was logged out";
}
