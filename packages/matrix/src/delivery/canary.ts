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
  type Meter,
  type RoomId,
  roomId,
} from "@trestle/core";
import type { Sender } from "../send.ts";

export const canaryType = "dev.trestle.canary";

const roomRow = "matrix/canary-room";

export interface CanaryOptions {
  readonly sender: Pick<Sender, "sendAsBot">;
  readonly createRoom: () => Promise<RoomId>;
  readonly kv: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** From when on a canary that stays out is an alarm: said once for each absence. */
  readonly overdueMs: number;
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

export function createCanary(options: CanaryOptions): Canary {
  const { sender, createRoom, kv, clock, log, meter, intervalMs, overdueMs } = options;
  const out = new Set<string>();
  let outSinceMs: number | undefined;
  let backAtMs: number | undefined;
  let landed = new AbortController();
  let alarmed = false;

  /** Waits, and looks at the clock when the alarm is due. */
  async function wait(ms: number, signal: AbortSignal): Promise<void> {
    const dueMs = (outSinceMs ?? clock.now()) + overdueMs - clock.now();
    if (!alarmed && dueMs < ms) {
      await clock.wait(Math.max(0, dueMs), signal);
      if (signal.aborted) return;
      alarm();
      await clock.wait(ms - Math.max(0, dueMs), signal);
    } else await clock.wait(ms, signal);
  }

  function alarm(): void {
    alarmed = true;
    meter.count("trestle_canary_overdue_total");
    log.error(
      { outForMs: clock.now() - (outSinceMs ?? clock.now()) },
      "the homeserver does not push to us: what people say is looked for in the rooms until it does",
    );
  }

  function home(): void {
    const tookMs = clock.now() - (outSinceMs ?? clock.now());
    outSinceMs = undefined;
    meter.observe("trestle_canary_seconds", tookMs / 1000);
    if (alarmed) log.info({ tookMs }, "the homeserver pushes to us again");
    alarmed = false;
  }

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
        await wait(ms, AbortSignal.any([signal, landed.signal]));
        if (sent) waitMs = Math.min(waitMs * 2, intervalMs * 10);
      }
      out.clear();
      if (landed.signal.aborted) home();
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
