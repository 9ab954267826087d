/**
 * Why a connection failed, classified, with a sentence for people and how patiently to try again. Pure. The server's own words
 * are hostile text: they are shortened and cleaned before they are shown.
 */
import type { ErrorCode } from "@trestle/core";

export type FailureKind =
  | "dns"
  | "refused"
  | "unreachable"
  | "timeout"
  | "tls"
  | "throttled"
  | "banned"
  | "nick-in-use"
  | "nick-invalid"
  | "password-refused"
  | "sasl-failed"
  | "ping-timeout"
  | "storage"
  | "config"
  | "closed";

export interface Failure {
  readonly kind: FailureKind;
  /** For people. */
  readonly detail: string;
}

/** How long to wait at least before the next try, whatever the counter says. */
export const patienceMs: Readonly<Record<FailureKind, number>> = {
  dns: 0,
  refused: 0,
  unreachable: 0,
  timeout: 0,
  tls: 30_000,
  throttled: 60_000,
  banned: 1_800_000,
  "nick-in-use": 30_000,
  "nick-invalid": 300_000,
  "password-refused": 300_000,
  "sasl-failed": 120_000,
  "ping-timeout": 0,
  storage: 5_000,
  config: 300_000,
  closed: 0,
};

/** What a message that waits for this network is told. */
export const codeOf = (kind: FailureKind): ErrorCode =>
  kind === "password-refused" || kind === "sasl-failed" || kind === "banned" ? "login-refused" : "network-down";

/** From a socket or TLS error. */
export function classifySocketError(error: unknown, where: string): Failure {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const message =
    typeof error === "object" && error !== null && "message" in error ? String(error.message) : String(error);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "EAI_FAIL") {
    return {
      kind: "dns",
      detail: `the name of ${where} could not be resolved (${code}); check the host in the config`,
    };
  }
  if (code === "ECONNREFUSED") return { kind: "refused", detail: `${where} refused the connection` };
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH" || code === "EADDRNOTAVAIL") {
    return { kind: "unreachable", detail: `${where} is not reachable (${code})` };
  }
  if (code === "ETIMEDOUT") return { kind: "timeout", detail: `${where} did not answer` };
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|SSL|TLS/.test(code) || code === "EPROTO") {
    return { kind: "tls", detail: `TLS with ${where} failed: ${cleanReason(message)}. ${tlsMend(code)}` };
  }
  return { kind: "closed", detail: `the connection to ${where} broke (${cleanReason(code || message)})` };
}

function tlsMend(code: string): string {
  if (code === "DEPTH_ZERO_SELF_SIGNED_CERT" || code.includes("SELF_SIGNED") || code.startsWith("UNABLE_TO")) {
    return "If this is the server's own authority, name its certificate with caFile.";
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "EPROTO" || code.includes("PACKET_LENGTH")) {
    return "Is this really the TLS port?";
  }
  return "Check the host name and the server's certificate.";
}

/** From the text of an ERROR line, or of a 465, 463, 437 and the like. */
export function classifyServerError(text: string, where: string): Failure {
  const reason = cleanReason(text);
  const said = `${where} closed the connection: ${reason}`;
  if (/throttl|too fast|reconnect(?:ing|ed)? too|try again later/i.test(text))
    return { kind: "throttled", detail: said };
  if (/[kgzd]-?:?lined?\b|\bbanned\b|\bblacklist|not welcome/i.test(text)) {
    return { kind: "banned", detail: `${where} has banned the bridge: ${reason}. Ask its operators` };
  }
  if (/too many|no more connections|client limit|connection limit|server (?:is )?full/i.test(text)) {
    return { kind: "throttled", detail: said };
  }
  if (/bad password|password (?:incorrect|mismatch)|invalid password|access denied/i.test(text)) {
    return { kind: "password-refused", detail: `${where} refused the server password` };
  }
  if (/ping timeout/i.test(text)) return { kind: "ping-timeout", detail: said };
  return { kind: "closed", detail: said };
}

const colourCode = new RegExp(`${String.fromCharCode(3)}(?:\\d{1,2}(?:,\\d{1,2})?)?`, "g");

/** A server's words, made fit for a status line: no control bytes, not endless. */
export function cleanReason(text: string): string {
  const plain = text
    .replaceAll(colourCode, "")
    .replaceAll(/[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2066-\u2069]/gu, "");
  const short = plain.trim().slice(0, 200);
  return short === "" ? "no reason given" : short;
}
