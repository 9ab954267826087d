/**
 * One event from the remote side to Matrix: prefetch, translate, degrade, plan, send as the ghost. The twin of outward.ts.
 */
import type { Mention } from "@trestle/richtext";
import type { Action } from "./action.ts";
import type { Clock } from "./ambient.ts";
import type { RemoteAuthor } from "./author.ts";
import type { BridgeSettings } from "./bridge.ts";
import { emptyLookup } from "./codec.ts";
import type { Connector, RemoteAction, RemoteEvent } from "./connector.ts";
import { degrade } from "./degrade.ts";
import { sendParts } from "./delivery.ts";
import type { Homeserver } from "./homeserver.ts";
import type { EventId, RemoteMessageId, RemoteUserId } from "./ids.ts";
import { remoteMessageId } from "./ids.ts";
import type { MessageMap } from "./message-map.ts";
import { findReferences, mapDelivered } from "./message-rows.ts";
import type { Job, JournalStore, Outcome, PortalRow } from "./store.ts";
import { lateAfterMs, markLate, timeText } from "./time-mark.ts";
import { translate } from "./translate.ts";

export interface InwardOptions {
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly journal: JournalStore;
  readonly messages: MessageMap;
  readonly settings: BridgeSettings;
  readonly clock: Clock;
  /** When this process began to deliver. */
  readonly startedAtMs: number;
  readonly otherLane: (portal: PortalRow) => Promise<void>;
}

/** Body of an inward job. */
export interface InwardBody {
  readonly event: Exclude<RemoteEvent, { kind: "connection" | "joined" | "user-changed" }>;
}

export function createInward(options: InwardOptions): (job: Job, portal: PortalRow) => Promise<Outcome> {
  const { homeserver, connector, clock } = options;
  const done = (rest: Partial<Outcome> = {}): Outcome => ({ state: "done", atMs: clock.now(), ...rest });

  return async (job, portal) => {
    const { event } = JSON.parse(job.body) as InwardBody;
    if (portal.state === "gone") return done();
    switch (event.kind) {
      case "action":
        return deliverAction(options, job, portal, event, done);
      case "chat-changed": {
        const { topic } = await connector.describeChat(event.chat);
        if (topic !== undefined) await homeserver.applyRoom(portal.room, { topic }, event.by);
        return done();
      }
      case "gap": {
        const from = timeText(event.fromMs, clock.now());
        const to = timeText(event.toMs, clock.now());
        const text = `Not connected to ${event.chat.id} from ${from} to ${to}: what was said there in that time is missing here.`;
        await homeserver.notify(portal.room, text, job.key);
        return done();
      }
      case "presence-in-chat": {
        await homeserver.notify(portal.room, presenceText(event), job.key);
        return done();
      }
      // Members come lazily: whoever speaks, joins.
      case "members-changed":
      case "chat-gone":
        return done();
    }
  };
}

function presenceText({ state, reason, chat }: Extract<RemoteEvent, { kind: "presence-in-chat" }>): string {
  if (state === "back") return `The bridge is back in ${chat.id}.`;
  return `The bridge is no longer in ${chat.id}${reason === undefined ? "" : ` (${reason})`}; it keeps trying to return.`;
}

async function deliverAction(
  options: InwardOptions,
  job: Job,
  portal: PortalRow,
  event: RemoteAction,
  done: (rest?: Partial<Outcome>) => Outcome,
): Promise<Outcome> {
  const { homeserver, journal, clock } = options;
  const { sender, action } = event;
  if (action.kind === "membership") {
    if (action.change === "leave") await homeserver.leaveGhost(sender, portal.room);
    return done();
  }
  const references = await findReferences(
    action,
    (ref) => options.messages.findByRemote(portal.id, ref),
    () => options.otherLane(portal),
  );
  const translated = translate<RemoteMessageId, EventId>(action, {
    references,
    idOf: (row) => row.eventId,
    // Whoever the network let do it over there, a moderator included, may do it here: the network has checked.
    mayActOn: (row) => action.kind === "delete" || (row.lane === "inward" && row.author === sender.id),
    mention: (mention) => toMatrix(homeserver, sender, mention),
  });
  const target = references.values().next().value?.[0];
  const shown = degrade(markIfLate(translated, job, event, clock.now()), {
    capabilities: homeserver.capabilities,
    ...(target === undefined ? {} : { target }),
    mayQuote: true,
    reactionNotices: options.settings.reactionNotices,
  });
  if (shown === undefined) return done({ failure: "not-supported" });
  const ids = await sendParts<EventId>({
    job,
    journal,
    plan: () => homeserver.plan(portal.room, shown, sender, emptyLookup),
    startedAtMs: options.startedAtMs,
    send: (part, key, again) => homeserver.sendPart(portal.room, part, sender, key, again),
  });
  const remoteId = event.id ?? remoteMessageId(event.key);
  const parts = ids.map((eventId) => ({ eventId, remoteId }));
  const origin = { lane: "inward" as const, origin: remoteId, author: sender.id, authorName: sender.name };
  return done(
    mapDelivered(options.messages, options.settings.textRetentionMs > 0, job, { ...origin, action, parts, target }),
  );
}

function markIfLate<Ref>(action: Action<Ref>, job: Job, event: RemoteAction, nowMs: number): Action<Ref> {
  if (action.kind !== "message" && action.kind !== "edit") return action;
  const late = event.late === true || job.delayed || nowMs - job.createdAtMs > lateAfterMs;
  return late ? { ...action, content: markLate(action.content, event.sentAtMs, nowMs) } : action;
}

function toMatrix(homeserver: Homeserver, sender: RemoteAuthor, mention: Mention): Mention {
  if (mention.side !== "remote" || mention.what !== "user") return mention;
  const id = homeserver.ghostOf({ network: sender.network, id: mention.id as RemoteUserId });
  return { side: "matrix", what: "user", id };
}
