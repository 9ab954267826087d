/**
 * Puts the parts together and nothing else: what each does is in its own file. Data flows intake -> lanes -> outward, inward
 * or control -> the far side.
 */
import type { Bridge, BridgeOptions, BridgeStatus } from "./bridge.ts";
import type { CommandContext, CommandIssuer } from "./commands/command.ts";
import { runCommand } from "./commands/index.ts";
import { createConfigLinks } from "./config-links.ts";
import { createControl } from "./control.ts";
import { BridgeError } from "./errors.ts";
import { createFailures } from "./failures.ts";
import { startHousekeeping } from "./housekeeping.ts";
import { createIntake } from "./intake.ts";
import { createInward } from "./inward.ts";
import { createLanes, type Lanes } from "./lanes.ts";
import { createLinks } from "./links.ts";
import { createMessageMap } from "./message-map.ts";
import { createOutward } from "./outward.ts";
import { createRepairView } from "./repair.ts";
import { createRouter, type Router } from "./router.ts";
import { createSiblings } from "./siblings.ts";
import type { Job, KeyValueStore, Outcome } from "./store.ts";

/** How long an unknown target may still be on its way in the other lane. */
const otherLaneMs = 10_000;
/** The homeserver is everybody's: what waits for it waits long. */
const inwardAgeLimitMs = 24 * 60 * 60_000;

export function createBridge(options: BridgeOptions): Bridge {
  const { store, homeserver, connector, clock, log, meter, settings } = options;
  const prefix = `!${connector.name}`;
  const router = createRouter();
  const messages = createMessageMap(store.messages);
  const siblings = createSiblings(settings.siblings);
  const shared = {
    homeserver,
    connector,
    journal: store.journal,
    messages,
    kv: store.kv,
    settings,
    siblings,
    clock,
    meter,
    startedAtMs: clock.now(),
  };

  const outward = createOutward({ ...shared, otherLane: ({ id }) => lanes.caughtUp(id, "inward", otherLaneMs) });
  const inward = createInward({ ...shared, otherLane: ({ id }) => lanes.caughtUp(id, "outward", otherLaneMs) });
  const failures = createFailures({ homeserver, router, clock, log, meter });

  const deliver = (job: Job): Promise<Outcome> => {
    if (job.lane === "control") return control.deliver(job);
    const portal = router.get(job.portal);
    // Unlinked while it waited.
    if (portal === undefined) return Promise.resolve({ state: "cancelled", atMs: clock.now(), failure: "unlinked" });
    return job.lane === "outward" ? outward(job, portal) : inward(job, portal);
  };

  const lanes: Lanes = createLanes({
    journal: store.journal,
    clock,
    log,
    jobsMax: settings.laneJobsMax,
    deliver,
    failed: failures.failed,
    shed: failures.shed,
    settled: (job, outcome) => {
      if (outcome.state !== "done") return;
      meter.count("trestle_messages_delivered_total", { direction: job.lane });
      meter.observe("trestle_delivery_seconds", (clock.now() - job.createdAtMs) / 1_000, { direction: job.lane });
    },
    ageLimitMs: (job) => {
      const row = job.lane === "outward" ? router.get(job.portal) : undefined;
      return row === undefined ? inwardAgeLimitMs : connector.capabilities(row.network).ageLimitMs;
    },
  });

  const links = createLinks({ portals: store.portals, router, connector, homeserver, clock, lanes: () => lanes });
  const configLinks = createConfigLinks({ wanted: settings.links, homeserver, connector, links, router, clock, log });
  const commandContext = (issuer: CommandIssuer): CommandContext => ({
    issuer,
    prefix,
    homeserver,
    connector,
    router,
    links,
    lanes,
    journal: store.journal,
    status,
    nowMs: clock.now(),
  });
  const control = createControl({
    homeserver,
    router,
    links,
    kv: store.kv,
    settings,
    clock,
    prefix,
    commandContext,
    joined: () => configLinks.nudge(),
  });
  const intake = createIntake({
    homeserver,
    router,
    lanes,
    siblings,
    kv: store.kv,
    clock,
    log,
    meter,
    commandPrefix: prefix,
    isDirect: control.isDirect,
    encrypted: (room) => {
      for (const row of router.ofRoom(room)) {
        lanes.hold(row.id);
        router.put({ ...row, state: "paused" });
      }
    },
  });

  const status = () => bridgeStatus(options, router);

  let stopHousekeeping = () => {};
  return {
    async start() {
      await control.load();
      await links.load();
      await homeserver.start({
        take: intake.take,
        ephemeral: () => undefined,
        openMedia: (attachment) => {
          if (connector.openMedia !== undefined) return connector.openMedia(attachment);
          return Promise.reject(new BridgeError("not-supported", "this network has no files"));
        },
        puppetLost: () => undefined,
        ...createRepairView(store, router, intake),
      });
      await connector.start({
        emit: intake.emit,
        openMedia: (attachment) => homeserver.openMedia(attachment),
        ask: () => Promise.resolve(undefined),
        kv: scoped(store.kv, `${connector.name}/`),
        clock,
        log,
        meter,
      });
      await lanes.resume();
      await configLinks.start();
      stopHousekeeping = startHousekeeping(store, settings, clock, log);
    },
    async stop(drainMs) {
      stopHousekeeping();
      configLinks.stop();
      const late = new AbortController();
      await Promise.race([Promise.all([homeserver.stop(drainMs), lanes.stop()]), clock.wait(drainMs, late.signal)]);
      late.abort();
      await connector.stop();
    },
    status,
    command: (line) => runCommand(line, commandContext({ levelIn: () => "admin" })),
  };
}

async function bridgeStatus(
  { store, homeserver, connector, clock }: BridgeOptions,
  router: Router,
): Promise<BridgeStatus> {
  const { oldestAtMs, ...counts } = await store.journal.counts();
  const rows = router.all();
  const side = homeserver.status();
  return {
    homeserver: side,
    networks: connector.status(),
    links: {
      active: rows.filter(({ state }) => state === "active").length,
      paused: rows.filter(({ state }) => state === "paused").length,
    },
    jobs: { ...counts, ...(oldestAtMs === undefined ? {} : { oldestAgeMs: clock.now() - oldestAtMs }) },
    ready: side.state === "up",
  };
}

/** A part of the key-value store for one owner. */
function scoped(kv: KeyValueStore, prefix: string): KeyValueStore {
  return {
    get: (key) => kv.get(prefix + key),
    put: (key, value) => kv.put(prefix + key, value),
    remove: (key) => kv.remove(prefix + key),
    list: async (start) =>
      (await kv.list(prefix + start)).map(({ key, value }) => ({ key: key.slice(prefix.length), value })),
  };
}
