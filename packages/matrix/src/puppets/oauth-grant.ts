/**
 * Logging a person in where the homeserver leaves that to an OAuth server: he opens an address, enters a code, and we get a token
 * that has to be refreshed (device authorization grant: RFC 8628, MSC4341; metadata: MSC2965; client registration: MSC2966).
 */
import { randomBytes } from "node:crypto";
import { BridgeError, type Clock, type KeyValueStore, type Log } from "@trestle/core";
import type { JsonObject } from "../client.ts";
import type { OAuthAnswer, OAuthHttp } from "./oauth-http.ts";
import type { OAuthRecord } from "./records.ts";

/** A grant that waits for the person. */
export interface BegunGrant {
  readonly url: string;
  readonly code: string;
  readonly expiresAtMs: number;
  /** Polls until he has decided; `ended` says how it came to nothing. Never rejects. */
  outcome(signal: AbortSignal): Promise<OAuthRecord | { readonly ended: GrantEnd }>;
}

export type GrantEnd = "denied" | "expired" | "stopped" | "failed";

export interface OAuth {
  /** Undefined where the server offers no such login. Rejects with `homeserver-unreachable`, `homeserver-refused`. */
  begin(): Promise<BegunGrant | undefined>;
  /** New tokens for old; undefined when the server says that the old ones are over. Rejects when it does not answer. */
  refresh(record: OAuthRecord): Promise<OAuthRecord | undefined>;
}

export interface OAuthOptions {
  readonly http: OAuthHttp;
  /** The homeserver's address. */
  readonly url: string;
  readonly kv: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Shown to people by the login server, which demands an https address. */
  readonly clientUri: string;
}

interface Metadata {
  readonly issuer: string;
  readonly device: string;
  readonly token: string;
  readonly registration: string;
  /** Scopes of before they were stable. */
  readonly unstable: boolean;
}

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
const clientRow = "matrix/oauth-client";
const grantMsMax = 60 * 60_000;
/** Anything else may pass: a token is not given up for a proxy's bad day. */
const overErrors = new Set(["invalid_grant", "invalid_client", "unauthorized_client"]);
const slowDownMs = 5_000;

export function createOAuth(options: OAuthOptions): OAuth {
  const { http, kv, clock } = options;

  async function register({ issuer, registration }: Metadata): Promise<string> {
    const { status, body } = await http.post(registration, {
      client_name: "Trestle",
      client_uri: options.clientUri,
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: [deviceGrant, "refresh_token"],
      response_types: [],
    });
    const id = body["client_id"];
    if (status >= 300 || typeof id !== "string" || id === "") throw refused("it does not register us", body);
    await kv.put(clientRow, JSON.stringify({ issuer, id }));
    return id;
  }

  async function knownClient({ issuer }: Metadata): Promise<string | undefined> {
    const row = await kv.get(clientRow);
    const known = row === undefined ? undefined : (JSON.parse(row) as { issuer: string; id: string });
    return known?.issuer === issuer ? known.id : undefined;
  }

  async function ask(metadata: Metadata): Promise<{ readonly clientId: string; readonly answer: OAuthAnswer }> {
    const device = `TRESTLE${randomBytes(8).toString("hex").toUpperCase()}`;
    const place = metadata.unstable ? "urn:matrix:org.matrix.msc2967.client" : "urn:matrix:client";
    const scope = `${place}:api:* ${place}:device:${device}`;
    const askAs = (id: string) => http.post(metadata.device, new URLSearchParams({ client_id: id, scope }));
    const known = await knownClient(metadata);
    if (known !== undefined) {
      const answer = await askAs(known);
      // It may have forgotten us.
      if (answer.status < 300 || errorOf(answer.body) !== "invalid_client") return { clientId: known, answer };
    }
    const clientId = await register(metadata);
    return { clientId, answer: await askAs(clientId) };
  }

  return {
    async begin() {
      const metadata = await findMetadata(options);
      if (metadata === undefined) return undefined;
      const { clientId, answer } = await ask(metadata);
      const { device_code: deviceCode, user_code: code } = answer.body;
      if (answer.status >= 300) throw refused("it gives no code", answer.body);
      const url = [answer.body["verification_uri_complete"], answer.body["verification_uri"]].find(http.mayUse);
      if (
        typeof deviceCode !== "string" ||
        typeof code !== "string" ||
        url === undefined ||
        !/^[!-~]{1,64}$/.test(code)
      )
        throw refused("its code or address is not a safe one", {});
      const lifeMs = Math.min(secondsOf(answer.body["expires_in"], 600) * 1000, grantMsMax);
      const expiresAtMs = clock.now() + lifeMs;
      const intervalMs = Math.min(Math.max(secondsOf(answer.body["interval"], 5), 1), 60) * 1000;
      const form = { grant_type: deviceGrant, device_code: deviceCode, client_id: clientId };
      const asked: Asked = { token: metadata.token, clientId, form, expiresAtMs, intervalMs };
      return { url, code, expiresAtMs, outcome: (signal) => poll(options, asked, signal) };
    },
    async refresh(record) {
      if (record.refresh === undefined) return undefined;
      const form = { grant_type: "refresh_token", refresh_token: record.refresh, client_id: record.clientId };
      const { status, body } = await http.post(record.tokenEndpoint, new URLSearchParams(form));
      if (status < 300) return recordOf(body, record, clock.now());
      if (overErrors.has(errorOf(body))) return undefined;
      throw new BridgeError("homeserver-unreachable", `the login server answered ${status}`);
    },
  };
}

