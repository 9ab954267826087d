/** The way across, put together: the lanes, what delivers their jobs in each direction, and what follows from each end. */
import type { BridgeOptions } from "./bridge.ts";
import { clusterOf } from "./cluster.ts";
import type { Control } from "./control.ts";
import { createFailures } from "./failures.ts";
import { createIdentities } from "./identity.ts";
import { createInward } from "./inward.ts";
import { createLanes, type Lanes } from "./lanes.ts";
import type { MessageMap } from "./message-map.ts";
import { createOutward } from "./outward.ts";
import type { Persons } from "./persons.ts";
import { createReactions } from "./reactions.ts";
import type { Retries } from "./retries.ts";
import type { Router } from "./router.ts";
import { createStatuses } from "./statuses.ts";
import type { Stops } from "./stops.ts";
import type { Direction, Job, Outcome, PortalRow } from "./store.ts";

/** How long an unknown target may still be on its way in another lane. */
const otherLaneMs = 10_000;
/** The homeserver is everybody's: what waits for it waits long. */
const inwardAgeLimitMs = 24 * 60 * 60_000;

export interface CrossingParts {
  readonly router: Router;
  readonly messages: MessageMap;
  readonly persons: Persons;
  readonly stops: Stops;
  /** Known only after the lanes, which they need. */
  readonly control: () => Control;
  readonly retries: () => Retries;
}

export function createCrossing(options: BridgeOptions, parts: CrossingParts): Lanes {
  const { store, homeserver, connector, clock, log, meter, settings } = options;
  const { router, messages, persons, stops, control, retries } = parts;
  const statuses = createStatuses(homeserver, settings, log);

  /** Until every lane that could still hold a target has dealt with what it holds now. */
  const otherLanes = async (portal: PortalRow, own: Direction): Promise<void> => {
    const cluster = clusterOf(router, { room: portal.room });
    const rows = cluster.length === 0 ? [portal] : cluster;
    const all = rows.flatMap(({ id }) => (["inward", "outward"] as const).map((lane) => ({ id, lane })));
    const others = all.filter(({ id, lane }) => id !== portal.id || lane !== own);
    await Promise.all(others.map(({ id, lane }) => lanes.caughtUp(id, lane, otherLaneMs)));
  };
  const shared = {
    homeserver,
    connector,
    journal: store.journal,
    messages,
    identities: createIdentities(router, messages),
    reactions: createReactions(store.reactions),
    kv: store.kv,
    settings,
    persons,
    clock,
    startedAtMs: clock.now(),
    otherLanes,
  };
  const outward = createOutward(shared);
  const { brake, vanished } = stops;
  const inward = createInward({ ...shared, router, brake, chatGone: (portal, { reason }) => vanished(portal, reason) });
  const failures = createFailures({ homeserver, router, clock, log, meter, statuses, retries });

  const deliver = (job: Job): Promise<Outcome> => {
    if (job.lane === "control") return control().deliver(job);
    const portal = router.get(job.portal);
    // Unlinked while it waited.
    if (portal === undefined) return Promise.resolve({ state: "cancelled", atMs: clock.now(), failure: "unlinked" });
    return job.lane === "outward" ? outward(job, portal) : inward(job, portal);
  };
  const outwardRow = (job: Job) => (job.lane === "outward" ? router.get(job.portal) : undefined);

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
      const row = outwardRow(job);
      if (row !== undefined && outcome.failure === undefined) statuses.delivered(job, row);
    },
    ageLimitMs: (job) => {
      const row = outwardRow(job);
      return row === undefined ? inwardAgeLimitMs : connector.capabilities(row.network).ageLimitMs;
    },
  });
  return lanes;
}
