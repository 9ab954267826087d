/**
 * What we sent and the server has not yet answered for, on one connection: at most four parts. A part is confirmed by its
 * labelled echo where the server offers that, else by the PONG to the PING that followed it, unless an error numeric came
 * first (architecture section 5). It knows no socket; what a refused part means is said in a BridgeError.
 */
import { BridgeError } from "@trestle/core";
import { cleanReason } from "./failures.ts";
import { type IrcMessage, lastParam, numericOf, param } from "./message.ts";

export const unconfirmedMax = 4;

/** What the part was, as far as an answer can refer to it. */
export interface SentPart {
  readonly command: string;
  readonly target: string;
  /** Speaks under this nick (RELAYMSG). */
  readonly nick?: string;
}

export interface Confirmations {
  /** Whether one more part may be sent. */
  hasRoom(): boolean;
  /** Whether labels are in use; else each part is followed by a PING. */
  readonly labelled: boolean;
  /** Registers a part about to be written; its token is the label, or the PING's. */
  begin(part: SentPart, settle: Settle, nowMs: number): string;
  /** Takes what answers a part. True: it was about our own sending and is no news to anybody else. */
  take(message: IrcMessage, own: boolean): boolean;
  /** When the oldest open part was sent. */
  oldestAtMs(): number | undefined;
  /** The connection ended: the outcome of all that is open is unknown. */
  fail(error: BridgeError): void;
}

export interface Settle {
  /** Confirmed; the id that the network gave it, if it gives any. */
  resolve(id: string | undefined): void;
  reject(error: BridgeError): void;
}

interface Entry extends SentPart {
  readonly token: string;
  readonly settle: Settle;
  readonly sentAtMs: number;
  id?: string;
  error?: BridgeError;
}

export interface ConfirmationsOptions {
  readonly labelled: boolean;
  readonly fold: (name: string) => string;
  readonly isJoined: (channel: string) => boolean;
  /** Called whenever a part was settled: there is room again. */
  readonly onSettled: () => void;
}

const echoed: ReadonlySet<string> = new Set(["PRIVMSG", "NOTICE", "TAGMSG", "REDACT", "RELAYMSG", "TOPIC"]);

/** Builds the empty book of one connection. */
export function createConfirmations(options: ConfirmationsOptions): Confirmations {
  const { fold, labelled } = options;
  // in the order of sending, which is the order in which the server answers
  let open: Entry[] = [];
  const batches = new Map<string, string>();
  let counter = 0;

  const settle = (entry: Entry): void => {
    open = open.filter((other) => other !== entry);
    if (entry.error !== undefined) entry.settle.reject(entry.error);
    else entry.settle.resolve(entry.id);
    options.onSettled();
  };
  const byLabel = (message: IrcMessage): Entry | undefined => {
    const label = message.tags["label"] ?? batches.get(message.tags["batch"] ?? "");
    return label === undefined ? undefined : open.find((entry) => entry.token === label);
  };

  const takeLabelled = (message: IrcMessage, entry: Entry): boolean => {
    if (message.command === "BATCH") {
      const id = param(message, 0);
      if (id.startsWith("+") && batches.size < 64) batches.set(id.slice(1), entry.token);
      return true;
    }
    const error = errorFrom(message, entry, options);
    if (error !== undefined) entry.error = error;
    else if (message.tags["msgid"] !== undefined) entry.id = message.tags["msgid"];
    // inside a batch more may follow; its end settles
    if (message.tags["label"] !== undefined) settle(entry);
    return true;
  };

  return {
    labelled,
    hasRoom: () => open.length < unconfirmedMax,
    oldestAtMs: () => open[0]?.sentAtMs,
    begin(part, toSettle, nowMs) {
      counter += 1;
      const token = `t${counter.toString(36)}`;
      open.push({ ...part, token, settle: toSettle, sentAtMs: nowMs });
      return token;
    },
    take(message, own) {
      if (message.command === "BATCH" && param(message, 0).startsWith("-")) {
        const id = param(message, 0).slice(1);
        const entry = open.find((other) => other.token === batches.get(id));
        const known = batches.delete(id);
        if (entry !== undefined) settle(entry);
        return known;
      }
      const labelledEntry = labelled ? byLabel(message) : undefined;
      if (labelledEntry !== undefined) return takeLabelled(message, labelledEntry);
      // nothing waits for the echo of what was said in passing
      if (own && message.tags["+typing"] !== undefined) return true;
      if (own && echoed.has(message.command)) {
        const target = fold(param(message, 0));
        const entry = open.find(
          (other) => other.id === undefined && other.command === message.command && fold(other.target) === target,
        );
        if (entry !== undefined && message.tags["msgid"] !== undefined) entry.id = message.tags["msgid"];
        return message.command !== "TOPIC";
      }
      if (message.command === "PONG") {
        const at = labelled ? -1 : open.findIndex((entry) => entry.token === lastParam(message));
        // the server answers in order: what was sent before is answered for as well
        for (const entry of open.slice(0, at + 1)) settle(entry);
        return at !== -1;
      }
      const entry = open.find((other) => other.error === undefined && answers(message, other, fold));
      const error = entry === undefined ? undefined : errorFrom(message, entry, options);
      if (entry === undefined || error === undefined) return false;
      entry.error = error;
      if (labelled) settle(entry);
      return true;
    },
    fail(error) {
      const all = open;
      open = [];
      batches.clear();
      for (const entry of all) entry.settle.reject(error);
    },
  };
}

/** Numerics that name the target they refused. */
const targetErrors: ReadonlySet<number> = new Set([
  401, 403, 404, 407, 408, 413, 414, 415, 439, 442, 477, 482, 486, 489, 494, 531, 573, 716, 937, 979,
]);
/** Numerics that name the command they refused. */
const commandErrors: ReadonlySet<number> = new Set([263, 421, 461]);

function answers(message: IrcMessage, entry: SentPart, fold: (name: string) => string): boolean {
  const numeric = numericOf(message);
  if (targetErrors.has(numeric)) return fold(param(message, 1)) === fold(entry.target);
  if (commandErrors.has(numeric)) return param(message, 1).toUpperCase() === entry.command;
  if (numeric === 412 || numeric === 411 || numeric === 417) return true;
  return message.command === "FAIL" && param(message, 0).toUpperCase() === entry.command;
}

function errorFrom(message: IrcMessage, entry: SentPart, options: ConfirmationsOptions): BridgeError | undefined {
  const numeric = numericOf(message);
  if (message.command !== "FAIL" && numeric !== 263 && (numeric < 400 || numeric > 599) && !targetErrors.has(numeric)) {
    return undefined;
  }
  const reason = cleanReason(lastParam(message));
  if (numeric === 263 || numeric === 439) return new BridgeError("network-limit", reason, { afterMs: 30_000 });
  // "you may not write here" often only means that we are not inside yet
  if (numeric === 403 || numeric === 442 || !options.isJoined(entry.target))
    return new BridgeError("not-joined", reason);
  if (numeric === 421) return new BridgeError("not-supported", reason);
  return new BridgeError("cannot-send", reason);
}
