/** Acting for people of Matrix as themselves (double puppeting): what the core asks of the Matrix side. */
import type { UserId } from "./ids.ts";

export interface Puppets {
  /** Whether we may act for this person now. From memory. */
  has(user: UserId): boolean;
  /** Takes a person's own access token, checks it, keeps it sealed. The report says what is wrong when it cannot be used. */
  login(user: UserId, token: string): Promise<PuppetReport>;
  /** Begins an OAuth device grant; undefined where the homeserver offers none. */
  beginGrant(user: UserId): Promise<DeviceGrant | undefined>;
  /** Forgets his token. What the double-puppet registration allows is not asked for him again until he logs in. */
  logout(user: UserId): Promise<void>;
  /** Looks at everything that acting for him needs, and names what is wrong and how to mend it. */
  check(user: UserId): Promise<PuppetReport>;
}

export interface PuppetReport {
  readonly ok: boolean;
  /** By the double-puppet registration, his own token, or an OAuth grant. */
  readonly way?: "registration" | "token" | "oauth";
  readonly problems: readonly { readonly problem: string; readonly mend: string }[];
}

export interface DeviceGrant {
  /** What to open, and the code to enter there. */
  readonly url: string;
  readonly code: string;
  readonly expiresAtMs: number;
  /** Resolves when he has agreed, or not. Never rejects. */
  readonly done: Promise<PuppetReport>;
}
