/**
 * One question to the homeserver before anything else is asked of it: is it there, does it take our token, and is it the one that the
 * config names. It needs no bot to exist yet.
 */
import type { Registration } from "@trestle/matrix";
import type { SharedConfig } from "./config-shape.ts";

export type Probe =
  | { readonly kind: "accepted" }
  /** Nothing there, or it is ill: worth trying again. */
  | { readonly kind: "unreachable"; readonly why: string }
  /** It does not know the token: the registration is not loaded, or another one is. */
  | { readonly kind: "refused"; readonly why: string }
  /** It knows the token but will not have our bot: the name or the namespace is another. */
  | { readonly kind: "other-name"; readonly why: string };

const timeoutMs = 10_000;

export async function probeHomeserver(
  { homeserver, appservice }: Pick<SharedConfig, "homeserver" | "appservice">,
  registration: Pick<Registration, "as_token">,
  signal?: AbortSignal,
): Promise<Probe> {
  const bot = `@${appservice.bot}:${homeserver.name}`;
  const url = `${homeserver.url}/_matrix/client/v3/account/whoami?user_id=${encodeURIComponent(bot)}`;
  let response: Response;
  let body: { errcode?: unknown; error?: unknown; user_id?: unknown };
  try {
    const timeout = AbortSignal.timeout(timeoutMs);
    response = await fetch(url, {
      headers: { authorization: `Bearer ${registration.as_token}` },
      redirect: "manual",
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    const text = await response.text();
    body = text.startsWith("{") ? (JSON.parse(text) as typeof body) : {};
  } catch (error) {
    return { kind: "unreachable", why: reason(error) };
  }
  const errcode = typeof body.errcode === "string" ? body.errcode : undefined;
  const said = `${response.status} ${errcode ?? ""} ${typeof body.error === "string" ? body.error : ""}`.trim();
  if (response.ok) {
    if (body.user_id === bot) return { kind: "accepted" };
    if (typeof body.user_id === "string")
      return { kind: "other-name", why: `it calls our bot ${body.user_id}, not ${bot}` };
    return { kind: "unreachable", why: `what answers at ${homeserver.url} is no Matrix homeserver` };
  }
  if (errcode === "M_UNKNOWN_TOKEN" || errcode === "M_MISSING_TOKEN") return { kind: "refused", why: said };
  if (errcode === "M_EXCLUSIVE" || /masquerade/i.test(String(body.error))) return { kind: "other-name", why: said };
  // The token is good, only the bot is not registered yet; that is done at the start.
  if (errcode === "M_FORBIDDEN" || errcode === "M_NOT_FOUND") return { kind: "accepted" };
  if (errcode === undefined && response.status < 500) {
    return {
      kind: "unreachable",
      why: `what answers at ${homeserver.url} is no Matrix homeserver (status ${response.status})`,
    };
  }
  return { kind: "unreachable", why: said };
}

function reason(error: unknown): string {
  const { name, cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  const code = cause?.code ?? cause?.message ?? message;
  const words: Record<string, string> = {
    ECONNREFUSED: "nothing listens there",
    ENOTFOUND: "the host name is not known",
    EAI_AGAIN: "the host name cannot be looked up right now",
    ECONNRESET: "the connection was cut",
    EHOSTUNREACH: "there is no route to this host",
    ENETUNREACH: "there is no route to this network",
    CERT_HAS_EXPIRED: "its TLS certificate has expired",
    DEPTH_ZERO_SELF_SIGNED_CERT: "its TLS certificate is self-signed",
  };
  return words[code] === undefined ? code : `${words[code]} (${code})`;
}
