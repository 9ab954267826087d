/**
 * One message from Matrix to the remote side: interpret, permit, prefetch, translate, degrade, plan, send. Everything that
 * decides is a pure function elsewhere; this file fetches what they need, in order.
 */
import type { Mention, RichText } from "@trestle/richtext";
import { mentionsOf, plainText } from "@trestle/richtext";
import type { Action } from "./action.ts";
import type { Clock, Meter } from "./ambient.ts";
import type { MatrixAuthor } from "./author.ts";
import type { BridgeSettings } from "./bridge.ts";
import type { Lookup } from "./codec.ts";
import type { Connector } from "./connector.ts";
import { degrade } from "./degrade.ts";
import { sendParts } from "./delivery.ts";
import { BridgeError } from "./errors.ts";
import type { Homeserver, Interpreted, MatrixEvent } from "./homeserver.ts";
import type { EventId, RemoteMessageId, UserId } from "./ids.ts";
import type { MessageMap } from "./message-map.ts";
import { findReferences, mapDelivered } from "./message-rows.ts";
import { atLeast, levelOf } from "./permit.ts";
import { chatOf } from "./router.ts";
import type { Siblings } from "./siblings.ts";
import type { Job, JournalStore, KeyValueStore, MessageRow, Outcome, PortalRow } from "./store.ts";
import { lateAfterMs, markLate } from "./time-mark.ts";
import { translate } from "./translate.ts";

export interface OutwardOptions {
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly journal: JournalStore;
  readonly messages: MessageMap;
  readonly kv: KeyValueStore;
  readonly settings: BridgeSettings;
  readonly siblings: Siblings;
  readonly clock: Clock;
  /** When this process began to deliver. */
  readonly startedAtMs: number;
  readonly meter: Meter;
  /** Waits until the other lane has dealt with what it holds: a target may still be on its way. */
  readonly otherLane: (portal: PortalRow) => Promise<void>;
}

/** Body of an outward job. */
export interface OutwardBody {
  readonly event: MatrixEvent;
  /** An edit that came while the message still waited: its content goes instead. */
  readonly editedBy?: MatrixEvent;
}

type Deliver = (job: Job, portal: PortalRow) => Promise<Outcome>;

export function createOutward(options: OutwardOptions): Deliver {
  const { homeserver, clock } = options;
  const done = (rest: Partial<Outcome> = {}): Outcome => ({ state: "done", atMs: clock.now(), ...rest });

  return async (job, portal) => {
    const { event, editedBy } = JSON.parse(job.body) as OutwardBody;
    const interpreted = homeserver.interpret(event);
    if (interpreted === undefined || portal.state === "gone") return done();
    const level = levelOf(options.settings.permissions, {
      user: event.sender,
      room: event.room_id,
      network: portal.network,
    });
    if (!atLeast(level, "relay")) return done({ failure: "not-permitted" });
    switch (interpreted.kind) {
      case "room-changed": {
        const { topic } = interpreted;
        if (topic === undefined) return done();
        await options.connector.applyChat(chatOf(portal), { topic }, await authorOf(options, event));
        return done();
      }
      case "action": {
        const action = mergeEdit(
          interpreted.action,
          editedBy === undefined ? undefined : homeserver.interpret(editedBy),
        );
        return deliverAction(options, job, portal, event, action, done);
      }
      case "encrypted-message":
        throw new BridgeError("encrypted");
      // Taken care of when they came in (intake.ts, control.ts).
      case "membership":
      case "encryption":
      case "tombstone":
        return done();
    }
  };
}

async function deliverAction(
  options: OutwardOptions,
  job: Job,
  portal: PortalRow,
  event: MatrixEvent,
  said: Action<EventId>,
  done: (rest?: Partial<Outcome>) => Outcome,
): Promise<Outcome> {
  const { connector, journal, clock } = options;
  const chat = chatOf(portal);
  // what the network can do, and so what is to be said, may be known only then
  await connector.whenReady?.(chat);
  const capabilities = connector.capabilities(portal.network);
  const author = await authorOf(options, event);
  const undone = await reactionTakenBack(options, portal, said);
  const action = undone ?? said;
  const references = await findReferences(
    action,
    (ref) => options.messages.findByEvent(portal.id, ref),
    () => options.otherLane(portal),
  );
  const moderator = action.kind === "delete" && (await mayRedact(options, portal, event.sender));
  const translated = translate<EventId, RemoteMessageId>(action, {
    references,
    idOf: (row) => row.remoteId,
    mayActOn: (row) => moderator || (row.lane === "outward" && row.author === event.sender),
    mention: (mention) => toRemote(options.homeserver, mention),
  });
  const target = references.values().next().value?.[0];
  // The edit was merged while the message still waited, or changes no word that the other side has.
  if (translated.kind === "edit" && translated.before === plainText(translated.content.text)) return done();
  const shown = degrade(markIfLate(translated, job, event, clock.now()), {
    capabilities,
    ...(target === undefined ? {} : { target }),
    mayQuote: target === undefined || (await mayQuote(options, portal, event.sender, target)),
    reactionNotices: options.settings.reactionNotices,
  });
  if (shown === undefined) return done({ failure: "not-supported" });
  const lookup = await lookupFor(options, portal, contentText(shown));
  const ids = await sendParts<RemoteMessageId>({
    job,
    journal,
    plan: () => connector.plan(chat, shown, author, lookup),
    startedAtMs: options.startedAtMs,
    send: (part, key, again) => connector.sendPart(chat, part, author, key, again),
  });
  await rememberReaction(options, portal, event, said);
  const parts = ids.map((remoteId) => ({ eventId: event.event_id, remoteId }));
  const origin = { lane: "outward" as const, origin: event.event_id, author: event.sender, authorName: author.name };
  return done(
    mapDelivered(options.messages, options.settings.textRetentionMs > 0, job, {
      ...origin,
      action: said,
      parts,
      target,
    }),
  );
}

