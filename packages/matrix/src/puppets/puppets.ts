/**
 * Acting for people as themselves, as the core asks for it: logins taken and forgotten, device grants begun and followed, tokens
 * tried now and then so that one which ran out is noticed within a minute. By which way somebody is acted for is puppet-ways.ts's.
 */
import type {
  Clock,
  HomeserverHost,
  KeyValueStore,
  Log,
  PuppetReport,
  Puppets,
  SecretStore,
  UserId,
} from "@trestle/core";
import type { Client } from "../client.ts";
import { failureOf, isAway } from "../errors.ts";
import { checkPuppet, type Problem, type PuppetRegistrationKeys, problems } from "./check.ts";
import { type BegunGrant, createOAuth } from "./oauth-grant.ts";
import { createOAuthHttp } from "./oauth-http.ts";
import { createPuppetRecords, type PuppetRecord } from "./records.ts";
import { createPuppetWays, type PuppetWays } from "./ways.ts";
import { whoIs } from "./who.ts";

export interface PuppetsConfig {
  /** Of the double-puppet registration; with it everybody of this homeserver can be acted for. */
  readonly registration?: PuppetRegistrationKeys;
  /** How often each person's own token is tried; default 30 s. */
  readonly checkMs?: number;
  /** The bridge's page, which login servers want to know: an https address. */
  readonly clientUri?: string;
}

export interface PuppetsOptions {
  readonly client: Client;
  /** The homeserver's address. */
  readonly url: string;
  readonly serverName: string;
  readonly spanToken: string;
  /** The bot and the ghosts. */
  readonly isOwn: (user: string) => boolean;
  readonly store: { readonly secrets: SecretStore; readonly kv: KeyValueStore };
  readonly clock: Clock;
  readonly log: Log;
  readonly config: PuppetsConfig;
}

