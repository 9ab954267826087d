/**
 * One event from the remote side (or from another room of Matrix) to a room: prefetch, translate, degrade, plan, send as the
 * ghost. The twin of outward.ts.
 */
import type { Action } from "./action.ts";
import type { Clock } from "./ambient.ts";
import type { RemoteAuthor } from "./author.ts";
import type { BridgeSettings } from "./bridge.ts";
import { emptyLookup } from "./codec.ts";
import type { Connector, RemoteEvent } from "./connector.ts";
import { degrade } from "./degrade.ts";
import { sendParts } from "./delivery.ts";
import type { Homeserver, MatrixEvent } from "./homeserver.ts";
import type { Identities } from "./identity.ts";
import { type EventId, remoteMessageId, type UserId } from "./ids.ts";
import { type Heard, type InwardBody, networkWords, sisterWords } from "./inward-said.ts";
import type { MessageMap } from "./message-map.ts";
import { findReferences, mapDelivered } from "./message-rows.ts";
import { mergeEdit } from "./outward-said.ts";
import { atLeast, levelOf } from "./permit.ts";
import type { Persons } from "./persons.ts";
import { formerRoomsOf, movedAtMsOf } from "./portal-settings.ts";
import type { Reactions } from "./reactions.ts";
import { chatOf, type Router } from "./router.ts";
import type { Direction, Job, JournalStore, MessageRow, Outcome, PortalRow } from "./store.ts";
import { lateAfterMs, markLate, timeText } from "./time-mark.ts";
import { translate } from "./translate.ts";

export interface InwardOptions {
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly router: Router;
  readonly journal: JournalStore;
  readonly messages: MessageMap;
  readonly identities: Identities;
  readonly reactions: Reactions;
  readonly settings: BridgeSettings;
  readonly persons: Persons;
  readonly clock: Clock;
  /** When this process began to deliver. */
  readonly startedAtMs: number;
  readonly otherLanes: (portal: PortalRow, own: Direction) => Promise<void>;
  /** The network says that the chat is gone. */
  readonly chatGone: (portal: PortalRow, event: Extract<RemoteEvent, { kind: "chat-gone" }>) => Promise<void>;
  /** Refuses (throws) what is too much at once to be believed. */
  readonly brake: (portal: PortalRow, job: Job, action: Action<string>) => void;
}

type Done = (rest?: Partial<Outcome>) => Outcome;

export function createInward(options: InwardOptions): (job: Job, portal: PortalRow) => Promise<Outcome> {
  const { homeserver, clock } = options;
  const done: Done = (rest = {}) => ({ state: "done", atMs: clock.now(), ...rest });

  return async (job, portal) => {
    const body = JSON.parse(job.body) as InwardBody;
    if (portal.state === "gone") return done();
    if ("sister" in body) return deliverSister(options, job, portal, body, done);
    const { event } = body;
    if (event.kind !== "action") {
      await happened(options, job, portal, event);
      return done();
    }
    const { action, sender } = event;
    if (action.kind === "membership") {
      if (action.change === "leave" && options.settings.members !== "off") {
        await homeserver.leaveGhost(sender, portal.room);
      }
      return done();
    }
    const author = options.persons.remoteAuthor(portal.room, sender);
    const heard = networkWords(homeserver, portal, { ...event, sender: author });
    // What he said in Matrix can be changed from over there only as himself.
    const { puppet } = author;
    const isHis = (row: MessageRow) => row.author === puppet && homeserver.puppets.has(puppet as UserId);
    const mayActOn = (row: MessageRow) => heard.mayActOn(row) || isHis(row);
    return deliverHeard(options, job, portal, { ...heard, mayActOn }, done);
  };
}

/** What is not said by anybody. */
async function happened(
  options: InwardOptions,
  job: Job,
  portal: PortalRow,
  event: Exclude<Extract<InwardBody, { event: unknown }>["event"], { kind: "action" }>,
): Promise<void> {
  const { homeserver, connector, clock, settings } = options;
  switch (event.kind) {
    case "chat-changed": {
      const { topic, name, avatar } = await connector.describeChat(event.chat);
      // The name and picture of a room that people made are theirs.
      const ours = portal.origin === "created" ? { name, ...(avatar === undefined ? {} : { avatar }) } : {};
      const wanted = { ...(topic === undefined ? {} : { topic }), ...ours };
      // Who is not bridged is not shown as who did it either.
      const by = event.by !== undefined && options.persons.people.isRemoteOut(event.by) ? undefined : event.by;
      if (Object.keys(wanted).length > 0) await homeserver.applyRoom(portal.room, wanted, by);
      return;
    }
    case "gap": {
      const from = timeText(event.fromMs, clock.now());
      const to = timeText(event.toMs, clock.now());
      const text = `Not connected to ${event.chat.id} from ${from} to ${to}: what was said there in that time is missing here.`;
      await homeserver.notify(portal.room, text, job.key);
      return;
    }
    case "presence-in-chat":
      await homeserver.notify(portal.room, presenceText(event), job.key);
      return;
    case "chat-gone":
      return options.chatGone(portal, event);
    case "members-changed":
      // Otherwise members come lazily: whoever speaks, joins.
      if (settings.members !== "full") return;
      return applyMembers(options, portal);
  }
}

