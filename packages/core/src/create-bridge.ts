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
import type { HomeserverHost } from "./homeserver.ts";
import { startHousekeeping } from "./housekeeping.ts";
import type { EventId, JobKey, RoomId, UserId } from "./ids.ts";
import { createIntake } from "./intake.ts";
import { createInward } from "./inward.ts";
import { createLanes, type Lanes } from "./lanes.ts";
import { createLinks } from "./links.ts";
import { createMessageMap } from "./message-map.ts";
import { createNotices } from "./notices.ts";
import { createOutward } from "./outward.ts";
import { createRouter } from "./router.ts";
import { createSiblings } from "./siblings.ts";
import type { Job, KeyValueStore, Outcome, PortalRow } from "./store.ts";

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
  const notice = createNotices(clock, (room, text, key, toward) => {
    homeserver
      .notify(room, text, key, toward)
      .catch((err) => log.warn({ room, err }, "could not say that something failed"));
  });

  const deliver = (job: Job): Promise<Outcome> => {
    if (job.lane === "control") return control.deliver(job);
    const portal = router.get(job.portal);
    // Unlinked while it waited.
    if (portal === undefined) return Promise.resolve({ state: "cancelled", atMs: clock.now(), failure: "unlinked" });
    return job.lane === "outward" ? outward(job, portal) : inward(job, portal);
  };

  const failed = (job: Job, error: BridgeError, final: boolean): void => {
    const { seq, portal, lane, attempts } = job;
    const level = error.code === "internal" ? "error" : "warn";
    log[level](
      {
        seq,
        portal,
        lane,
        attempts,
        code: error.code,
        err: error.code === "internal" ? error : undefined,
        final,
        reason: error.message,
      },
      "a message did not get across",
    );
    meter.count(final ? "trestle_messages_failed_total" : "trestle_messages_delayed_total", {
      direction: lane,
      code: error.code,
    });
    const row = router.get(portal);
    if (row === undefined || lane === "control") return;
    const toward = lane === "outward" ? { toward: senderOf(job) } : {};
    notice({ portal, room: row.room, error, key: job.key, ...toward });
  };

  const lanes: Lanes = createLanes({
    journal: store.journal,
    clock,
    log,
    jobsMax: settings.laneJobsMax,
    deliver,
    failed,
    settled: (job, outcome) => {
      if (outcome.state !== "done") return;
      meter.count("trestle_messages_delivered_total", { direction: job.lane });
      meter.observe("trestle_delivery_seconds", (clock.now() - job.createdAtMs) / 1_000, { direction: job.lane });
    },
    ageLimitMs: (job) => {
      const row = job.lane === "outward" ? router.get(job.portal) : undefined;
      return row === undefined ? inwardAgeLimitMs : connector.capabilities(row.network).ageLimitMs;
    },
    shed: (portal, direction, count) => {
      const row = router.get(portal);
      log.error({ portal, direction, count }, "too many jobs waited; the oldest are dead letters now");
      if (row === undefined) return;
      const error = new BridgeError(
        "queue-full",
        `${count} messages ${direction === "inward" ? "from" : "to"} ${row.chat}`,
      );
      notice({ portal, room: row.room, error, key: `shed/${portal}/${direction}/${clock.now()}` });
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

  const homeserverHost: HomeserverHost = {
    take: intake.take,
    ephemeral: () => undefined,
    async repairRooms() {
      const newest = new Map<RoomId, PortalRow>();
      for (const row of router.all()) if (row.state === "active") newest.set(row.room, row);
      return Promise.all([...newest.values()].map((row) => lastTaken(store.messages, row)));
    },
    async known(room, events) {
      const eventOf = new Map<JobKey, EventId>(
        events.flatMap((event) => intake.keysOf(room, event).map((key) => [key, event])),
      );
      const jobs = await store.journal.find([...eventOf.keys()]);
      return new Set(jobs.map((job) => eventOf.get(job.key)).filter((event) => event !== undefined));
    },
  };

  async function status(): Promise<BridgeStatus> {
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

  let stopHousekeeping = () => {};
  return {
    async start() {
      await control.load();
      await links.load();
      await homeserver.start(homeserverHost);
      await connector.start({ emit: intake.emit, kv: scoped(store.kv, `${connector.name}/`), clock, log, meter });
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

/** Who is told: the sender of an outward job, with his event to answer to. */
function senderOf(job: Job): { user: UserId; event?: EventId } {
  const { event } = JSON.parse(job.body) as { event?: { event_id: EventId } };
  return { user: job.author as UserId, ...(event === undefined ? {} : { event: event.event_id }) };
}

/** The newest event of a room that we surely know, and when; before any, the time of the link. */
async function lastTaken(messages: BridgeOptions["store"]["messages"], row: PortalRow) {
  const [out] = await messages.recent(row.id, "outward", 1);
  const [into] = await messages.recent(row.id, "inward", 1);
  const last = out === undefined || (into !== undefined && into.sentAtMs > out.sentAtMs) ? into : out;
  if (last === undefined) return { room: row.room, lastAtMs: row.createdAtMs };
  return { room: row.room, lastEvent: last.eventId, lastAtMs: last.sentAtMs };
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