export interface ActingPuppets extends Puppets, Pick<PuppetWays, "act" | "mayHaveSaid"> {
  /** Reads what is stored. Before the first `act`. */
  open(host: Pick<HomeserverHost, "puppetLost">): Promise<void>;
  /** Tries the tokens until the signal; resolves then. */
  watch(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const usualCheckMs = 15_000;
const checkTimeoutMs = 10_000;
const usualClientUri = "https://trestle.invalid/";

export function createPuppets(options: PuppetsOptions): ActingPuppets {
  const { client, log, clock, config, serverName, store } = options;
  const { registration } = config;
  const records = createPuppetRecords(store, log);
  const http = createOAuthHttp(options.url);
  const clientUri = config.clientUri ?? usualClientUri;
  const oauth = createOAuth({ http, url: options.url, kv: store.kv, clock, log, clientUri });
  let host: Pick<HomeserverHost, "puppetLost"> | undefined;
  const isLocal = (user: UserId): boolean => user.slice(user.indexOf(":") + 1) === serverName && !options.isOwn(user);
  const ways = createPuppetWays({
    client,
    records,
    oauth,
    registrationToken: registration?.as_token,
    isLocal,
    lost: (user, why) => host?.puppetLost(user, why),
    clock,
    log,
  });

  const takeOver: TakeOver = async (user, record, isWanted = () => true) => {
    const who = await whoIs(client, { token: record.token }, user);
    if (!isWanted()) return report([problems.grant("stopped")]);
    if (who.user !== user) return report([problems.ofToken(user, who)]);
    await records.put(user, record);
    ways.settle(user);
    return report([], record.way);
  };

  const grants = createGrants(takeOver, log);

  return {
    has: ways.has,
    act: ways.act,
    mayHaveSaid: ways.mayHaveSaid,
    async open(to) {
      host = to;
      await records.load();
    },
    async login(user, token) {
      if (!isLocal(user)) return report([problems.foreign(user, serverName)]);
      if (!/^[!-~]{1,4096}$/.test(token)) return report([problems.noToken]);
      try {
        return await takeOver(user, { way: "token", token });
      } catch (error) {
        if (isAway(error)) return report([problems.away]);
        throw error;
      }
    },
    async beginGrant(user) {
      const begun = isLocal(user) ? await oauth.begin() : undefined;
      if (begun === undefined) return undefined;
      return { url: begun.url, code: begun.code, expiresAtMs: begun.expiresAtMs, done: grants.follow(user, begun) };
    },
    async logout(user) {
      grants.end(user);
      if (registration !== undefined && isLocal(user)) await records.put(user, { way: "declined" });
      else await records.remove(user);
    },
    check: (user) =>
      checkPuppet(
        { client, serverName, spanToken: options.spanToken, registration, limited: ways.limited },
        { user, isLocal: isLocal(user), record: records.get(user) },
      ),
    async watch(signal) {
      const checkMs = config.checkMs ?? usualCheckMs;
      let isKnown = false;
      for (const { user, why } of records.untold()) {
        if (ways.has(user)) continue;
        host?.puppetLost(user, why);
        await records.told(user).catch((error: unknown) => log.warn({ user, error }, "it may be told again"));
      }
      while (!signal.aborted) {
        if (!isKnown) isKnown = await registerSender(client, registration, log);
        const users = records.holders();
        if (users.length === 0) await clock.wait(checkMs, signal);
        for (const user of users) {
          await clock.wait(checkMs / users.length, signal);
          if (signal.aborted) return;
          await tryToken(client, ways, user, Math.max(60_000, 2 * checkMs)).catch((error: unknown) => {
            log.debug({ user, error }, "could not try a person's token");
          });
        }
      }
    },
    async close() {
      grants.endAll();
      await http.close();
    },
  };
}

async function tryToken(client: Client, ways: PuppetWays, user: UserId, shortMs: number): Promise<void> {
  await ways.renew(user, shortMs);
  await ways.act(user, async (access) => {
    if (access.masquerade === true) return;
    const path = "/_matrix/client/v3/account/whoami";
    await client.call({ ...access, method: "GET", path, as: user, timeoutMs: checkTimeoutMs });
  });
}

/** Tries a token, keeps it if it is his and still wanted. */
type TakeOver = (
  user: UserId,
  record: Extract<PuppetRecord, { token: string }>,
  isWanted?: () => boolean,
) => Promise<PuppetReport>;

/** Device grants under way, one for each person. */
function createGrants(takeOver: TakeOver, log: Log) {
  const running = new Map<UserId, AbortController>();
  const end = (user: UserId): void => running.get(user)?.abort();

  async function outcome(user: UserId, begun: BegunGrant, ending: AbortController): Promise<PuppetReport> {
    try {
      const got = await begun.outcome(ending.signal);
      if ("ended" in got) return report([problems.grant(got.ended)]);
      return await takeOver(user, got, () => !ending.signal.aborted);
    } catch (error) {
      log.warn({ user, error }, "a login by device grant failed");
      return report([isAway(error) ? problems.away : problems.grant("failed")]);
    } finally {
      if (running.get(user) === ending) running.delete(user);
    }
  }

  return {
    end,
    endAll: () => [...running.keys()].forEach(end),
    follow(user: UserId, begun: BegunGrant): Promise<PuppetReport> {
      end(user);
      const ending = new AbortController();
      running.set(user, ending);
      return outcome(user, begun, ending);
    },
  };
}

const report = (found: readonly Problem[], way?: PuppetReport["way"]): PuppetReport => ({
  ok: found.length === 0,
  problems: found,
  ...(way === undefined ? {} : { way }),
});

/** Conduit knows an appservice's own user only once it is registered. False: to be tried again. */
async function registerSender(
  client: Client,
  registration: PuppetRegistrationKeys | undefined,
  log: Log,
): Promise<boolean> {
  if (registration === undefined) return true;
  const body = { type: "m.login.application_service", username: registration.sender_localpart, inhibit_login: true };
  const call = { method: "POST", path: "/_matrix/client/v3/register", as: undefined } as const;
  try {
    await client.call({ ...call, token: registration.as_token, body: JSON.stringify(body), timeoutMs: checkTimeoutMs });
    return true;
  } catch (error) {
    if (failureOf(error)?.errcode === "M_USER_IN_USE") return true;
    log.debug({ error }, "the double-puppet registration's own user could not be registered");
    return false;
  }
}
