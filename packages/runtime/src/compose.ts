/**
 * The composition root: joins the store, the homeserver side, the span's connector and the core into one bridge, with the admin
 * server beside it. It decides the order of starting and stopping and nothing else.
 */
import { createHmac } from "node:crypto";
import {
  type Bridge,
  BridgeError,
  type Connector,
  createBridge,
  type Log,
  networkId,
  type Store,
  systemClock,
} from "@trestle/core";
import { createHomeserver, type Registration } from "@trestle/matrix";
import { type Key, openStore } from "@trestle/store";
import { createAdminServer } from "./admin-server.ts";
import type { LoadedConfig } from "./config-file.ts";
import { ConfigError, type ConfigProblem } from "./config-problems.ts";
import { bridgeSettings, type SharedConfig } from "./config-shape.ts";
import { dayMs, type HostPort, isLoopback, parseHostPort } from "./config-values.ts";
import type { Credentials } from "./credentials.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { deriveSecret } from "./secret-key.ts";
import type { Span } from "./span.ts";

export interface Composed {
  readonly bridge: Bridge;
  /** Where the admin server listens in the end. */
  readonly admin: HostPort;
  /** Stops taking, drains for at most this long, closes everything. Never rejects. */
  stop(drainMs: number): Promise<void>;
}

/** Starts everything. Rejects with a BridgeError, and then nothing is left open. */
export async function compose<C>(
  span: Span<C>,
  config: LoadedConfig<C>,
  credentials: Credentials,
  log: Log,
): Promise<Composed> {
  const { homeserver: server, appservice, database, admin: adminConfig } = config.shared;
  const { registration, puppets, keys } = credentials;
  const metrics = createMetrics();
  const closers: ((drainMs: number) => Promise<void>)[] = [];
  const stop = async (drainMs: number) => {
    for (const close of closers.splice(0).reverse()) {
      await close(drainMs).catch((err: unknown) => log.warn({ err }, "something did not close cleanly"));
    }
  };
  const connector = span.connector(config.span);
  refuseWrongLinks(connector, config);
  try {
    const store = await openStore({ url: database.url, log, keys });
    closers.push(() => store.close());
    if (credentials.keyIsNew) await sayNewKey(store, config.shared.secrets.keyFile, log);
    const shared = { clock: systemClock, log, meter: metrics };
    const homeserver = createHomeserver({
      ...shared,
      url: server.url,
      serverName: server.name,
      span: span.name,
      registration: { ...registration, userPrefix: appservice.prefix },
      listen: listenAt("appservice.listen", appservice.listen),
      store,
      ...mediaOption(config.shared, keys),
      ...(puppets === undefined ? {} : { puppets: { registration: puppets } }),
    });
    const bridge = createBridge({ ...shared, store, homeserver, connector, settings: bridgeSettings(config.shared) });
    const adminServer = createAdminServer({
      listen: listenAt("admin.listen", adminConfig.listen),
      token: adminToken(adminConfig.token, registration),
      status: () => bridge.status(),
      command: (line) => bridge.command(line),
      metrics: () => scrape(bridge, metrics),
    });
    const admin = await adminServer.start();
    closers.push(() => adminServer.stop());
    closers.push((drainMs) => bridge.stop(drainMs));
    await bridge.start();
    return { bridge, admin, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

/** Secrets without the key that sealed them are of no use: an admin may still have it. */
async function sayNewKey(store: Store, keyFile: string, log: Log): Promise<void> {
  const sealed = (await store.secrets.list("")).length;
  if (sealed === 0) return log.info({ keyFile }, "made a new secret key; keep a copy of it apart from the database");
  log.warn(
    { keyFile, sealed },
    "the secret key was not there and a new one was made; what the old one sealed does not open: put the old one into the file again, or people have to log in anew",
  );
}

/** Public addresses of files: signed with a key that is of no use for anything else. */
function mediaOption({ media }: SharedConfig, [key]: readonly Key[]) {
  if (media === undefined || key === undefined) return {};
  const listen = listenAt("media.listen", media.listen);
  return {
    media: {
      listen,
      // what nobody but this machine reaches is reached through a web server of this machine
      behindProxy: media.behindProxy ?? isLoopback(listen.host),
      publicUrl: media.url,
      key: deriveSecret(key, "media addresses"),
      expiresMs: media.expiryDays * dayMs,
    },
  };
}

/** A link that can never be made is a mistake of the config like any other. */
function refuseWrongLinks(connector: Connector, { shared, file }: LoadedConfig<unknown>): void {
  const wrong = linkProblems(connector, shared.links);
  if (wrong.length > 0) throw new ConfigError(wrong.map((problem) => ({ ...problem, place: file })));
}

/** What is wrong with the links of a config, before any network is asked. */
export function linkProblems(connector: Connector, links: SharedConfig["links"]): ConfigProblem[] {
  return links.flatMap(({ network, chat }, index) => {
    const key = connector.parseChat(networkId(network), chat);
    return "problem" in key ? [{ path: ["links", index], message: `cannot be: ${key.problem}` }] : [];
  });
}

function listenAt(key: string, text: string): HostPort {
  const parsed = parseHostPort(text);
  if (parsed === undefined) throw new BridgeError("config-invalid", `${key} must be HOST:PORT`);
  return parsed;
}

/** Without one in the config it follows from the registration: who may read that may command the bridge anyway. */
export function adminToken(configured: string | undefined, registration: Pick<Registration, "as_token">): string {
  return configured ?? createHmac("sha256", registration.as_token).update("trestle admin token").digest("hex");
}

/** What is known only by asking is asked when somebody looks. */
async function scrape(bridge: Bridge, metrics: Metrics): Promise<{ text: string; contentType: string }> {
  const status = await bridge.status();
  metrics.gauge("trestle_ready", status.ready ? 1 : 0);
  metrics.gauge("trestle_jobs", status.jobs.queued, { state: "queued" });
  metrics.gauge("trestle_jobs", status.jobs.parked, { state: "parked" });
  metrics.gauge("trestle_dead_letters", status.jobs.dead);
  metrics.gauge("trestle_oldest_job_seconds", (status.jobs.oldestAgeMs ?? 0) / 1000);
  metrics.gauge("trestle_links", status.links.active, { state: "active" });
  metrics.gauge("trestle_links", status.links.paused, { state: "paused" });
  metrics.gauge("trestle_homeserver_up", status.homeserver.state === "up" ? 1 : 0);
  metrics.gauge("trestle_canary_overdue", status.homeserver.canaryOverdue ? 1 : 0);
  // Before the first there is no age, and 0 would be the best there can be.
  metrics.gauge("trestle_canary_age_seconds", (status.homeserver.canaryAgeMs ?? Number.NaN) / 1000);
  for (const { network, state, queuedLines } of status.networks) {
    metrics.gauge("trestle_network_up", state === "up" ? 1 : 0, { network });
    if (queuedLines !== undefined) metrics.gauge("trestle_network_queued_lines", queuedLines, { network });
  }
  return { text: await metrics.print(), contentType: metrics.contentType };
}
