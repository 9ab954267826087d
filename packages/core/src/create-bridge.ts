/**
 * Puts the parts together and nothing else: what each does is in its own file. Data flows intake -> lanes -> outward, inward
 * or control -> the far side.
 */

import { createBrakes } from "./brakes.ts";
import type { Bridge, BridgeOptions, BridgeStatus } from "./bridge.ts";
import { clusterOf } from "./cluster.ts";
import type { CommandContext, CommandIssuer } from "./commands/command.ts";
import { runCommand } from "./commands/index.ts";
import { createConfigLinks } from "./config-links.ts";
import { createControl } from "./control.ts";
import { BridgeError } from "./errors.ts";
import { createFailures } from "./failures.ts";
import { startHousekeeping } from "./housekeeping.ts";
import { createIdentities } from "./identity.ts";
import { createIntake } from "./intake.ts";
import { createInward } from "./inward.ts";
import { createLanes, type Lanes } from "./lanes.ts";
import { createLinks } from "./links.ts";
import { createMessageMap } from "./message-map.ts";
import { createMoves } from "./moves.ts";
import { createOutward } from "./outward.ts";
import { createReactions } from "./reactions.ts";
import { createRepairView } from "./repair.ts";
import { asksRetry, createRetries } from "./retries.ts";
import { createRouter, type Router } from "./router.ts";
import { createSiblings } from "./siblings.ts";
import { createStatuses } from "./statuses.ts";
import type { Direction, Job, KeyValueStore, Outcome, PortalRow } from "./store.ts";
import { createSurroundings } from "./surroundings.ts";

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
  const brakes = createBrakes(clock);
  const identities = createIdentities(router, messages);
  const statuses = createStatuses(homeserver, settings, log);
  const shared = {
    identities,
    reactions: createReactions(store.reactions),
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

  /** Until every lane that could still hold a target has dealt with what it holds now. */
  const otherLanes = async (portal: PortalRow, own: Direction): Promise<void> => {
    const cluster = clusterOf(router, { room: portal.room });
    const rows = cluster.length === 0 ? [portal] : cluster;
    const all = rows.flatMap(({ id }) => (["inward", "outward"] as const).map((lane) => ({ id, lane })));
    const others = all.filter(({ id, lane }) => id !== portal.id || lane !== own);
    await Promise.all(others.map(({ id, lane }) => lanes.caughtUp(id, lane, otherLaneMs)));
  };
  const outward = createOutward({ ...shared, otherLanes });
  const inward = createInward({
    ...shared,
    otherLanes,
    brake: (portal, job, action) => {
      // Asked for again by a person, it is believed.
      if (action.kind === "delete" && !job.delayed) brakes.deletion(portal.id, action.targets.length);
    },
    chatGone: (portal, event) => vanished(portal, event.reason),
  });
  const failures = createFailures({ homeserver, router, clock, log, meter, statuses, retries: () => retries });

  /** A chat that is said to be gone keeps its link, paused: somebody decides, or the chat comes back. */
  const vanished = async (portal: PortalRow, reason = "no reason given"): Promise<void> => {
    if (!brakes.believeGone()) {
      log.error(
        { portal: portal.id, chat: portal.chat },
        "many chats at once are said to be gone; none of it is believed",
      );
      return;
    }
    const why = `${portal.chat} is said to be gone (${reason})`;
    await links.pause(portal, why);
    const text = `${why}. The link is paused and kept: \`${prefix} resume\` tries again, \`${prefix} unlink\` ends it.`;
    await homeserver.notify(portal.room, text, `gone/${portal.id}/${clock.now()}`);
  };

  /** Two machines that answer each other. */
  const looping = (row: PortalRow): void => {
    lanes.hold(row.id);
    const why = "two bots were answering each other";
    const text = `Paused: ${why}, more than anybody can read. Stop one of them, then say \`${prefix} resume\`.`;
    links
      .pause(row, why)
      .then(() => homeserver.notify(row.room, text, `loop/${row.id}/${clock.now()}`))
      .catch((err) => log.error({ portal: row.id, err }, "a loop could not be stopped in order"));
  };

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
      const row = job.lane === "outward" ? router.get(job.portal) : undefined;
      if (row !== undefined && outcome.failure === undefined) statuses.delivered(job, row);
      meter.observe("trestle_delivery_seconds", (clock.now() - job.createdAtMs) / 1_000, { direction: job.lane });
    },
    ageLimitMs: (job) => {
      const row = job.lane === "outward" ? router.get(job.portal) : undefined;
      return row === undefined ? inwardAgeLimitMs : connector.capabilities(row.network).ageLimitMs;
    },
  });

  const surroundings = createSurroundings({ homeserver, connector, router, settings, clock, log });
  const { changed } = surroundings;
  const links = createLinks({
    portals: store.portals,
    router,
    connector,
    homeserver,
    clock,
    lanes: () => lanes,
    changed,
  });
  const retries = createRetries({
    homeserver,
    journal: store.journal,
    kv: store.kv,
    lanes: () => lanes,
    settings,
    keysOf: (room, event) => intake.keysOf(room, event),
  });
  const moves = createMoves({ homeserver, router, links, lanes, kv: store.kv, clock, log, prefix });
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
    joined: () => {
      configLinks.nudge();
      moves.nudge();
    },
    moves,
    retries,
    passOn: (event) => intake.passOn(event),
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
    talk: brakes.talk,
    looping,
    asksRetry,
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
      await moves.load();
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
      surroundings.start();
      stopHousekeeping = startHousekeeping(store, settings, clock, log);
    },
    async stop(drainMs) {
      stopHousekeeping();
      configLinks.stop();
      moves.stop();
      surroundings.stop();
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