/** Everybody of this network who is in a chat of the room: with several chats, one of them alone would send the others' away. */
async function applyMembers({ homeserver, connector, router, persons }: InwardOptions, portal: PortalRow) {
  const { room, network } = portal;
  const rows = router.ofRoom(room).filter((row) => row.network === network && row.state === "active");
  const everybody = new Map<string, RemoteAuthor>();
  for (const row of rows) {
    // Who is in a chat that we are not in is not known: then nobody is moved until we are.
    if (!(await connector.describeChat(chatOf(row))).joined) return;
    for (const one of await connector.describeMembers(chatOf(row))) {
      if (!persons.people.isRemoteOut(one)) everybody.set(one.id, one);
    }
  }
  await homeserver.applyMembers(room, network, [...everybody.values()]);
}

function presenceText({ state, reason, chat }: Extract<RemoteEvent, { kind: "presence-in-chat" }>): string {
  if (state === "back") return `The bridge is back in ${chat.id}.`;
  return `The bridge is no longer in ${chat.id}${reason === undefined ? "" : ` (${reason})`}; it keeps trying to return.`;
}

/** The words of another room of Matrix. */
async function deliverSister(
  options: InwardOptions,
  job: Job,
  portal: PortalRow,
  { sister: event, editedBy }: Extract<InwardBody, { sister: unknown }>,
  done: Done,
): Promise<Outcome> {
  const { homeserver, reactions, persons } = options;
  const meaning = homeserver.interpret(event);
  if (meaning?.kind !== "action") return done();
  const level = levelOf(options.settings.permissions, {
    user: event.sender,
    room: event.room_id,
    network: portal.network,
  });
  if (!atLeast(level, "relay")) return done({ failure: "not-permitted" });
  const edit = editedBy === undefined ? undefined : homeserver.interpret(editedBy);
  const said = mergeEdit(meaning.action, edit);
  const action = (await reactions.takenBack(portal, said)) ?? said;
  const { name } = await persons.authorOf(event, portal.network, meaning.persona);
  const moderator = action.kind === "delete" && (await mayRedact(homeserver, event));
  return deliverHeard(options, job, portal, sisterWords(portal, event, { action, name, moderator }), done);
}

async function mayRedact(homeserver: Homeserver, event: MatrixEvent): Promise<boolean> {
  const { level, redact } = await homeserver.powerOf(event.room_id, event.sender);
  return level >= redact;
}

async function deliverHeard(
  options: InwardOptions,
  job: Job,
  portal: PortalRow,
  heard: Heard,
  done: Done,
): Promise<Outcome> {
  const { homeserver, journal, clock } = options;
  const { action, author, source } = heard;
  options.brake(portal, job, action);
  const references = await findReferences(
    action,
    (ref) => options.identities.find(source, ref, portal, "inward"),
    () => options.otherLanes(portal, "inward"),
  );
  const target = references.values().next().value?.[0];
  const { room, known } = whereTo(portal, action, target);
  const translated = translate<string, EventId>(action, {
    references: known ? references : new Map(),
    idOf: (row) => row.eventId,
    mayActOn: heard.mayActOn,
    mention: heard.mention,
  });
  const shown = degrade(markIfLate(translated, job, heard, clock.now()), {
    capabilities: homeserver.capabilities,
    ...(target === undefined ? {} : { target }),
    mayQuote: true,
    reactionNotices: options.settings.reactionNotices,
  });
  if (shown === undefined) return done({ failure: "not-supported" });
  const ids = await sendParts<EventId>({
    job,
    journal,
    plan: () => homeserver.plan(room, shown, author, emptyLookup),
    startedAtMs: options.startedAtMs,
    send: (part, key, again) => homeserver.sendPart(room, part, author, key, again),
  });
  if (heard.event !== undefined) await options.reactions.remember(portal, heard.event, action, clock.now());
  const remoteId = remoteMessageId(heard.origin);
  const parts = ids.map((eventId) => ({ eventId, remoteId }));
  const origin = { lane: "inward" as const, origin: heard.origin, author: job.author, authorName: author.name };
  return done(
    mapDelivered(options.messages, options.settings.textRetentionMs > 0, job, { ...origin, action, parts, target }),
  );
}

/** What was said before the room was replaced stays in the old room: it can be deleted there, and no longer be referred to. */
function whereTo(portal: PortalRow, action: Action<string>, target: MessageRow | undefined) {
  const movedAtMs = movedAtMsOf(portal);
  if (target === undefined || movedAtMs === undefined || target.sentAtMs >= movedAtMs) {
    return { room: portal.room, known: true };
  }
  const former = formerRoomsOf(portal).at(-1);
  return action.kind === "delete" && former !== undefined
    ? { room: former, known: true }
    : { room: portal.room, known: false };
}

function markIfLate<Ref>(action: Action<Ref>, job: Job, heard: Heard, nowMs: number): Action<Ref> {
  if (action.kind !== "message" && action.kind !== "edit") return action;
  const late = heard.late || job.delayed || nowMs - job.createdAtMs > lateAfterMs;
  return late ? { ...action, content: markLate(action.content, heard.saidAtMs, nowMs) } : action;
}
