/**
 * What reaches us from the homeserver, and that nothing of it is missed or out of order: ingest, the away detector, marks,
 * recovery, patrol and watch, connected. Each does its own; here is only who tells whom.
 */
import type {
  Clock,
  EphemeralEvent,
  HomeserverHost,
  HomeserverStatus,
  KeyValueStore,
  Log,
  MatrixEvent,
  Meter,
  RoomId,
  UserId,
} from "@trestle/core";
import type { Caps } from "../caps.ts";
import type { Client } from "../client.ts";
import { registerUser } from "../ghosts/ghost-account.ts";
import type { GhostIds } from "../ghosts/ghost-id.ts";
import type { Ghosts } from "../ghosts/ghosts.ts";
import { interpret } from "../inbound.ts";
import type { Media } from "../media/media.ts";
import type { ActingPuppets } from "../puppets/puppets.ts";
import type { PuppetSender } from "../puppets/send.ts";
import type { Members } from "../rooms/members.ts";
import { createAwayDetector } from "./away-detector.ts";
import type { Canary } from "./canary.ts";
import type { Confirmation } from "./confirmation.ts";
import { createGapRepair } from "./gap-repair.ts";
import { createIngest, type Ingest } from "./ingest.ts";
import { createMarks } from "./marks.ts";
import type { Messages } from "./messages.ts";
import { patrol } from "./patrol.ts";
import { ping } from "./ping.ts";
import { createRecovery } from "./recovery.ts";
import { createWatch } from "./watch.ts";

export interface ArrivalOptions {
  readonly url: string;
  readonly span: string;
  readonly registration: { readonly id: string };
  readonly store: { readonly kv: KeyValueStore };
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly canaryIntervalMs?: number;
  readonly canaryOverdueMs?: number;
  readonly heartbeatMs?: number;
  readonly patrolMs?: number;
}

export interface ArrivalParts {
  readonly bot: UserId;
  readonly ids: GhostIds;
  readonly isOwn: (user: string) => boolean;
  readonly isOurs: (event: MatrixEvent) => boolean;
  readonly client: Client;
  readonly caps: Caps;
  readonly messages: Messages;
  readonly confirmation: Confirmation;
  readonly members: Members;
  readonly ghosts: Ghosts;
  readonly canary: Canary;
  readonly media: Pick<Media, "feed">;
  readonly puppets: Pick<ActingPuppets, "mayHaveSaid">;
  readonly asPuppet: Pick<PuppetSender, "didRedact">;
}

export interface Arrival {
  readonly transaction: Ingest["transaction"];
  readonly refuse: Ingest["refuse"];
  /** Before the first transaction: what comes then may be newer than what was lost. */
  prepare(): Promise<void>;
  /** Once the homeserver can reach us. Returns at once. */
  run(): void;
  /** Everything of this room that is not known, now. */
  catchUp(room: RoomId): Promise<void>;
  /** Somebody saw a sign that the homeserver went away. */
  suspect(why: string): void;
  status(): HomeserverStatus;
  /** No ping or gap repair is under way. */
  settled(): Promise<void>;
  stop(): Promise<void>;
  /** After the signal: nothing runs any more. */
  ended(): Promise<void>;
}

export const canaryOverdueMs = 60_000;
const isAction = (event: MatrixEvent): boolean => interpret(event)?.kind === "action";

