/**
 * One question to the homeserver before anything else is asked of it: is it there, does it take our token, and is it the one that the
 * config names. It needs no bot to exist yet.
 */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
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

type HomeserverAddress = Pick<SharedConfig["homeserver"], "url" | "name">;

const timeoutMs = 10_000;

export async function probeHomeserver(
  { homeserver, appservice }: { readonly homeserver: HomeserverAddress; readonly appservice: { readonly bot: string } },
  registration: Pick<Registration, "as_token">,
  signal?: AbortSignal,
): Promise<Probe> {
  const bot = `@${appservice.bot}:${homeserver.name}`;
  const url = `${homeserver.url}/_matrix/client/v3/account/whoami?user_id=${encodeURIComponent(bot)}`;
  let status: number;
  let body: { errcode?: unknown; error?: unknown; user_id?: unknown };
  try {
    const timeout = AbortSignal.timeout(timeoutMs);
    const answer = await get(
      url,
      registration.as_token,
      signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    );
    status = answer.status;
    body = answer.text.startsWith("{") ? (JSON.parse(answer.text) as typeof body) : {};
  } catch (error) {
    return { kind: "unreachable", why: reason(error) };
  }
  const errcode = typeof body.errcode === "string" ? body.errcode : undefined;
  const said = `${status} ${errcode ?? ""} ${typeof body.error === "string" ? body.error : ""}`.trim();
  if (status === 200) {
    if (body.user_id === bot) return { kind: "accepted" };
    if (typeof body.user_id === "string")
      return { kind: "other-name", why: `it calls our bot ${body.user_id}, not ${bot}` };
    return { kind: "unreachable", why: `what answers at ${homeserver.url} is no Matrix homeserver` };
  }
  if (errcode === "M_UNKNOWN_TOKEN" || errcode === "M_MISSING_TOKEN") return { kind: "refused", why: said };
  if (errcode === "M_EXCLUSIVE" || /masquerade/i.test(String(body.error))) return { kind: "other-name", why: said };
  // The token is good, only the bot is not registered yet; that is done at the start.
  if (errcode === "M_FORBIDDEN" || errcode === "M_NOT_FOUND") return { kind: "accepted" };
  if (errcode === undefined && status < 500) {
    return {
      kind: "unreachable",
      why: `what answers at ${homeserver.url} is no Matrix homeserver (status ${status})`,
    };
  }
  return { kind: "unreachable", why: said };
}

/** Plain HTTP rather than `fetch`, which refuses some ports and follows redirects. */
function get(url: string, token: string, signal: AbortSignal): Promise<{ status: number; text: string }> {
  const request = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const asking = request(url, { headers: { authorization: `Bearer ${token}` }, signal }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        // Whatever sends this much is no homeserver.
        if (text.length > 100_000) response.destroy(new Error("its answer has no end"));
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asking.on("error", reject);
    asking.end();
  });
}

function reason(error: unknown): string {
  const { name, code: given, message, cause } = error as Error & { code?: string; cause?: { name?: string } };
  if (name === "TimeoutError" || cause?.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  const code = given ?? message;
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
