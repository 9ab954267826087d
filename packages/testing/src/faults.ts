/**
 * What can go wrong with a send, under a test's hand: it fails, it hangs, or it is delivered and its answer lost. `at` names
 * the place (a chat id, a room id); a fault without a place strikes anywhere.
 */
import type { BridgeError } from "@trestle/core";

export interface Faults {
  /** The next `times` sends reject with this and are not delivered. */
  failNext(error: BridgeError, where?: { readonly at?: string; readonly times?: number }): void;
  /** Sends there wait until the returned function is called. */
  hang(at: string): () => void;
  /** The next `times` sends are delivered, and then reject with this. */
  loseAnswer(error: BridgeError, where?: { readonly at?: string; readonly times?: number }): void;
  /** Every send waits for this first. */
  slow(wait: (() => Promise<void>) | undefined): void;
}

export interface FaultyPath extends Faults {
  around<T>(at: string, deliver: () => T): Promise<T>;
  /** Hanging sends reject with this, and so does every later one until `open`. */
  shut(error: BridgeError): void;
  open(): void;
  /** Like kill -9: nothing is delivered any more and no promise settles. */
  die(): void;
}

interface Strike {
  readonly error: BridgeError;
  readonly at: string | undefined;
  times: number;
}

interface Hang {
  readonly released: Promise<void>;
  readonly release: () => void;
}

const never = new Promise<never>(() => undefined);

function take(strikes: Strike[], at: string): BridgeError | undefined {
  const index = strikes.findIndex((strike) => strike.at === undefined || strike.at === at);
  const strike = strikes[index];
  if (!strike) return undefined;
  strike.times -= 1;
  if (strike.times <= 0) strikes.splice(index, 1);
  return strike.error;
}

/** A path with no faults yet, and open. */
export function createFaults(): FaultyPath {
  const failures: Strike[] = [];
  const lostAnswers: Strike[] = [];
  const hangs = new Map<string, Hang>();
  let closed: BridgeError | undefined;
  let dead = false;
  let shutters = new Set<(error: BridgeError) => void>();
  let slowness: (() => Promise<void>) | undefined;

  const waitOrShut = async (wait: Promise<void>): Promise<void> => {
    let shutter: (error: BridgeError) => void = () => undefined;
    const shut = new Promise<never>((_resolve, reject) => {
      shutter = reject;
    });
    shutters.add(shutter);
    try {
      await Promise.race([wait, shut]);
    } finally {
      shutters.delete(shutter);
    }
  };

  return {
    failNext: (error, { at, times = 1 } = {}) => void failures.push({ error, at, times }),
    loseAnswer: (error, { at, times = 1 } = {}) => void lostAnswers.push({ error, at, times }),
    slow: (wait) => {
      slowness = wait;
    },
    hang: (at) => {
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const hang: Hang = { released, release };
      hangs.set(at, hang);
      return () => {
        if (hangs.get(at) === hang) hangs.delete(at);
        release();
      };
    },
    around: async (at, deliver) => {
      if (dead) return never;
      if (closed) throw closed;
      if (slowness) await waitOrShut(slowness());
      const hang = hangs.get(at);
      if (hang) await waitOrShut(hang.released);
      if (dead) return never;
      if (closed) throw closed;
      const failure = take(failures, at);
      if (failure) throw failure;
      const value = deliver();
      const lost = take(lostAnswers, at);
      if (lost) throw lost;
      return value;
    },
    shut: (error) => {
      closed = error;
      const shutting = shutters;
      shutters = new Set();
      for (const shutter of shutting) shutter(error);
    },
    open: () => {
      closed = undefined;
    },
    die: () => {
      dead = true;
    },
  };
}
