/**
 * What becomes of people's access tokens and accounts: tokens that run out, soft and hard logout, deactivated accounts. A token
 * that is over says so by a 401, as servers do; an account that is over is told to appservices only when they log in as it.
 */
import { randomBytes } from "node:crypto";
import type { SandboxClock } from "./clock.ts";
import type { Database, Token } from "./database.ts";
import { MatrixFault } from "./fault.ts";

/** A test's hand on people's accounts. */
export interface SandboxAccounts {
  /** A further token of this person, valid for `ttlMs` of the server's time, or for ever. */
  issue(user: string, ttlMs?: number): string;
  /** The token is over as if its time had run out, or as a soft logout. */
  end(token: string, how: "expired" | "soft logout"): void;
  /** Every token of this person is gone. */
  revoke(user: string): void;
  deactivate(user: string): void;
}

export interface AccessTokens extends SandboxAccounts {
  /** Whose token this is; throws the 401 of one that is none (any more). */
  ownerOf(token: string): Token;
  isDeactivated(user: string): boolean;
}

export function createAccessTokens(database: Database, clock: SandboxClock): AccessTokens {
  const expiresAtMs = new Map<string, number>();
  const soft = new Set<string>();
  const deactivated = new Set<string>();
  const revoke = (user: string): void => {
    for (const [token, owner] of database.tokens) if (owner.user === user) database.removeToken(token);
  };
  return {
    issue: (user, ttlMs) => {
      const token = `sbx_${randomBytes(18).toString("base64url")}`;
      database.addToken(token, { user, device: randomBytes(5).toString("hex").toUpperCase(), guest: false });
      if (ttlMs !== undefined) expiresAtMs.set(token, clock.now() + ttlMs);
      return token;
    },
    end: (token, how) => {
      if (how === "soft logout") soft.add(token);
      else expiresAtMs.set(token, clock.now());
    },
    revoke,
    deactivate: (user) => {
      deactivated.add(user);
      revoke(user);
    },
    isDeactivated: (user) => deactivated.has(user),
    ownerOf: (token) => {
      const owner = database.tokens.get(token);
      if (!owner) throw unknownToken("Invalid access token passed.", false);
      if (soft.has(token)) throw unknownToken("Access token has expired", true);
      if (clock.now() >= (expiresAtMs.get(token) ?? Number.POSITIVE_INFINITY))
        throw unknownToken("Access token has expired", true);
      return owner;
    },
  };
}

const unknownToken = (text: string, softLogout: boolean): MatrixFault =>
  new MatrixFault(401, "M_UNKNOWN_TOKEN", text, { soft_logout: softLogout });
