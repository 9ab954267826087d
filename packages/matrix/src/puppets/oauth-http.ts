/**
 * Requests to an OAuth server that a homeserver named: small answers, short waits, no redirects, and over plain http only to the
 * homeserver's own origin. Nothing that is sent or answered is ever logged: it is all secrets.
 */
import { BridgeError } from "@trestle/core";
import { Agent, type Dispatcher, request } from "undici";
import type { JsonObject } from "../client.ts";

export interface OAuthAnswer {
  readonly status: number;
  /** `{}` when it is no JSON object. */
  readonly body: JsonObject;
}

export interface OAuthHttp {
  /** Rejects with `homeserver-unreachable`, or `homeserver-refused` for an answer that is none. */
  get(url: string): Promise<OAuthAnswer>;
  /** A form, or JSON. */
  post(url: string, body: URLSearchParams | JsonObject): Promise<OAuthAnswer>;
  /** Whether such an address may be asked, or shown to a person. */
  mayUse(url: unknown): url is string;
  close(): Promise<void>;
}

const answerBytesMax = 64 * 1024;
const urlLengthMax = 2_000;
const timeoutMs = 20_000;

export function createOAuthHttp(homeserver: string): OAuthHttp {
  const agent = new Agent({ connections: 4, keepAliveTimeout: 1_000 });
  const home = new URL(homeserver).origin;

  function mayUse(url: unknown): url is string {
    if (typeof url !== "string" || url.length > urlLengthMax || !URL.canParse(url)) return false;
    const { protocol, origin, username, password } = new URL(url);
    if (username !== "" || password !== "") return false;
    return protocol === "https:" || (protocol === "http:" && origin === home);
  }

  async function ask(url: string, options: Pick<Dispatcher.RequestOptions, "method" | "body" | "headers">) {
    if (!mayUse(url)) throw new BridgeError("homeserver-refused", "the login server's address is not a safe one");
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const { statusCode, body } = await request(url, { dispatcher: agent, signal, ...options });
      return { status: statusCode, body: await readJson(body) };
    } catch (error) {
      if (error instanceof BridgeError) throw error;
      const code = (error as { code?: unknown } | undefined)?.code;
      const detail = typeof code === "string" ? code : "no answer";
      throw new BridgeError("homeserver-unreachable", `the login server did not answer (${detail})`);
    }
  }

  return {
    mayUse,
    get: (url) => ask(url, { method: "GET" }),
    post(url, body) {
      const isForm = body instanceof URLSearchParams;
      const type = isForm ? "application/x-www-form-urlencoded" : "application/json";
      const headers = { "content-type": type, accept: "application/json" };
      return ask(url, { method: "POST", headers, body: isForm ? body.toString() : JSON.stringify(body) });
    },
    close: () => agent.destroy(),
  };
}

async function readJson(body: Dispatcher.ResponseData["body"]): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length;
    if (bytes > answerBytesMax) throw new BridgeError("homeserver-refused", "the login server's answer is too large");
    chunks.push(chunk as Buffer);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    return {};
  }
}
