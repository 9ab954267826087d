/**
 * Where both sides hand in what happened: routes it from memory to jobs and makes them durable in one commit, before anybody
 * is answered. It delivers nothing and asks nobody.
 */
import type { Clock, Log, Meter } from "./ambient.ts";
import { type Spread, spreadFrom } from "./cluster.ts";
import type { RemoteAction, RemoteEvent } from "./connector.ts";
import type { Homeserver, MatrixEvent } from "./homeserver.ts";
import { controlPortal, type EventId, type JobKey, jobKey, type PortalId, type RoomId, type UserId } from "./ids.ts";
import type { InwardBody } from "./inward-said.ts";
import type { Lanes } from "./lanes.ts";
import { joinedKey } from "./outward.ts";
import type { OutwardBody } from "./outward-said.ts";
import type { Persons } from "./persons.ts";
import type { Router } from "./router.ts";
import { type SecretTalk, textMeant } from "./secret-talk.ts";
import type { Siblings } from "./siblings.ts";
import type { KeyValueStore, NewJob, PortalRow } from "./store.ts";

export interface IntakeOptions {
  readonly homeserver: Homeserver;
  readonly router: Router;
  readonly lanes: Lanes;
  readonly siblings: Siblings;
  readonly kv: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** `!irc` */
  readonly commandPrefix: string;
  /** Rooms that are direct chats of one person with the bot. */
  readonly isDirect: (room: RoomId) => boolean;
  /** A linked room became encrypted: nothing more may cross, from this moment. */
  readonly encrypted: (room: RoomId) => void;
  /** Notes who spoke on which side of a portal; true when two of them answer each other as only machines do. */
  readonly talk: (portal: PortalId, direction: "inward" | "outward", author: string) => boolean;
  readonly looping: (row: PortalRow) => void;
  /** Whether this reaction asks for a failed message to be tried again, rather than being one. */
  readonly asksRetry: (event: MatrixEvent) => boolean;
  readonly persons: Persons;
  readonly secrets: SecretTalk;
  /** The room that took the place of this one a while ago. */
  readonly successorOf: (room: RoomId) => RoomId | undefined;
}

/** Body of a control job. */
export type ControlBody =
  | { readonly event: MatrixEvent }
  | { readonly remote: Extract<RemoteEvent, { kind: "user-changed" }> }
  /** To be told to a person in his direct chat. */
  | { readonly tell: { readonly user: UserId; readonly text: string } };

export interface Intake {
  /** Events of the homeserver; resolves once durable. */
  take(events: readonly MatrixEvent[]): Promise<void>;
  /** An event of the network; resolves once durable. */
  emit(event: RemoteEvent): Promise<void>;
  /** An event that was taken for the bot's and is an ordinary one: it goes its way after all. */
  passOn(event: MatrixEvent): Promise<void>;
  /** Which events of these are known already. */
  keysOf(room: RoomId, event: EventId): JobKey[];
}

