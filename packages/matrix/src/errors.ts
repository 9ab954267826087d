/**
 * What a homeserver's answer means to the bridge: one table over status and errcode. Errors are told apart by their shape,
 * never by class: the Matrix libraries bring several error classes of the same name. Servers disagree on codes for the same
 * fault (a too large event is 413 M_TOO_LARGE, 413 M_BAD_JSON or 400 M_INVALID_PARAM), so the status decides where it can.
 */
import { BridgeError } from "@trestle/core";

/** One failed exchange with the homeserver, as it rides in a BridgeError's `cause`. */
export interface Failure {
  /** 0: there was no answer. */
  readonly status: number;
  readonly errcode?: string;
  readonly text: string;
  readonly retryAfterMs?: number;
  /** Whether the server may have done what was asked all the same. */
  readonly outcome: "not-done" | "unknown";
}

const retryAfterMaxMs = 10 * 60_000;

/** The failure behind an error of this package, if there is one. */
export function failureOf(error: unknown): Failure | undefined {
  const cause = (error as { cause?: unknown } | undefined)?.cause as Partial<Failure> | undefined;
  return typeof cause === "object" && cause !== null && typeof cause.status === "number" && cause.outcome !== undefined
    ? (cause as Failure)
    : undefined;
}

export const isStatus = (error: unknown, status: number): boolean => failureOf(error)?.status === status;

/** Whether the server does not offer this endpoint at all. */
export function isUnrecognized(error: unknown): boolean {
  const failure = failureOf(error);
  if (failure === undefined) return false;
  if (failure.status === 405 || failure.status === 501) return true;
  return failure.status === 404 && (failure.errcode === undefined || failure.errcode === "M_UNRECOGNIZED");
}

/** Whether asking again later, unchanged, can help. */
export const isAway = (error: unknown): boolean =>
  error instanceof BridgeError && (error.code === "homeserver-unreachable" || error.code === "homeserver-limit");

/** The failure that an answer (or its absence) is, as the error the core understands. */
export function toBridgeError(failure: Failure, awayAfterMs?: number): BridgeError {
  const { status, errcode } = failure;
  const detail = `${errcode ?? (status === 0 ? "no answer" : `status ${status}`)}: ${failure.text}`;
  if (status === 429 || errcode === "M_LIMIT_EXCEEDED") {
    const afterMs = Math.min(failure.retryAfterMs ?? 1000, retryAfterMaxMs);
    return new BridgeError("homeserver-limit", detail, { afterMs, cause: failure });
  }
  if (errcode === "M_UNKNOWN_TOKEN" || errcode === "M_MISSING_TOKEN") {
    // The admin has to act; until then everything waits rather than dies.
    return new BridgeError("homeserver-unreachable", detail, { afterMs: 30_000, cause: failure });
  }
  if (status === 413 || errcode === "M_TOO_LARGE")
    return new BridgeError("event-too-large", detail, { cause: failure });
  if (status === 0 || status >= 500 || status === 408 || (status >= 200 && status < 400)) {
    const afterMs = failure.retryAfterMs ?? awayAfterMs;
    const options = afterMs === undefined ? { cause: failure } : { afterMs, cause: failure };
    return new BridgeError("homeserver-unreachable", detail, options);
  }
  return new BridgeError("homeserver-refused", detail, { cause: failure });
}

/** Milliseconds that a server asks us to wait: `retry_after_ms` of the body, else `Retry-After` in seconds or as a date. */
export function retryAfterMs(body: unknown, header: unknown, nowMs: number): number | undefined {
  const inBody = (body as { retry_after_ms?: unknown } | undefined | null)?.retry_after_ms;
  if (typeof inBody === "number" && Number.isFinite(inBody) && inBody >= 0) return Math.ceil(inBody);
  if (typeof header !== "string" || header === "") return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
