/**
 * One error type and one catalogue: what went wrong, whether to try again, how much of the traffic it stops, and what a
 * person is told. Everything that fails on the way of a message becomes a BridgeError (see `asBridgeError`).
 */
export type Retry = "never" | "later" | { readonly afterMs: number };
/** How much waits with the job: nothing else, the author's other jobs, or the whole lane of the portal. */
export type Scope = "job" | "author" | "portal";

interface CatalogueEntry {
  readonly retry: Exclude<Retry, { afterMs: number }>;
  readonly scope: Scope;
  /** For people; `%s` is filled with the detail. Absent: nobody needs telling. */
  readonly notice?: string;
}

/** Codes are stable: they are metric labels and stand in the database. */
export const catalogue = {
  // the far side is away: no limit of attempts, only of age
  "homeserver-unreachable": { retry: "later", scope: "portal" },
  "homeserver-limit": { retry: "later", scope: "portal" },
  // replaced by another, which the link will follow or not
  "room-closed": { retry: "later", scope: "portal" },
  "network-down": {
    retry: "later",
    scope: "portal",
    notice: "The other side is not reachable right now; your message waits.",
  },
  "network-limit": { retry: "later", scope: "portal" },
  "not-joined": {
    retry: "later",
    scope: "portal",
    notice: "The bridge is not in the channel right now; your message waits.",
  },
  // final for this message
  "homeserver-refused": { retry: "never", scope: "job", notice: "The homeserver refused this message: %s" },
  "event-too-large": { retry: "never", scope: "job", notice: "This message is too large: %s" },
  "cannot-send": { retry: "never", scope: "job", notice: "The channel did not take this message: %s" },
  "not-permitted": { retry: "never", scope: "job", notice: "You are not permitted to speak across this bridge." },
  "not-supported": { retry: "never", scope: "job", notice: "The other side cannot show this: %s" },
  "media-too-large": { retry: "never", scope: "job", notice: "This file is too large for the other side: %s" },
  "media-gone": { retry: "never", scope: "job", notice: "This file is no longer there: %s" },
  "media-failed": { retry: "later", scope: "job", notice: "This file could not be carried over: %s" },
  "no-target": { retry: "never", scope: "job" },
  "too-old": { retry: "never", scope: "job", notice: "This message waited too long and was not sent (%s)." },
  "queue-full": {
    retry: "never",
    scope: "job",
    notice: "Too many messages are waiting; the oldest were given up (%s).",
  },
  "bulk-brake": {
    retry: "never",
    scope: "job",
    notice: "The brake was pulled: %s. Nothing of the rest was done; a moderator can let it through with `retry`.",
  },
  encrypted: { retry: "never", scope: "job", notice: "This room is encrypted and the bridge cannot read it." },
  ambiguous: { retry: "later", scope: "portal" },
  // mistakes of an admin, exit codes of their own (runtime)
  "config-invalid": { retry: "never", scope: "job" },
  "registration-mismatch": { retry: "never", scope: "job" },
  "database-locked": { retry: "never", scope: "job" },
  "database-failed": { retry: "later", scope: "portal" },
  "port-taken": { retry: "never", scope: "job" },
  "login-refused": { retry: "later", scope: "portal", notice: "The network refused the bridge's login: %s" },
  // ours
  internal: {
    retry: "later",
    scope: "job",
    notice: "The bridge failed on this message; its admin can see why and retry it.",
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;

export class BridgeError extends Error {
  readonly code: ErrorCode;
  /** What was wrong, in words; empty when the code says it all. */
  readonly detail: string;
  readonly retry: Retry;
  readonly scope: Scope;
  /** What a person is told; absent when nobody needs telling. */
  readonly notice?: string;

  constructor(
    code: ErrorCode,
    detail = "",
    options: { readonly afterMs?: number; readonly scope?: Scope; readonly cause?: unknown } = {},
  ) {
    super(detail === "" ? code : `${code}: ${detail}`, { cause: options.cause });
    const entry: CatalogueEntry = catalogue[code];
    this.name = "BridgeError";
    this.code = code;
    this.detail = detail;
    this.retry = options.afterMs !== undefined && entry.retry !== "never" ? { afterMs: options.afterMs } : entry.retry;
    this.scope = options.scope ?? entry.scope;
    if (entry.notice !== undefined) this.notice = entry.notice.replace("%s", () => detail);
  }
}

/** Anything thrown, as a BridgeError: an unknown one is an exception of ours (`internal`). */
export function asBridgeError(thrown: unknown): BridgeError {
  if (thrown instanceof BridgeError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new BridgeError("internal", message, { cause: thrown });
}
