/**
 * Being in the followed channels, across reconnects, kicks and refusals: what is wanted, why we are not in, what the server's
 * words mean for that; a forward elsewhere is not accepted. How they are entered is entering.ts, what is true is
 * channel-state.ts, and what being out means to the room is hearing.ts.
 */
import { createEntering, type EnteringOptions, type Wanted } from "./entering.ts";
import { cleanReason } from "./failures.ts";
import { type IrcMessage, lastParam, numericOf, param } from "./message.ts";

export interface JoinsOptions extends EnteringOptions {
  readonly fold: (name: string) => string;
  /** The server says of the name itself that it can never be joined: told once until we are in. It is tried again all the same. */
  readonly onGone: (channel: string, reason: string) => void;
  /** What the server takes for a channel's name. */
  readonly nameProblem: (channel: string) => string | undefined;
  /** We are out of a channel that we should be in. */
  readonly onOut: (channel: string, reason: string) => void;
}

export interface Joins {
  follow(channel: string): void;
  unfollow(channel: string, reason: string): void;
  follows(channel: string): boolean;
  /** Why we are not in it, for people. */
  problemOf(channel: string): string | undefined;
  /** A connection is ready: joins everything, at most so many channels in a line. */
  start(channelsPerLine: number): void;
  /** The connection is gone. */
  stop(): void;
  /** Our own JOIN came back. False when the channel is none of ours. */
  joined(channel: string): boolean;
  /** Kicked, or made to leave. */
  out(channel: string, reason: string): void;
  /** Takes the numerics that refuse a JOIN. */
  take(message: IrcMessage): void;
  learnKey(channel: string, key: string | undefined): void;
  /** Every followed channel is in, or known to be refused. */
  isSettled(): boolean;
}

/** Numerics that refuse a JOIN and name the channel second. */
const refusals: Readonly<Record<number, string>> = {
  403: "there is no such channel",
  405: "the bridge is in too many channels",
  437: "the channel is not available right now",
  448: "the channel is forbidden",
  471: "the channel is full",
  473: "the channel is invite-only",
  474: "the bridge is banned from the channel",
  475: "the channel needs a key",
  476: "the channel's name is refused",
  477: "the channel needs a registered account",
  479: "the channel's name is refused",
  480: "the channel is throttled or needs TLS",
  489: "the channel needs TLS",
  519: "the channel is for others",
  520: "the channel is for operators",
};
/**
 * Whether a refusal is about the name and not about us, the moment or the settings: a forbidden or impossible name. 403 is also said
 * of channels that are yet to be made, and 479 by some of a channel linked to another.
 */
function isFinal(message: IrcMessage, problem: string | undefined): boolean {
  const numeric = numericOf(message);
  if (numeric === 403) return problem !== undefined;
  if (numeric === 479) return !/link/i.test(lastParam(message));
  return numeric === 448 || numeric === 476;
}

/** Inside for so long, a kick is not one of a series. */
const calmMs = 600_000;

/** Builds the keeper of one network's channels. */
export function createJoins(options: JoinsOptions): Joins {
  const { clock, fold } = options;
  const wanted = new Map<string, Wanted>();
  const entering = createEntering(options, () => [...wanted.values()]);

  const find = (channel: string): Wanted | undefined => wanted.get(fold(channel));
  const goOut = (entry: Wanted, reason: string): void => {
    entry.state = "out";
    entry.problem = reason;
    options.onOut(entry.name, reason);
    entering.retryLater(entry);
  };

  return {
    follow(channel) {
      if (find(channel) !== undefined) return;
      wanted.set(fold(channel), { name: channel, state: "idle", tries: 0, inSinceMs: 0 });
      entering.collect();
    },
    unfollow(channel, reason) {
      const entry = find(channel);
      if (entry === undefined) return;
      entering.cancel(entry);
      wanted.delete(fold(channel));
      if (entering.isRunning() && (entry.state === "in" || entry.state === "joining")) {
        options.send("PART", [entry.name, cleanReason(reason)]);
      }
    },
    follows: (channel) => find(channel) !== undefined,
    problemOf: (channel) => find(channel)?.problem,
    start(channelsPerLine) {
      // CASEMAPPING may have become known
      const entries = [...wanted.values()];
      wanted.clear();
      for (const entry of entries) wanted.set(fold(entry.name), entry);
      entering.start(channelsPerLine);
    },
    stop: entering.stop,
    joined(channel) {
      const entry = find(channel);
      if (entry === undefined) {
        options.send("PART", [channel, "not bridged"]);
        return false;
      }
      entering.cancel(entry);
      entry.state = "in";
      entry.inSinceMs = clock.now();
      delete entry.problem;
      delete entry.isToldGone;
      return true;
    },
    out(channel, reason) {
      const entry = find(channel);
      if (entry === undefined || entry.state === "out") return;
      if (clock.now() - entry.inSinceMs > calmMs) entry.tries = 0;
      goOut(entry, reason);
    },
    take(message) {
      const entry = find(param(message, 1));
      if (entry === undefined || entry.state !== "joining") return;
      const numeric = numericOf(message);
      if (numeric === 470) goOut(entry, `the channel forwards to ${cleanReason(param(message, 2))}`);
      const refusal = refusals[numeric];
      if (refusal === undefined) return;
      const reason = `${refusal} (${cleanReason(lastParam(message))})`;
      goOut(entry, reason);
      if (entry.isToldGone === true || !isFinal(message, options.nameProblem(entry.name))) return;
      entry.isToldGone = true;
      options.onGone(entry.name, reason);
    },
    learnKey(channel, key) {
      const entry = find(channel);
      if (entry === undefined) return;
      if (key === undefined) delete entry.key;
      else entry.key = key;
    },
    isSettled: () => [...wanted.values()].every((entry) => entry.state === "in" || entry.state === "out"),
  };
}
