/**
 * A canary: an event by the bot into a room of its own, waited for until the homeserver pushes it back. Sending it makes every
 * homeserver look at its queue again (after a restart they sleep until the next event); getting it back proves the whole way.
 * Recognised by its number, never by its looks.
 */
import { randomUUID } from "node:crypto";
import {
  BridgeError,
  type Clock,
  type KeyValueStore,
  type Log,
  type MatrixEvent,
  type RoomId,
  roomId,
} from "@trestle/core";
import type { Sender } from "./send.ts";

export const canaryType = "dev.trestle.canary";

const roomRow = "matrix/canary-room";

export interface CanaryOptions {
  readonly sender: Pick<Sender, "sendAsBot">;
  readonly createRoom: () => Promise<RoomId>;
  readonly kv: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Between two canaries while none comes back; grows up to ten times. */
  readonly intervalMs: number;
}

export interface Canary {
  /** One after the other until one is back; resolves then, or (false) when stopped. */
  fly(signal: AbortSignal): Promise<boolean>;
  /** One canary, not waited for. */
  nudge(): Promise<void>;
  /** One of our own events came by. */
  echo(event: MatrixEvent): void;
  /** When the last one came back. */
  readonly backAtMs: number | undefined;
  /** Since when one is out. */
  readonly outSinceMs: number | undefined;
}

export function createCanary({ sender, createRoom, kv, clock, log, intervalMs }: CanaryOptions): Canary {
  const out = new Set<string>();
  let outSinceMs: number | undefined;
  let backAtMs: number | undefined;
  let landed = new AbortController();

  async function send(): Promise<void> {
    const stored = await kv.get(roomRow);
    const number = randomUUID();
    const sendTo = (room: RoomId) => sender.sendAsBot(room, canaryType, { number }, `canary/${number}`);
    out.add(number);
    if (stored !== undefined) {
      try {
        await sendTo(roomId(stored));
        return;
      } catch (error) {
        if (!(error instanceof BridgeError) || error.code !== "homeserver-refused") throw error;
        log.warn({ room: stored }, "the canary's room is gone; making another");
      }
    }
    const room = await createRoom();
    await kv.put(roomRow, room);
    await sendTo(room);
  }

  return {
    async fly(signal) {
      landed = new AbortController();
      outSinceMs ??= clock.now();
      let waitMs = intervalMs;
      let failures = 0;
      while (!signal.aborted && !landed.signal.aborted) {
        let sent = true;
        try {
          await send();
        } catch (error) {
          sent = false;
          failures += 1;
          log.warn({ error }, "the canary could not be sent");
        }
        const ms = sent ? waitMs : Math.min(200 * 2 ** failures, intervalMs);
        await clock.wait(ms, AbortSignal.any([signal, landed.signal]));
        if (sent) waitMs = Math.min(waitMs * 2, intervalMs * 10);
      }
      out.clear();
      if (landed.signal.aborted) outSinceMs = undefined;
      return landed.signal.aborted;
    },
    nudge: send,
    echo(event) {
      const { number } = event.content;
      if (event.type !== canaryType || typeof number !== "string" || !out.has(number)) return;
      backAtMs = clock.now();
      landed.abort();
    },
    get backAtMs() {
      return backAtMs;
    },
    get outSinceMs() {
      return outSinceMs;
    },
  };
}
