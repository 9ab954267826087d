/**
 * One PUT of one event: looked for first where it may be there already, under a transaction id that is the same on every try.
 * It says what a failure leaves open; it never tries again by itself.
 */
import { asBridgeError, BridgeError, type EventId, eventId, type RoomId, type UserId } from "@trestle/core";
import { boundedMap } from "../bounded-map.ts";
import { type Client, type JsonObject, transactionId } from "../client.ts";
import { failureOf } from "../errors.ts";
import type { PuppetAccess } from "../puppets/access.ts";
import type { Confirmation } from "./confirmation.ts";

export interface Put {
  readonly room: RoomId;
  readonly as: UserId;
  readonly type: string;
  readonly content: JsonObject;
  /** This is a redaction of that event. */
  readonly redacts?: string;
  readonly key: string;
  /** With what else than the appservice's own token. */
  readonly access?: PuppetAccess;
  /** Who else may have said it on an earlier try. */
  readonly others?: readonly UserId[];
}

export interface EventPut {
  /** Equal puts at one time are one: Dendrite does not tell two at once apart, and each would be an event. */
  put(put: Put): Promise<EventId>;
  readonly underWay: number;
  /** When the last one ended. */
  readonly lastAtMs: number;
}

export interface EventPutOptions {
  readonly client: Client;
  readonly confirmation: Confirmation;
  readonly span: string;
  readonly now: () => number;
  /** Sends anything else, so that we learn whether the server fails on one event or on all. */
  readonly probe: () => void;
}

/** A server that fails on one event and takes others will never take it. */
const brokenTriesMax = 5;
/**
 * What we gave up waiting for may still be under way over there, and a second try beside it would be a second event on Dendrite:
 * so long nothing is tried again.
 */
const underWayMs = 30_000;
const gaveUp = /UND_ERR_(?:HEADERS|BODY)_TIMEOUT/;

export function createEventPut({ client, confirmation, span, now, probe }: EventPutOptions): EventPut {
  const running = new Map<string, Promise<EventId>>();
  const overAtMs = boundedMap<string, number>(10_000);
  const broken = boundedMap<string, { tries: number; readonly takenBefore: number }>(10_000);
  let underWay = 0;
  let taken = 0;
  let lastAtMs = 0;

  function refusal(error: unknown, room: RoomId, key: string): BridgeError {
    const failure = failureOf(error);
    if (failure === undefined || failure.outcome === "unknown") confirmation.doubt(room, key);
    if (gaveUp.test(failure?.text ?? "")) overAtMs.set(`${room}\n${key}`, now() + underWayMs);
    if (failure?.status !== 500) return asBridgeError(error);
    const so = broken.get(key) ?? { tries: 0, takenBefore: taken };
    so.tries += 1;
    broken.set(key, so);
    if (so.tries < brokenTriesMax) return asBridgeError(error);
    if (taken === so.takenBefore) {
      probe();
      return asBridgeError(error);
    }
    broken.delete(key);
    const detail = `it failed on it ${so.tries} times: ${failure.text}`;
    return new BridgeError("homeserver-refused", detail, { cause: failure });
  }

  async function attempt({ room, as, content, key, access, others = [] }: Put, path: string): Promise<EventId> {
    const known = confirmation.find(room, key, [as, ...others]);
    const found = known instanceof Promise ? await known : known;
    if (found !== undefined) {
      confirmation.settle(room, key);
      return found;
    }
    const leftMs = overAtMs.size === 0 ? 0 : (overAtMs.get(`${room}\n${key}`) ?? 0) - now();
    if (leftMs > 0)
      throw new BridgeError("homeserver-unreachable", "the last try may still be under way", { afterMs: leftMs });
    underWay += 1;
    try {
      const answer = await client.call({ method: "PUT", path, as, body: JSON.stringify(content), ...access });
      const id = answer["event_id"];
      if (typeof id !== "string") throw new BridgeError("homeserver-unreachable", "the answer names no event");
      taken += 1;
      confirmation.settle(room, key);
      return eventId(id);
    } catch (error) {
      throw refusal(error, room, key);
    } finally {
      underWay -= 1;
      lastAtMs = now();
    }
  }

  return {
    get underWay() {
      return underWay;
    },
    get lastAtMs() {
      return lastAtMs;
    },
    put(put) {
      const { room, as, type, redacts, key } = put;
      const kind = redacts === undefined ? `send/${encodeURIComponent(type)}` : `redact/${encodeURIComponent(redacts)}`;
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/${kind}/${transactionId(span, as, room, kind, key)}`;
      const twin = running.get(path);
      if (twin !== undefined) return twin;
      const trying = attempt(put, path).finally(() => running.delete(path));
      running.set(path, trying);
      return trying;
    },
  };
}