export function createIntake(options: IntakeOptions): Intake {
  const { router, lanes, clock, meter } = options;
  const overtook = createOvertaking();

  const outwardKey = (event: EventId, portal: PortalId): JobKey => jobKey(`m/${event}/${portal}`);
  const sisterKey = (event: EventId, portal: PortalId): JobKey => jobKey(`s/${event}/${portal}`);

  const newJob = (portal: PortalId, lane: NewJob["lane"], key: JobKey, author: string, body: unknown): NewJob => ({
    portal,
    lane,
    key,
    author,
    createdAtMs: clock.now(),
    body: JSON.stringify(body),
  });

  const jobsOf = (event: MatrixEvent): NewJob[] => {
    if (event.type === "m.room.encryption") options.encrypted(event.room_id);
    if (isForBot(options, event)) {
      return [newJob(controlPortal, "control", outwardKey(event.event_id, controlPortal), event.sender, { event })];
    }
    return crossingJobs(event);
  };

  const crossingJobs = (event: MatrixEvent): NewJob[] => {
    const successor = router.ofRoom(event.room_id).length > 0 ? undefined : options.successorOf(event.room_id);
    // Of a closed room only what people say counts.
    if (successor !== undefined && event.state_key !== undefined) return [];
    const room = successor ?? event.room_id;
    const rows = router.ofRoom(room);
    if (rows.length === 0 || options.siblings.isPrivateTalk(event)) return [];
    if (event.type === "m.room.member") {
      noteJoin(options, event).catch((err) => options.log.warn({ err }, "could not note a join"));
    }
    if (!crossingTypes.has(event.type)) return [];
    const { event_id: id, sender } = event;
    const said = overtook(event) ? { ...event, "dev.trestle.late": true } : event;
    // A topic belongs to its room's own chats; what is said goes everywhere.
    const { outward, inward } =
      event.state_key === undefined
        ? spreadFrom(router, { room })
        : { outward: rows.filter((row) => row.state === "active"), inward: [] };
    noteTalk({ outward, inward }, event);
    return [
      ...outward.map((row) =>
        newJob(row.id, "outward", outwardKey(id, row.id), sender, { event: said } satisfies OutwardBody),
      ),
      ...inward.map((row) =>
        newJob(row.id, "inward", sisterKey(id, row.id), sender, { sister: said } satisfies InwardBody),
      ),
    ];
  };

  /** Two bots talking to each other are told from people by their pace, wherever either of them sits. */
  const noteTalk = (spread: Spread, { sender }: { readonly sender: string }) => {
    for (const direction of ["outward", "inward"] as const) {
      for (const row of spread[direction]) if (options.talk(row.id, direction, sender)) options.looping(row);
    }
  };

  /** What the network said, for every room that is joined to its chat, and every other chat behind those. */
  const jobsOfAction = (event: RemoteAction): NewJob[] => {
    const { action, chat, sender } = event;
    const own = { outward: [], inward: router.ofChat(chat).filter((row) => row.state === "active") };
    const { outward, inward } = action.kind === "membership" ? own : spreadFrom(router, { chat });
    if (action.kind === "message") noteTalk({ outward, inward }, { sender: sender.id });
    const key = (row: PortalRow) => jobKey(`r/${chat.network}/${event.key}/${row.id}`);
    return [
      ...inward.map((row) => newJob(row.id, "inward", key(row), sender.id, { event } satisfies InwardBody)),
      ...outward.map((row) => newJob(row.id, "outward", key(row), sender.id, { relayed: event } satisfies OutwardBody)),
    ];
  };

  return {
    async take(events) {
      const jobs: NewJob[] = [];
      for (const pushed of events) {
        const forBot = isForBot(options, pushed) && pushed.type !== "m.reaction";
        if (!(forBot || (await options.persons.admits(pushed)))) continue;
        const event = forBot ? await options.secrets.seal(pushed) : pushed;
        await overtake(options, event, { outward: outwardKey, inward: sisterKey });
        jobs.push(...jobsOf(event));
      }
      const taken = await lanes.append(jobs);
      if (taken > 0) meter.count("trestle_events_taken_total", { direction: "outward" }, taken);
    },
    async emit(event) {
      if (event.kind === "connection") {
        if (event.state === "up") for (const row of router.ofNetwork(event.network)) lanes.wake(row.id, "outward");
        return;
      }
      if (event.kind === "joined") {
        for (const row of router.ofChat(event.chat)) lanes.wake(row.id, "outward");
        return;
      }
      if (!(await options.persons.admitsRemote(event))) return;
      // True for a moment only: it is not stored, and nobody waits for it.
      if (event.kind === "action") options.persons.ephemeral.fromNetwork(event);
      if (event.kind === "action" && (event.action.kind === "typing" || event.action.kind === "read")) return;
      if (event.kind === "user-changed") {
        const key = jobKey(`r/${event.user.network}/${event.key}/0`);
        await lanes.append([newJob(controlPortal, "control", key, event.user.id, { remote: event })]);
        return;
      }
      const happened = (): NewJob[] =>
        router
          .ofChat(event.chat)
          .filter((row) => row.state === "active")
          .map((row) =>
            newJob(row.id, "inward", jobKey(`r/${row.network}/${event.key}/${row.id}`), "", {
              event,
            } satisfies InwardBody),
          );
      const jobs = event.kind === "action" ? jobsOfAction(event) : happened();
      const taken = await lanes.append(jobs);
      if (taken > 0) meter.count("trestle_events_taken_total", { direction: "inward" }, taken);
    },
    async passOn(event) {
      await lanes.append(crossingJobs(event));
    },
    keysOf: (room, event) => [
      // Any one of them tells that the event was taken: all were written in one commit.
      ...spreadFrom(router, { room }).outward.map((row) => outwardKey(event, row.id)),
      ...router.ofRoom(room).map((row) => outwardKey(event, row.id)),
      outwardKey(event, controlPortal),
    ],
  };
}

/** Kinds of event that can mean something to the other side; the rest is not even stored. */
const crossingTypes = new Set([
  "m.room.message",
  "m.room.encrypted",
  "m.room.redaction",
  "m.room.topic",
  "m.reaction",
  "m.sticker",
  "m.poll.start",
  "org.matrix.msc3381.poll.start",
]);

