/**
 * How Dendrite pushes to one appservice: a durable queue whose reader takes up to 50 messages, sends them as one transaction
 * and acknowledges them. A failure sleeps 2, 4, 8, ... 64 s and puts them back; what came meanwhile is then in the next try, under
 * the same id, which is the time of the first message. What was read and not acknowledged when the server stopped is given out
 * again 30 s after it was read: behind newer events.
 */
import type { SandboxClock } from "./clock.ts";
import type { PushState } from "./database.ts";
import type { JsonObject, StoredEvent } from "./event.ts";
import type { PushQueue, Transmit } from "./push.ts";

const messagesMax = 50;
const backoffPowerMax = 6;
const acknowledgeMs = 30_000;

export function createDendritePush(options: {
  readonly state: PushState;
  readonly clock: SandboxClock;
  readonly transmit: Transmit;
  readonly print: (event: StoredEvent) => JsonObject;
}): PushQueue {
  const { state, clock, transmit, print } = options;
  let running = false;
  let power = 0;
  let life = new AbortController();
  let news = new AbortController();

  /** Undefined: nothing is left; a number: milliseconds until something is given out again. */
  const read = (): StoredEvent[] | number | undefined => {
    const now = clock.now();
    const expired = state.unacknowledged.filter(({ untilMs }) => untilMs <= now);
    state.unacknowledged = state.unacknowledged.filter(({ untilMs }) => untilMs > now);
    state.queued.unshift(...expired.flatMap(({ events }) => events));
    if (state.queued.length > 0) return state.queued.splice(0, messagesMax);
    const [first, ...others] = state.unacknowledged.map(({ untilMs }) => untilMs - now);
    return first === undefined ? undefined : Math.min(first, ...others);
  };

  const work = async (): Promise<void> => {
    const { signal } = life;
    running = true;
    for (let events = read(); events !== undefined; events = read()) {
      if (typeof events === "number") {
        news = new AbortController();
        await clock.wait(events, AbortSignal.any([signal, news.signal]));
        if (signal.aborted) return;
        continue;
      }
      const taken = { events, untilMs: clock.now() + acknowledgeMs };
      state.unacknowledged.push(taken);
      const delivered = await transmit(txnId(events), { events: events.map(print) });
      if (signal.aborted) return;
      power = delivered ? 0 : Math.min(power + 1, backoffPowerMax);
      if (!delivered) await clock.wait(2 ** power * 1000, signal);
      if (signal.aborted) return;
      state.unacknowledged = state.unacknowledged.filter((one) => one !== taken);
      if (!delivered) state.queued.unshift(...events);
    }
    running = false;
  };

  return {
    offer: (event) => {
      state.queued.push(event);
      if (running) news.abort();
      else void work();
    },
    offerEphemeral: () => undefined,
    wake: () => undefined,
    pinged: () => undefined,
    halt: () => {
      life.abort();
      life = new AbortController();
      running = false;
      power = 0;
    },
    boot: () => {
      if (!running) void work();
    },
  };
}

/** Nanoseconds, by the look of it: the first message's place in the stream. */
const txnId = ([first]: readonly StoredEvent[]): string => `17${String(first?.stream ?? 0).padStart(17, "0")}`;
