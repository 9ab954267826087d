/**
 * A small OAuth 2.0 server beside the homeserver, as delegated authentication puts one there: metadata, dynamic client
 * registration, device authorization (RFC 8628), tokens that run out and refresh tokens that are good once. Not offered until a
 * test says so; a test also agrees, or refuses, for the person.
 */
import { randomBytes } from "node:crypto";
import type { AccessTokens } from "./access-tokens.ts";
import type { SandboxClock } from "./clock.ts";
import type { JsonObject } from "./event.ts";
import { MatrixFault } from "./fault.ts";
import type { Call, Route } from "./route.ts";
import type { Router } from "./router.ts";

/** A test's hand on the OAuth server. */
export interface SandboxOAuth {
  /** From now on it is there. `metadata` is laid over the true one; `path`: `stable` is the default. */
  offer(wanted?: {
    readonly metadata?: JsonObject;
    readonly path?: "stable" | "unstable";
    readonly tokenMs?: number;
    readonly intervalS?: number;
    readonly codeMs?: number;
  }): void;
  /** The person enters this code and agrees, as this user, or not. */
  agree(code: string, user: string): void;
  deny(code: string): void;
  /** The next poll is answered with `slow_down`. */
  slowDown(): void;
  /** Refresh tokens of this user are good for nothing any more. */
  revoke(user: string): void;
  readonly seen: { registrations: number; polls: number; refreshes: number };
}

interface Grant {
  readonly userCode: string;
  readonly client: string;
  readonly expiresAtMs: number;
  answer?: { readonly user: string } | "denied";
}

export interface OAuthParts {
  readonly clock: SandboxClock;
  readonly tokens: AccessTokens;
  /** Where the server itself is reached. */
  readonly url: () => string;
}

type Offer = Required<NonNullable<Parameters<SandboxOAuth["offer"]>[0]>>;

const deviceScope = /urn:matrix:(?:org\.matrix\.msc2967\.)?client:device:[\w.~-]{10,}/;
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";

export function oauthRoutes({ clock, tokens, url }: OAuthParts, router: Router<Route>): SandboxOAuth {
  let offered: Offer | undefined;
  const offer = (): Offer => {
    if (!offered) throw new MatrixFault(404, "M_UNRECOGNIZED", "Unrecognized request");
    return offered;
  };
  const grants = createGrants({ clock, tokens, url, offer });
  const add = (method: string, path: string, run: (call: Call) => JsonObject, form = false) =>
    router.add(method, path, { auth: "none", form, run: (call) => run(offer() && call) });
  const metadata = (path: "stable" | "unstable") => (): JsonObject => {
    if (offer().path !== path) throw new MatrixFault(404, "M_UNRECOGNIZED", "Unrecognized request");
    return { ...metadataOf(url()), ...offer().metadata };
  };
  add("GET", "/_matrix/client/v1/auth_metadata", metadata("stable"));
  add("GET", "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata", metadata("unstable"));
  add("POST", "/oauth2/registration", ({ body }) => grants.register(body));
  add("POST", "/oauth2/device", ({ raw }) => grants.begin(new URLSearchParams(raw)), true);
  add("POST", "/oauth2/token", ({ raw }) => grants.token(new URLSearchParams(raw)), true);
  return {
    ...grants.controls,
    offer: (wanted = {}) => {
      offered = { metadata: {}, path: "stable", tokenMs: 300_000, intervalS: 1, codeMs: 600_000, ...wanted };
    },
  };
}

