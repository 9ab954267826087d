/**
 * One message from Matrix to the remote side: interpret, permit, prefetch, translate, degrade, plan, send. Everything that
 * decides is a pure function elsewhere; this file fetches what they need, in order.
 */
import type { RichText } from "@trestle/richtext";
import { mentionsOf, plainText } from "@trestle/richtext";
import type { Action } from "./action.ts";
import { withAddresses } from "./addresses.ts";
import type { Clock } from "./ambient.ts";
import type { BridgeSettings } from "./bridge.ts";
import type { Place } from "./cluster.ts";
import type { Lookup } from "./codec.ts";
import type { Connector } from "./connector.ts";
import { degrade } from "./degrade.ts";
import { sendParts } from "./delivery.ts";
import { BridgeError } from "./errors.ts";
import type { Homeserver, MatrixEvent, Persona } from "./homeserver.ts";
import type { Identities } from "./identity.ts";
import { eventId, type RemoteMessageId, type UserId } from "./ids.ts";
import type { MessageMap } from "./message-map.ts";
import { findReferences, mapDelivered } from "./message-rows.ts";
import { mergeEdit, type OutwardBody, originIn, relayedWords, type Said, toRemote } from "./outward-said.ts";
import { atLeast, levelOf } from "./permit.ts";
import type { Persons } from "./persons.ts";
import type { Reactions } from "./reactions.ts";
import { chatOf } from "./router.ts";
import type { Direction, Job, JournalStore, KeyValueStore, MessageRow, Outcome, PortalRow } from "./store.ts";
import { lateAfterMs, markLate } from "./time-mark.ts";
import { translate } from "./translate.ts";

export interface OutwardOptions {
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly journal: JournalStore;
  readonly messages: MessageMap;
  readonly kv: KeyValueStore;
  readonly settings: BridgeSettings;
  readonly persons: Persons;
  readonly clock: Clock;
  /** When this process began to deliver. */
  readonly startedAtMs: number;
  readonly identities: Identities;
  readonly reactions: Reactions;
  /** Waits until the other lanes have dealt with what they hold: a target may still be on its way in one of them. */
  readonly otherLanes: (portal: PortalRow, own: Direction) => Promise<void>;
}

type Deliver = (job: Job, portal: PortalRow) => Promise<Outcome>;
type Done = (rest?: Partial<Outcome>) => Outcome;

export function createOutward(options: OutwardOptions): Deliver {
  const { homeserver, clock } = options;
  const done: Done = (rest = {}) => ({ state: "done", atMs: clock.now(), ...rest });

  return async (job, portal) => {
    const body = JSON.parse(job.body) as OutwardBody;
    if (portal.state === "gone") return done();
    if ("relayed" in body)
      return deliverSaid(options, job, portal, relayedWords(homeserver, portal, body.relayed), done);
    const { event, editedBy } = body;
    const interpreted = homeserver.interpret(event);
    if (interpreted === undefined) return done();
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
        await options.connector.applyChat(
          chatOf(portal),
          { topic },
          await options.persons.authorOf(event, portal.network),
        );
        return done();
      }
      case "action": {
        const edit = editedBy === undefined ? undefined : homeserver.interpret(editedBy);
        const action = mergeEdit(interpreted.action, edit);
        return deliverSaid(
          options,
          job,
          portal,
          await wordsOf(options, portal, event, action, interpreted.persona),
          done,
        );
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

/** Words of Matrix: only their author or a moderator of the room they were said in may change them. */
async function wordsOf(
  options: OutwardOptions,
  portal: PortalRow,
  event: MatrixEvent,
  said: Action<string>,
  persona: Persona | undefined,
): Promise<Said> {
  const { homeserver, reactions, persons } = options;
  const action = (await reactions.takenBack(portal, said)) ?? said;
  const moderator = action.kind === "delete" && (await mayRedact(homeserver, event));
  const source: Place = { room: event.room_id };
  return {
    action,
    source,
    event,
    author: await persons.authorOf(event, portal.network, persona),
    origin: originIn(portal, source, event.event_id),
    saidAtMs: event.origin_server_ts,
    late: event["dev.trestle.late"] === true,
    mayActOn: (row) =>
      moderator || (row.lane === "outward" && row.author === event.sender) || persons.isOwn(row, portal, event.sender),
    mention: (mention) => toRemote(homeserver, portal.network, mention),
    mayQuote: (target) => mayQuote(options, event, target),
  };
}

async function deliverSaid(
  options: OutwardOptions,
  job: Job,
  portal: PortalRow,
  said: Said,
  done: Done,
): Promise<Outcome> {
  const { connector, journal, clock } = options;
  const { action, author, source } = said;
  const chat = chatOf(portal);
  // what the network can do, and so what is to be said, may be known only then
  await connector.whenReady?.(chat);
  const capabilities = connector.capabilities(portal.network);
  const references = await findReferences(
    action,
    (ref) => options.identities.find(source, ref, portal, "outward"),
    () => options.otherLanes(portal, "outward"),
  );
  const translated = translate<string, RemoteMessageId>(action, {
    references,
    idOf: (row) => row.remoteId,
    mayActOn: said.mayActOn,
    mention: said.mention,
  });
  const target = references.values().next().value?.[0];
  // The edit was merged while the message still waited, or changes no word that the other side has.
  if (translated.kind === "edit" && translated.before === plainText(translated.content.text)) return done();
  const addressed = await withAddresses(options.homeserver, capabilities, said.event, translated);
  const shown = degrade(markIfLate(addressed, job, said, clock.now()), {
    capabilities,
    ...(target === undefined ? {} : { target }),
    mayQuote: target === undefined || (await said.mayQuote(target)),
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
  if (said.event !== undefined) await options.reactions.remember(portal, said.event, action, clock.now());
  const parts = ids.map((remoteId) => ({ eventId: eventId(said.origin), remoteId }));
  const origin = { lane: "outward" as const, origin: said.origin, author: job.author, authorName: author.name };
  return done(
    mapDelivered(options.messages, options.settings.textRetentionMs > 0, job, { ...origin, action, parts, target }),
  );
}

async function mayRedact(homeserver: Homeserver, event: MatrixEvent): Promise<boolean> {
  const { level, redact } = await homeserver.powerOf(event.room_id, event.sender);
  return level >= redact;
}

/** A quote never shows what the quoter could not see: not what was said before we saw him join. */
async function mayQuote({ kv, persons }: OutwardOptions, event: MatrixEvent, target: MessageRow): Promise<boolean> {
  if (target.sentAtMs < persons.quotesFromMs(event.sender)) return false;
  const joined = await kv.get(joinedKey(event.room_id, event.sender));
  return joined === undefined || Number(joined) <= target.sentAtMs;
}

/** Where intake.ts notes when, by our own clock, a person was seen to join a linked room. */
export const joinedKey = (room: string, user: string): string => `joined/${room}/${user}`;

function markIfLate<Ref>(action: Action<Ref>, job: Job, said: Said, nowMs: number): Action<Ref> {
  if (action.kind !== "message" && action.kind !== "edit") return action;
  const late = said.late || job.delayed || nowMs - job.createdAtMs > lateAfterMs;
  return late ? { ...action, content: markLate(action.content, said.saidAtMs, nowMs) } : action;
}

function contentText(action: Action<unknown>): RichText {
  return action.kind === "message" || action.kind === "edit" ? action.content.text : [];
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
