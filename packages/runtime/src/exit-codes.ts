/**
 * How a span ends, as a number: a supervisor restarts some and not others (deploy/trestle-irc.service). Documented in
 * docs/operate/exit-codes.md.
 */
import type { BridgeError, ErrorCode } from "@trestle/core";

export const exitCodes = {
  done: 0,
  /** `check` found something. */
  checkFailed: 1,
  usage: 64,
  configInvalid: 65,
  configMissing: 66,
  registration: 67,
  tokenRefused: 68,
  /** `ask` found no running span. */
  notRunning: 69,
  internal: 70,
  portTaken: 71,
  databaseLocked: 72,
  databaseFailed: 73,
} as const;

const byError: Partial<Record<ErrorCode, number>> = {
  "config-invalid": exitCodes.configInvalid,
  "registration-mismatch": exitCodes.registration,
  "port-taken": exitCodes.portTaken,
  "database-locked": exitCodes.databaseLocked,
  "database-failed": exitCodes.databaseFailed,
};

export const exitCodeOf = (error: BridgeError): number => byError[error.code] ?? exitCodes.internal;

/**
 * What an admin can do about this error; undefined where nothing is his to mend, or its message says it. An error that knows its
 * own mend carries it as `cause.mend`.
 */
export function mendOf({ code, message, cause }: BridgeError): string | undefined {
  const { mend, code: systemCode } = { ...(cause as { readonly mend?: unknown; readonly code?: unknown } | undefined) };
  if (typeof mend === "string") return mend;
  if (code === "port-taken") return portMend(/\w+\.listen\b/.exec(message)?.[0] ?? "the config", systemCode);
  return mends[code];
}

/** `key`: what of the config names the port; `systemCode`: why it could not be listened on. */
export function portMend(key: string, systemCode: unknown): string {
  if (systemCode === "EADDRNOTAVAIL") return `Give an address of this machine in ${key}.`;
  if (systemCode === "EACCES") return `Choose a port above 1023 in ${key}, or let this user have it.`;
  const also: Record<string, string> = {
    "appservice.listen": " and appservice.url (and register again)",
    "media.listen": ", and let your web server lead there",
  };
  return `Another program listens there, perhaps a second copy of this bridge. Stop it, or choose another port in ${key}${also[key] ?? ""}.`;
}

const mends: Partial<Record<ErrorCode, string>> = {
  "database-locked":
    "Another process of this bridge uses the database. Stop it first; two would send everything twice.",
  "database-failed":
    "See that the folder exists and is writable by this user, or that PostgreSQL runs and takes this user and password.",
  "registration-mismatch":
    "Run `trestle register` again (it keeps the tokens) and load the new file into the homeserver.",
};
