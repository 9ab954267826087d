/**
 * What is done when the homeserver was away or we were: ping until it reaches us, a canary until it comes back, then the gaps of
 * every linked room. One run at a time; what was seen away meanwhile is one more run after it.
 */
import type { Clock, Log, Meter } from "@trestle/core";
import type { Caps } from "../caps.ts";
import type { Canary } from "./canary.ts";
import type { Marks } from "./marks.ts";

export interface RecoveryOptions {
  readonly caps: Caps;
  readonly canary: Canary;
  readonly marks: Marks;
  /** Makes the bot's account if need be. */
  readonly ready: () => Promise<void>;
  /** Resolves when the homeserver reached us, or does not offer it; rejects with why not. */
  readonly ping: () => Promise<void>;
  readonly lastTransactionAtMs: () => number | undefined;
  /** What was cached of rooms and people may be out of date. */
  readonly forget: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly signal: AbortSignal;
  /** How long the gaps wait for a canary that stays out. */
  readonly canaryPatienceMs: number;
  /** So long without a transaction, and what was queued has come. */
  readonly quietMs: number;
}

export interface Recovery {
  /** It is back, or we are. Returns at once. */
  run(why: string): void;
  /** Why the way back to us does not work, for people. */
  readonly problem: string | undefined;
  readonly done: number;
  idle(): Promise<void>;
  /** After the signal: nothing runs any more. */
  ended(): Promise<void>;
}

const pingsMax = 8;
const quietMaxMs = 5_000;

export function createRecovery(options: RecoveryOptions): Recovery {
  const { marks, canary, clock, log, meter, signal } = options;
  let wanted: string | undefined;
  let running: Promise<void> | undefined;
  let flight = new AbortController();
  const flights = new Set<Promise<boolean>>();
  let problem: string | undefined;
  let done = 0;

  async function once(why: string): Promise<void> {
    log.info({ why }, "making sure that nothing was missed");
    await untilDone(options, "the bot's account", options.ready);
    await untilDone(options, "the homeserver's versions", () => options.caps.probe());
    await reachUs(options, (now) => {
      problem = now;
    });
    flight = new AbortController();
    const flown = canary.fly(AbortSignal.any([signal, flight.signal]));
    flights.add(flown);
    void flown.finally(() => flights.delete(flown));
    await Promise.race([flown, clock.wait(options.canaryPatienceMs, signal)]);
    await quiet(options);
    options.forget();
    const failed = await marks.repair();
    done += 1;
    meter.count("trestle_recoveries_total");
    if (failed > 0) wanted ??= "some rooms could not be read";
  }

  async function loop(): Promise<void> {
    while (wanted !== undefined && !signal.aborted) {
      const why = wanted;
      wanted = undefined;
      await once(why).catch((error: unknown) => log.error({ error }, "a recovery failed"));
    }
    running = undefined;
  }

  function run(why: string): void {
    wanted = why;
    // A canary that is out since before this will not tell whether the way is open now.
    flight.abort();
    running ??= loop();
  }

  return {
    run,
    get problem() {
      return problem;
    },
    get done() {
      return done;
    },
    idle: () => running ?? Promise.resolve(),
    ended: async () => {
      await running;
      await Promise.all(flights);
    },
  };
}

/** Until the homeserver reached us, or long enough: the canary then goes on trying in its own way. */
async function reachUs({ ping, clock, log, signal }: RecoveryOptions, say: (problem?: string) => void): Promise<void> {
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      await ping();
      say();
      return;
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
      log.warn({ error, tries }, "the homeserver does not reach us");
      if (tries >= pingsMax) return;
      await clock.wait(Math.min(250 * 2 ** tries, 10_000), signal);
    }
  }
}

/** Events still streaming in after the canary are on their way, not lost. */
async function quiet({ clock, signal, quietMs, lastTransactionAtMs }: RecoveryOptions): Promise<void> {
  const endMs = clock.now() + quietMaxMs;
  while (!signal.aborted && clock.now() < endMs) {
    const last = lastTransactionAtMs();
    if (last === undefined || clock.now() - last >= quietMs) return;
    await clock.wait(quietMs, signal);
  }
}

async function untilDone(
  { clock, log, signal }: RecoveryOptions,
  what: string,
  work: () => Promise<unknown>,
): Promise<void> {
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      await work();
      return;
    } catch (error) {
      log.warn({ what, error, tries }, "not yet");
      await clock.wait(Math.min(100 * 2 ** tries, 5_000), signal);
    }
  }
}