async function findMetadata({ http, url, log }: OAuthOptions): Promise<Metadata | undefined> {
  const base = `${url.replace(/\/+$/, "")}/_matrix/client`;
  for (const path of ["/v1/auth_metadata", "/unstable/org.matrix.msc2965/auth_metadata"]) {
    const { status, body } = await http.get(base + path);
    if (status === 404 || status === 405) continue;
    if (status !== 200) throw new BridgeError("homeserver-unreachable", `auth_metadata answered ${status}`);
    const grants = body["grant_types_supported"];
    if (!Array.isArray(grants) || !grants.includes(deviceGrant)) return undefined;
    const {
      issuer,
      device_authorization_endpoint: device,
      token_endpoint: token,
      registration_endpoint: registration,
    } = body;
    if (!http.mayUse(issuer) || !http.mayUse(device) || !http.mayUse(token) || !http.mayUse(registration)) {
      log.warn({}, "the homeserver's auth_metadata names addresses that are missing or not safe; no login by it");
      throw refused("its addresses are missing or not safe ones", {});
    }
    return { issuer, device, token, registration, unstable: path.startsWith("/unstable") };
  }
  return undefined;
}

interface Asked {
  readonly token: string;
  readonly clientId: string;
  readonly form: Readonly<Record<string, string>>;
  readonly expiresAtMs: number;
  readonly intervalMs: number;
}

async function poll(
  { http, clock, log }: OAuthOptions,
  asked: Asked,
  signal: AbortSignal,
): ReturnType<BegunGrant["outcome"]> {
  let { intervalMs } = asked;
  for (;;) {
    await clock.wait(intervalMs, signal);
    if (signal.aborted) return { ended: "stopped" };
    if (clock.now() >= asked.expiresAtMs) return { ended: "expired" };
    let answer: OAuthAnswer;
    try {
      answer = await http.post(asked.token, new URLSearchParams(asked.form));
    } catch (error) {
      log.debug({ error }, "the login server did not answer a poll");
      intervalMs = Math.min(intervalMs * 2, 60_000);
      continue;
    }
    const { status, body } = answer;
    if (status < 300) {
      const base = { way: "oauth", token: "", tokenEndpoint: asked.token, clientId: asked.clientId } as const;
      return recordOf(body, base, clock.now()) ?? { ended: "failed" };
    }
    const error = errorOf(body);
    if (error === "slow_down") intervalMs += slowDownMs;
    else if (error === "access_denied") return { ended: "denied" };
    else if (error === "expired_token") return { ended: "expired" };
    else if (error !== "authorization_pending" && status < 500 && status !== 429) {
      log.warn({ error, status }, "the login server ended a login");
      return { ended: "failed" };
    }
  }
}

function recordOf(body: JsonObject, base: OAuthRecord, nowMs: number): OAuthRecord | undefined {
  const { access_token: token, refresh_token: refresh } = body;
  if (typeof token !== "string" || token === "") return undefined;
  const seconds = body["expires_in"];
  return {
    way: "oauth",
    token,
    tokenEndpoint: base.tokenEndpoint,
    clientId: base.clientId,
    ...(typeof refresh === "string" ? { refresh } : base.refresh === undefined ? {} : { refresh: base.refresh }),
    ...(typeof seconds === "number" && seconds > 0 ? { expiresAtMs: nowMs + seconds * 1000 } : {}),
  };
}

const secondsOf = (value: unknown, fallback: number): number =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? value : fallback;

const errorOf = (body: JsonObject): string => {
  const error = body["error"];
  return typeof error === "string" ? error.slice(0, 60) : "";
};

const refused = (what: string, body: JsonObject): BridgeError => {
  const error = errorOf(body);
  return new BridgeError(
    "homeserver-refused",
    `the login server is of no use: ${what}${error === "" ? "" : ` (${error})`}`,
  );
};
