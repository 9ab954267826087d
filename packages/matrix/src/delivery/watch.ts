/**
 * What some homeservers show only to who looks (Dendrite pushes no redaction, and no invite from another server): the bot's own
 * `/sync`, filtered down to those, where the server gives it to an appservice's bot. Found by trying; a server that refuses is
 * not asked again until it is another one.
 */
import { createHash } from "node:crypto";
import {
  type Clock,
  eventId,
  type KeyValueStore,
  type Log,
  type MatrixEvent,
  type RoomId,
  roomId,
  type UserId,
} from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import type { Caps } from "../caps.ts";
import type { Client, JsonObject } from "../client.ts";
import { failureOf } from "../errors.ts";
import { asEvent } from "./messages.ts";

export interface WatchOptions {
  readonly client: Client;
  readonly caps: Caps;
  readonly kv: KeyValueStore;
  readonly bot: UserId;
  /** What we said ourselves, by whomever. */
  readonly isOwn: (event: MatrixEvent) => boolean;
  /** Resolves once durable. */
  readonly take: (events: readonly MatrixEvent[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Watch {
  /** Looks until the signal, or until it turns out that there is nothing to look at. */
  run(): Promise<void>;
  /** An event was pushed: an invite that comes this way is not made up from what `/sync` shows. */
  pushed(event: MatrixEvent): void;
}

const placeRow = "matrix/watch-place";
const pollMs = 30_000;
const answerMs = 60_000;
/** Time that an invite may be on its way to us. */
const graceMs = 5_000;
const refusalsMax = 3;
const notThis = { not_types: ["*"] };
const filter = encodeURIComponent(
  JSON.stringify({
    presence: notThis,
    account_data: notThis,
    room: {
      account_data: notThis,
      ephemeral: notThis,
      state: notThis,
      timeline: { types: ["m.room.redaction"], limit: 50 },
    },
  }),
);

export function createWatch({ client, caps, kv, bot, isOwn, take, clock, log, signal }: WatchOptions): Watch {
  const invites = boundedMap<RoomId, number>(1_000);

  async function look(since: string | undefined): Promise<string> {
    const place = since === undefined ? "" : `&since=${encodeURIComponent(since)}`;
    const query = `filter=${filter}&timeout=${since === undefined ? 0 : pollMs}${place}`;
    const answer = await client.call({
      method: "GET",
      path: "/_matrix/client/v3/sync",
      query,
      as: bot,
      timeoutMs: answerMs,
    });
    const next = answer["next_batch"];
    if (typeof next !== "string") throw new Error("the answer has no next_batch");
    const rooms = objectOf(answer["rooms"]);
    // The first look shows what was redacted long ago; what is missing of that is gap repair's.
    const redactions = since === undefined ? [] : redactionsIn(objectOf(rooms["join"]), isOwn);
    if (redactions.length > 0) await take(redactions);
    const invited = Object.entries(objectOf(rooms["invite"]));
    if (invited.length > 0) await takeInvites(invited, since ?? "");
    return next;
  }

  async function takeInvites(invited: readonly (readonly [string, unknown])[], since: string): Promise<void> {
    await clock.wait(graceMs, signal);
    const nowMs = clock.now();
    for (const [room, shown] of invited) {
      if (signal.aborted) return;
      if (nowMs - (invites.get(roomId(room)) ?? Number.NEGATIVE_INFINITY) < answerMs) continue;
      const event = inviteIn(room, shown, { bot, since, nowMs });
      if (event === undefined) continue;
      log.info({ room, by: event.sender }, "found an invite that was not pushed");
      await take([event]);
    }
  }

  async function run(): Promise<void> {
    let since = await kv.get(placeRow);
    let refusals = 0;
    let failures = 0;
    while (!signal.aborted) {
      if (caps.versions.length === 0) {
        await clock.wait(1_000, signal);
        continue;
      }
      if (!caps.offers("bot-sync")) return;
      try {
        const next = await look(since);
        if (signal.aborted) return;
        if (next !== since) await kv.put(placeRow, next);
        since = next;
        refusals = 0;
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const status = failureOf(error)?.status ?? 0;
        if (status === 400 && since !== undefined) since = undefined;
        else if (status >= 400 && status <= 501 && status !== 429) refusals += 1;
        log.debug({ error, refusals }, "the bot's own /sync was not answered");
        if (refusals >= refusalsMax) await caps.lacks("bot-sync");
        else await clock.wait(Math.min(500 * 2 ** failures, 30_000), signal);
      }
    }
  }

  return {
    run: () => run().catch((error: unknown) => log.error({ error }, "the bot's own /sync is not looked at any more")),
    pushed(event) {
      if (event.type !== "m.room.member" || event.state_key !== bot || event.content["membership"] !== "invite") return;
      invites.set(event.room_id, clock.now());
    },
  };
}

function redactionsIn(joined: JsonObject, isOwn: (event: MatrixEvent) => boolean): MatrixEvent[] {
  return Object.entries(joined).flatMap(([room, shown]) => {
    const events = objectOf(objectOf(shown)["timeline"])["events"];
    if (!Array.isArray(events) || !room.startsWith("!")) return [];
    return events.flatMap((entry) => {
      const event = asEvent(entry, roomId(room));
      return event?.type === "m.room.redaction" && !isOwn(event) ? [event] : [];
    });
  });
}

/** Stripped state has no ids: one is made of what tells this invite from every other, the same if it is read twice. */
function inviteIn(
  room: string,
  shown: unknown,
  { bot, since, nowMs }: { readonly bot: UserId; readonly since: string; readonly nowMs: number },
): MatrixEvent | undefined {
  const state = objectOf(objectOf(shown)["invite_state"])["events"];
  if (!Array.isArray(state)) return undefined;
  const own = state.map(objectOf).find((event) => event["type"] === "m.room.member" && event["state_key"] === bot);
  if (own === undefined || objectOf(own["content"])["membership"] !== "invite") return undefined;
  const id = typeof own["event_id"] === "string" ? own["event_id"] : undefined;
  const made = createHash("sha256")
    .update(`${room}\n${String(own["sender"])}\n${since}`)
    .digest("base64url");
  return asEvent(
    { ...own, event_id: eventId(id ?? `$trestle-invite-${made}`), origin_server_ts: own["origin_server_ts"] ?? nowMs },
    roomId(room),
  );
}

const objectOf = (value: unknown): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
