/**
 * How Synapse pushes to one appservice: a queue in memory, at most 100 events a transaction, one under way. A failure marks
 * the appservice down; from then on transactions wait in the database and a timer (2, 4, 8, ... 512 s) tries the oldest,
 * without its EDUs. The timer starts lazily: after a restart only the next event starts it, and what the queue in
 * memory held is lost.
 */
import type { SandboxClock } from "./clock.ts";
import type { PushState } from "./database.ts";
import type { JsonObject, StoredEvent } from "./event.ts";
import type { PushQueue, Transmit } from "./push.ts";

const eventsPerTxnMax = 100;
const backoffPowerMax = 9;

export function createSynapsePush(options: {
  readonly state: PushState;
  readonly clock: SandboxClock;
  readonly transmit: Transmit;
  readonly print: (event: StoredEvent) => JsonObject;
  /** The keys under which this registration wants EDUs. */
  readonly ephemeralKeys: readonly string[];
  /** Shared by all appservices of the server. */
  readonly nextTxnId: () => string;
}): PushQueue {
  const { state, clock, transmit, print, ephemeralKeys } = options;
  let queue: StoredEvent[] = [];
  let edus: JsonObject[] = [];
  let sending = false;
  let life = 0;
  let recovery: AbortController | undefined;

  const body = (events: readonly StoredEvent[], withEdus: readonly JsonObject[]): JsonObject => ({
    events: events.map(print),
    ...Object.fromEntries(withEdus.length > 0 ? ephemeralKeys.map((key) => [key, withEdus]) : []),
    ...(ephemeralKeys.includes("de.sorunome.msc2409.ephemeral") ? { "de.sorunome.msc2409.to_device": [] } : {}),
  });

  const drain = async (): Promise<void> => {
    if (sending) return;
    sending = true;
    const born = life;
    while (queue.length > 0 || edus.length > 0) {
      const events = queue.splice(0, eventsPerTxnMax);
      const eduPart = edus.splice(0, eventsPerTxnMax);
      const txn = { id: options.nextTxnId(), events };
      state.unsent.push(txn);
      if (!state.up) continue;
      const delivered = await transmit(txn.id, body(events, eduPart));
      if (born !== life) return;
      if (delivered) complete(txn.id);
      else {
        state.up = false;
        startRecovery();
      }
    }
    sending = false;
  };

  const complete = (id: string): void => {
    const index = state.unsent.findIndex((txn) => txn.id === id);
    if (index >= 0) state.unsent.splice(index, 1);
  };

  const startRecovery = (): void => {
    if (!recovery) void recover(life);
  };

  const recover = async (born: number): Promise<void> => {
    let power = 1;
    while (born === life) {
      recovery = new AbortController();
      await clock.wait(2 ** power * 1000, recovery.signal);
      for (let delivered = true; delivered; ) {
        const oldest = state.unsent[0];
        if (born !== life) return;
        if (!oldest) {
          recovery = undefined;
          state.up = true;
          return;
        }
        delivered = await transmit(oldest.id, body(oldest.events, []));
        if (born !== life) return;
        if (delivered) {
          complete(oldest.id);
          power = 0;
        }
      }
      power = Math.min(power + 1, backoffPowerMax);
    }
  };

  return {
    offer: (event) => {
      queue.push(event);
      void drain();
    },
    offerEphemeral: (edu) => {
      if (ephemeralKeys.length === 0) return;
      edus.push(edu);
      void drain();
    },
    wake: () => {
      if (!state.up) startRecovery();
    },
    pinged: () => recovery?.abort(),
    halt: (clean) => {
      if (clean && sending) state.up = false;
      life++;
      recovery?.abort();
      recovery = undefined;
      queue = [];
      edus = [];
      sending = false;
    },
    boot: () => undefined,
  };
}