function createGrants({ clock, tokens, url, offer }: OAuthParts & { readonly offer: () => Offer }) {
  const grants = new Map<string, Grant>();
  const refreshes = new Map<string, { readonly user: string; readonly client: string; readonly access: string }>();
  const clients = new Set<string>();
  const seen = { registrations: 0, polls: 0, refreshes: 0 };
  let slow = false;

  const issue = (user: string, client: string): JsonObject => {
    const { tokenMs } = offer();
    const access = tokens.issue(user, tokenMs);
    const refresh = `ref_${randomBytes(18).toString("base64url")}`;
    refreshes.set(refresh, { user, client, access });
    return { access_token: access, token_type: "Bearer", expires_in: tokenMs / 1000, refresh_token: refresh };
  };
  const poll = (form: URLSearchParams): JsonObject => {
    seen.polls++;
    const device = form.get("device_code") ?? "";
    const grant = grants.get(device);
    if (!grant || grant.client !== form.get("client_id")) throw oauthFault("invalid_grant");
    if (clock.now() >= grant.expiresAtMs) throw oauthFault("expired_token");
    if (slow) {
      slow = false;
      throw oauthFault("slow_down");
    }
    if (grant.answer === undefined) throw oauthFault("authorization_pending");
    grants.delete(device);
    if (grant.answer === "denied") throw oauthFault("access_denied");
    return issue(grant.answer.user, grant.client);
  };
  const refresh = (form: URLSearchParams): JsonObject => {
    seen.refreshes++;
    const given = form.get("refresh_token") ?? "";
    const known = refreshes.get(given);
    if (!known || known.client !== form.get("client_id")) throw oauthFault("invalid_grant");
    refreshes.delete(given);
    tokens.end(known.access, "expired");
    return issue(known.user, known.client);
  };
  const ask = (code: string): Grant => {
    const grant = [...grants.values()].find(({ userCode }) => userCode === code);
    if (!grant) throw new Error(`nobody waits with the code ${code}`);
    return grant;
  };
  const controls: Omit<SandboxOAuth, "offer"> = {
    seen,
    agree: (code, user) => {
      ask(code).answer = { user };
    },
    deny: (code) => {
      ask(code).answer = "denied";
    },
    slowDown: () => {
      slow = true;
    },
    revoke: (user) => {
      for (const [token, owner] of refreshes) if (owner.user === user) refreshes.delete(token);
    },
  };
  return {
    controls,
    register: (body: JsonObject): JsonObject => {
      seen.registrations++;
      const types = body["grant_types"];
      if (!Array.isArray(types) || !types.includes(deviceGrant)) throw oauthFault("invalid_client_metadata");
      if (typeof body["client_uri"] !== "string") throw oauthFault("invalid_client_metadata");
      const client = `c${randomBytes(8).toString("hex")}`;
      clients.add(client);
      return { ...body, client_id: client };
    },
    begin: (form: URLSearchParams): JsonObject => {
      const client = form.get("client_id") ?? "";
      if (!clients.has(client)) throw oauthFault("invalid_client", 401);
      if (!deviceScope.test(form.get("scope") ?? "")) throw oauthFault("invalid_scope");
      const userCode = randomBytes(3).toString("hex").toUpperCase();
      const device = randomBytes(16).toString("hex");
      grants.set(device, { userCode, client, expiresAtMs: clock.now() + offer().codeMs });
      return codeOf(url(), device, userCode, offer());
    },
    token: (form: URLSearchParams): JsonObject => {
      const type = form.get("grant_type");
      if (type === deviceGrant) return poll(form);
      if (type === "refresh_token") return refresh(form);
      throw oauthFault("unsupported_grant_type");
    },
  };
}

const codeOf = (url: string, device: string, userCode: string, { codeMs, intervalS }: Offer): JsonObject => ({
  device_code: device,
  user_code: userCode,
  verification_uri: `${url}/link`,
  verification_uri_complete: `${url}/link?code=${userCode}`,
  expires_in: codeMs / 1000,
  interval: intervalS,
});

const metadataOf = (url: string): JsonObject => ({
  issuer: `${url}/`,
  authorization_endpoint: `${url}/oauth2/authorize`,
  token_endpoint: `${url}/oauth2/token`,
  registration_endpoint: `${url}/oauth2/registration`,
  revocation_endpoint: `${url}/oauth2/revoke`,
  device_authorization_endpoint: `${url}/oauth2/device`,
  grant_types_supported: ["authorization_code", "refresh_token", deviceGrant],
  response_types_supported: ["code"],
  response_modes_supported: ["query", "fragment"],
  code_challenge_methods_supported: ["S256"],
});

/** OAuth names its errors in `error`, beside which the errcode does not matter. */
const oauthFault = (error: string, status = 400): MatrixFault => new MatrixFault(status, "M_UNKNOWN", error);
