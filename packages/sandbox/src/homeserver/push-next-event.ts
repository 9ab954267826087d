/**
 * How Conduit and those that descend from it push to one appservice: the queue stands in the database, one event first, then up
 * to 30 (Conduit) or 48. No timer: a failed transaction is tried again when the next event comes and, on some, enough time has
 * passed; or at the start of the server; or, on tuwunel, by a ping. Its id is a hash of what is in it.
 */
import { createHash } from "node:crypto";
import type { SandboxClock } from "./clock.ts";
import type { PushState } from "./database.ts";
import type { JsonObject, StoredEvent } from "./event.ts";
import type { PushStyle } from "./profile.ts";
import type { PushQueue, Transmit } from "./push.ts";

type NextEventStyle = Extract<PushStyle, { kind: "next event" }>;

export function createNextEventPush(options: {
  readonly style: NextEventStyle;
  readonly state: PushState;
  readonly clock: SandboxClock;
  readonly transmit: Transmit;
  readonly print: (event: StoredEvent) => JsonObject;
  /** The keys under which EDUs are sent; none: they are not even queued. */
  readonly ephemeralKeys: readonly string[];
}): PushQueue {
  const { style, state, clock, transmit, print, ephemeralKeys } = options;
  let running = false;
  let failed: { readonly tries: number; readonly atMs: number } | undefined;
  let life = 0;

  const mayTry = (): boolean => failed !== undefined && clock.now() - failed.atMs >= waitMs(style, failed.tries);

  const send = async (tries: number): Promise<void> => {
    const born = life;
    running = true;
    failed = undefined;
    let failures = tries;
    while (state.active.length + state.activeEdus.length > 0) {
      const edus = state.activeEdus;
      const body = {
        events: state.active.map(print),
        ...Object.fromEntries(edus.length > 0 ? ephemeralKeys.map((key) => [key, edus]) : []),
      };
      const delivered = await transmit(txnId(state), body);
      if (born !== life) return;
      if (!delivered) {
        running = false;
        failed = { tries: failures + 1, atMs: clock.now() };
        return;
      }
      failures = 0;
      takeBacklog(style, state);
    }
    running = false;
  };

  const offered = (): void => {
    if (running) return;
    if (failed === undefined) {
      if (state.active.length + state.activeEdus.length === 0) takeBacklog(style, state);
      void send(0);
    } else if (mayTry()) void send(failed.tries);
  };

  return {
    offer: (event) => {
      state.queued.push(event);
      offered();
    },
    offerEphemeral: (edu) => {
      if (ephemeralKeys.length === 0) return;
      state.queuedEdus.push(edu);
      offered();
    },
    wake: () => undefined,
    pinged: () => {
      if (style.pingFlushes && !running && failed !== undefined) void send(failed.tries);
    },
    halt: () => {
      life++;
      running = false;
      failed = undefined;
    },
    boot: () => {
      if (state.active.length + state.activeEdus.length === 0) takeBacklog(style, state);
      void send(0);
    },
  };
}

function waitMs({ wait }: NextEventStyle, tries: number): number {
  return wait === undefined ? 0 : Math.min(wait.baseMs * tries ** wait.power, wait.maxMs);
}

function takeBacklog(style: NextEventStyle, state: PushState): void {
  if (style.byRoom && state.queued.length > 1)
    state.queued.sort((left, right) => left.roomOrder - right.roomOrder || left.stream - right.stream);
  state.active = state.queued.splice(0, style.eventsMax);
  state.activeEdus = state.queuedEdus.splice(0, style.eventsMax - state.active.length);
}

const txnId = (state: PushState): string =>
  createHash("sha256")
    .update(
      [...state.active.map((event) => event.event_id), ...state.activeEdus.map((edu) => JSON.stringify(edu))].join("|"),
    )
    .digest("base64url");