export function createArrival(
  options: ArrivalOptions,
  parts: ArrivalParts,
  host: HomeserverHost,
  signal: AbortSignal,
): Arrival {
  const { clock, log, meter, canaryIntervalMs = 5_000, patrolMs = 5_000 } = options;
  const { bot, canary, caps, client, isOurs, media, messages } = parts;
  /** However an event was found: a redaction holds at public addresses from now on, not once it is written down. */
  const take = (events: readonly MatrixEvent[]) => {
    for (const event of events) media.feed(event);
    return host.take(events);
  };
  const known: HomeserverHost["known"] = (room, events) => host.known(room, events);
  const repair = createGapRepair({ messages, host: { take, known }, isOwn: isOurs, isAction, log, meter, signal });
  const marks = createMarks({ repair, host, clock, log, signal });
  const watch = createWatch({ client, caps, kv: options.store.kv, bot, isOwn: isOurs, take, clock, log, signal });
  const ingest = createIngestFor(options, parts, {
    host,
    async take(events) {
      await marks.inOrder(new Set(events.map((event) => event.room_id)));
      await take(events);
    },
    pushed: watch.pushed,
  });
  const recovery = createRecovery({
    caps,
    canary,
    marks,
    ready: async () => void (await registerUser(client, bot)),
    ping: () => ping(client, caps, options.registration.id, bot),
    lastTransactionAtMs: () => ingest.lastAtMs,
    forget: parts.members.forgetAll,
    clock,
    log,
    meter,
    signal,
    quietMs: Math.min(300, canaryIntervalMs / 4),
    canaryPatienceMs: canaryIntervalMs,
  });
  const detector = createAwayDetector({
    url: options.url,
    heartbeatMs: options.heartbeatMs ?? 2_000,
    clock,
    log,
    away: marks.mark,
    back: recovery.run,
  });
  const isPushed = () => canary.outSinceMs === undefined || clock.now() - canary.outSinceMs < 2 * canaryIntervalMs;
  let walking: Promise<unknown> | undefined;

  return {
    transaction: ingest.transaction,
    refuse: ingest.refuse,
    async prepare() {
      marks.mark();
      await marks.marked();
    },
    run() {
      detector.start();
      recovery.run("we started");
      const found = recovery.run;
      const walks = { host, repair, isAction, found, isPushed, patrolMs, clock, log, meter, signal };
      walking = Promise.all([patrolMs > 0 ? patrol(walks) : undefined, watch.run()]);
    },
    async catchUp(room) {
      await repair.repair((await host.repairRooms()).filter((one) => one.room === room));
    },
    suspect: detector.suspect,
    status: () => statusOf(options, canary, { away: detector.isAway, problem: recovery.problem, ingest }),
    settled: recovery.idle,
    stop: detector.stop,
    ended: async () => void (await Promise.all([recovery.ended(), walking])),
  };
}

interface Takers {
  readonly host: HomeserverHost;
  readonly take: (events: readonly MatrixEvent[]) => Promise<void>;
  readonly pushed: (event: MatrixEvent) => void;
}

function createIngestFor(
  { span, clock, log, meter }: ArrivalOptions,
  { isOwn, puppets, asPuppet, ids, members, ghosts, confirmation, canary, media }: ArrivalParts,
  { host, take, pushed }: Takers,
): Ingest {
  return createIngest({
    span,
    isOwn,
    actsFor: puppets.mayHaveSaid,
    didAsPerson: asPuppet.didRedact,
    take,
    ephemeral: (event: EphemeralEvent) => host.ephemeral(event),
    feed(event) {
      media.feed(event);
      if (event.state_key === undefined) return;
      pushed(event);
      if (ids.isGhost(event.state_key)) ghosts.feed(event);
      else members.feed(event);
    },
    echo(event) {
      confirmation.echo(event);
      if (isOwn(event.sender)) canary.echo(event);
    },
    clock,
    log,
    meter,
  });
}

function statusOf(
  { clock, canaryOverdueMs: overdueMs = canaryOverdueMs }: ArrivalOptions,
  { backAtMs, outSinceMs }: Canary,
  { away, problem, ingest }: { readonly away: boolean; readonly problem: string | undefined; readonly ingest: Ingest },
): HomeserverStatus {
  const now = clock.now();
  const detail = away ? "the homeserver does not answer" : problem;
  const { lastAtMs } = ingest;
  return {
    state: away ? "away" : backAtMs === undefined ? "starting" : "up",
    canaryOverdue: outSinceMs !== undefined && now - outSinceMs > overdueMs,
    ...(detail === undefined ? {} : { detail }),
    ...(backAtMs === undefined ? {} : { canaryAgeMs: now - backAtMs }),
    ...(lastAtMs === undefined ? {} : { lastTransactionAtMs: lastAtMs }),
  };
}