async function authorOf({ homeserver, siblings }: OutwardOptions, event: MatrixEvent): Promise<MatrixAuthor> {
  const name = siblings.nameOf(event) ?? (await homeserver.nameOf(event.room_id, event.sender));
  return { userId: event.sender, name };
}

async function mayRedact({ homeserver }: OutwardOptions, portal: PortalRow, user: UserId): Promise<boolean> {
  const { level, redact } = await homeserver.powerOf(portal.room, user);
  return level >= redact;
}

/** A quote never shows what the quoter could not see: not what was said before we saw him join. */
async function mayQuote({ kv }: OutwardOptions, portal: PortalRow, user: UserId, target: MessageRow): Promise<boolean> {
  const joined = await kv.get(joinedKey(portal.room, user));
  return joined === undefined || Number(joined) <= target.sentAtMs;
}

/** Where intake.ts notes when, by our own clock, a person was seen to join a linked room. */
export const joinedKey = (room: string, user: string): string => `joined/${room}/${user}`;

const reactionKey = (portal: PortalRow, event: EventId) => `reaction/${portal.id}/${event}`;

async function rememberReaction(
  { kv }: OutwardOptions,
  portal: PortalRow,
  event: MatrixEvent,
  action: Action<EventId>,
): Promise<void> {
  if (action.kind !== "react") return;
  await kv.put(
    reactionKey(portal, event.event_id),
    JSON.stringify({ target: action.target, key: action.key, by: event.sender }),
  );
}

/** In Matrix a reaction is taken back by redacting its event. */
async function reactionTakenBack(
  { kv }: OutwardOptions,
  portal: PortalRow,
  action: Action<EventId>,
): Promise<Action<EventId> | undefined> {
  const [first] = action.kind === "delete" ? action.targets : [];
  const stored = first === undefined ? undefined : await kv.get(reactionKey(portal, first));
  if (stored === undefined || first === undefined) return undefined;
  const { target, key } = JSON.parse(stored) as { target: EventId; key: string };
  await kv.remove(reactionKey(portal, first));
  return { kind: "unreact", target, key };
}

function mergeEdit(action: Action<EventId>, edit: Interpreted | undefined): Action<EventId> {
  if (action.kind !== "message" || edit?.kind !== "action" || edit.action.kind !== "edit") return action;
  return { ...action, content: edit.action.content };
}

function markIfLate<Ref>(action: Action<Ref>, job: Job, event: MatrixEvent, nowMs: number): Action<Ref> {
  if (action.kind !== "message" && action.kind !== "edit") return action;
  const late = event["dev.trestle.late"] === true || job.delayed || nowMs - job.createdAtMs > lateAfterMs;
  return late ? { ...action, content: markLate(action.content, event.origin_server_ts, nowMs) } : action;
}

function contentText(action: Action<unknown>): RichText {
  return action.kind === "message" || action.kind === "edit" ? action.content.text : [];
}

function toRemote(homeserver: Homeserver, mention: Mention): Mention {
  if (mention.side !== "matrix" || mention.what !== "user") return mention;
  const ghost = homeserver.authorOf(mention.id as UserId);
  return ghost === undefined ? mention : { side: "remote", what: "user", id: ghost.id };
}

/** Names of everybody the document mentions, so that the codec need not ask. */
async function lookupFor(
  { homeserver, connector }: OutwardOptions,
  portal: PortalRow,
  text: RichText,
): Promise<Lookup> {
  const names = new Map<string, string>();
  for (const mention of mentionsOf(text)) {
    if (mention.what !== "user" || names.has(mention.id)) continue;
    const name =
      mention.side === "matrix"
        ? await homeserver.nameOf(portal.room, mention.id as UserId)
        : (await connector.describeUser(portal.network, mention.id as never)).name;
    names.set(mention.id, name);
  }
  return { nameOf: (mention) => names.get(mention.id), findByName: () => undefined };
}
