/**
 * How Conduit pushes to one appservice: the queue stands in its database, one event first, then up to 30, sorted by room and
 * then by stream. No timer: a failed transaction is tried again when the next event comes and 30 s x tries² have
 * passed (at most a day), or at the start of the server. EDUs are never sent.
 */
import { createHash } from "node:crypto";
import type { SandboxClock } from "./clock.ts";
import type { PushState } from "./database.ts";
import type { JsonObject, StoredEvent } from "./event.ts";
import type { PushQueue, Transmit } from "./push.ts";

const backlogMax = 30;
const waitMs = (tries: number): number => Math.min(30_000 * tries * tries, 24 * 3_600_000);

export function createConduitPush(options: {
  readonly state: PushState;
  readonly clock: SandboxClock;
  readonly transmit: Transmit;
  readonly print: (event: StoredEvent) => JsonObject;
}): PushQueue {
  const { state, clock, transmit, print } = options;
  let running = false;
  let failed: { readonly tries: number; readonly atMs: number } | undefined;
  let life = 0;

  const send = async (tries: number): Promise<void> => {
    const born = life;
    running = true;
    failed = undefined;
    let failures = tries;
    while (state.active.length > 0) {
      const id = createHash("sha256")
        .update(state.active.map((event) => event.event_id).join("|"))
        .digest("base64url");
      const delivered = await transmit(id, { events: state.active.map(print) });
      if (born !== life) return;
      if (!delivered) {
        running = false;
        failed = { tries: failures + 1, atMs: clock.now() };
        return;
      }
      failures = 0;
      state.active = takeBacklog(state);
    }
    running = false;
  };

  return {
    offer: (event) => {
      if (!running && failed === undefined) {
        state.active = [event];
        void send(0);
        return;
      }
      state.queued.push(event);
      if (failed !== undefined && clock.now() - failed.atMs >= waitMs(failed.tries)) void send(failed.tries);
    },
    offerEphemeral: () => undefined,
    wake: () => undefined,
    pinged: () => undefined,
    halt: () => {
      life++;
      running = false;
      failed = undefined;
    },
    boot: () => {
      if (state.active.length === 0) state.active = takeBacklog(state);
      if (state.active.length > 0) void send(0);
    },
  };
}

function takeBacklog(state: PushState): StoredEvent[] {
  if (state.queued.length > 1)
    state.queued.sort((left, right) => left.roomOrder - right.roomOrder || left.stream - right.stream);
  return state.queued.splice(0, backlogMax);
}