/** Senders remembered: a few minutes of a busy server. */
const sendersMax = 10_000;

/**
 * Whether a later message of the same sender in the same room was taken before: servers bring some events late, behind newer
 * ones. Only one sender's own times are compared, as clocks differ; it decides nothing but whether the time is shown.
 */
function createOvertaking(): (event: MatrixEvent) => boolean {
  const newest = new Map<string, number>();
  return ({ type, room_id: room, sender, origin_server_ts: saidAtMs }) => {
    if (type !== "m.room.message") return false;
    const key = `${room} ${sender}`;
    const before = newest.get(key) ?? 0;
    newest.delete(key);
    newest.set(key, Math.max(before, saidAtMs));
    if (newest.size > sendersMax) newest.delete(newest.keys().next().value as string);
    return saidAtMs < before;
  };
}

/** Invites, the bot's own membership, commands, what changes a link, and whatever is said to the bot in a direct chat. */
function isForBot(
  { homeserver, commandPrefix, isDirect, router, asksRetry }: IntakeOptions,
  event: MatrixEvent,
): boolean {
  const linked = router.ofRoom(event.room_id).length > 0;
  switch (event.type) {
    case "m.room.member":
      return event.state_key === homeserver.userId;
    case "m.room.encryption":
    case "m.room.tombstone":
      return linked || isDirect(event.room_id);
    case "m.reaction":
      return linked && asksRetry(event);
    case "m.room.encrypted":
      return !linked && isDirect(event.room_id);
    case "m.room.message": {
      if (event.content["dev.trestle.control"] === true || typeof event.content["body"] !== "string") return false;
      // An edit of a command is the bot's as well: a token in it must not cross.
      const body = textMeant(event);
      if (!linked && isDirect(event.room_id)) return event.content["msgtype"] !== "m.notice";
      return body === commandPrefix || body.startsWith(`${commandPrefix} `);
    }
    default:
      return false;
  }
}

/** For quotes: nobody is shown what was said before he came. */
async function noteJoin({ kv, clock }: IntakeOptions, event: MatrixEvent): Promise<void> {
  const before = event.unsigned?.["prev_content"];
  const wasJoined =
    typeof before === "object" && before !== null && "membership" in before && before.membership === "join";
  if (event.content["membership"] !== "join" || wasJoined || event.state_key === undefined) return;
  const key = joinedKey(event.room_id, event.state_key);
  // Gap repair may bring a join that we have seen; the first sight counts.
  if (event["dev.trestle.late"] === true && (await kv.get(key)) !== undefined) return;
  await kv.put(key, String(clock.now()));
}

/**
 * Deleting what still waits cancels it, editing replaces its content; only the author's own words are touched here. The event
 * itself goes its way all the same: a redaction then finds no target, an edit changes nothing any more, and both close so.
 */
async function overtake(
  { router, lanes }: IntakeOptions,
  event: MatrixEvent,
  keys: Readonly<Record<"outward" | "inward", (event: EventId, portal: PortalId) => JobKey>>,
): Promise<void> {
  const edited = editTarget(event);
  const target = event.type === "m.room.redaction" ? redactionTarget(event) : edited;
  if (target === undefined) return;
  const spread = spreadFrom(router, { room: event.room_id });
  for (const direction of ["outward", "inward"] as const) {
    for (const row of spread[direction]) {
      const key = keys[direction](target, row.id);
      if (edited === undefined) await lanes.cancel(row.id, direction, key, (body) => saidBy(body) === event.sender);
      else {
        await lanes.replace(row.id, direction, key, (old) =>
          saidBy(old) === event.sender ? JSON.stringify({ ...(JSON.parse(old) as object), editedBy: event }) : old,
        );
      }
    }
  }
}

/** Who said in Matrix what this job carries. */
function saidBy(body: string): UserId | undefined {
  const { event, sister } = JSON.parse(body) as { event?: MatrixEvent; sister?: MatrixEvent };
  return (event ?? sister)?.sender;
}

function editTarget(event: MatrixEvent): EventId | undefined {
  const relation = event.content["m.relates_to"];
  if (event.type !== "m.room.message" || typeof relation !== "object" || relation === null) return undefined;
  if (!("rel_type" in relation) || relation.rel_type !== "m.replace" || !("event_id" in relation)) return undefined;
  return typeof relation.event_id === "string" ? (relation.event_id as EventId) : undefined;
}

function redactionTarget(event: MatrixEvent): EventId | undefined {
  const inContent = event.content["redacts"];
  return event.redacts ?? (typeof inContent === "string" ? (inContent as EventId) : undefined);
}
