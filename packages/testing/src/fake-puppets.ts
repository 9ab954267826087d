/** Acting for people on the fake homeserver: tokens that a test made good, grants that a test lets end, reports it dictates. */
import { BridgeError, type DeviceGrant, type PuppetReport, type Puppets, type UserId, userId } from "@trestle/core";
import type { FakeMatrix } from "./fake-matrix.ts";

export interface FakePuppets extends Puppets {
  /** A token of this person that the server takes. */
  allowToken(user: string, token: string): void;
  /** From now on device grants are offered; each ends when `endGrant` says how. */
  offerGrants(): void;
  endGrant(user: string, report: PuppetReport): void;
  /** Tokens as they were handed in, good or not. */
  readonly tried: string[];
}

/** What the server knows; it outlives a handle. */
interface Known {
  readonly tokens: Map<string, UserId>;
  readonly active: Set<UserId>;
}

const ofMatrix = new WeakMap<FakeMatrix, Known>();

export function createFakePuppets(matrix: FakeMatrix): FakePuppets {
  const known = ofMatrix.get(matrix) ?? { tokens: new Map(), active: new Set() };
  ofMatrix.set(matrix, known);
  const ends = new Map<UserId, (report: PuppetReport) => void>();
  const tried: string[] = [];
  let grants = false;

  const beginGrant = async (user: UserId): Promise<DeviceGrant | undefined> => {
    if (!grants) return undefined;
    const done = new Promise<PuppetReport>((resolve) => {
      ends.set(user, resolve);
    });
    return { url: "https://test/device", code: "WDJB-MJHT", expiresAtMs: Date.now() + 600_000, done };
  };

  return {
    tried,
    has: (user) => known.active.has(user),
    login: async (user, token) => {
      tried.push(token);
      if (token.startsWith("boom")) throw new BridgeError("homeserver-refused", `GET /whoami with ${token} failed`);
      if (known.tokens.get(token) !== user) {
        return { ok: false, problems: [{ problem: `The token ${token} is not yours.`, mend: "Make a new one." }] };
      }
      known.active.add(user);
      return { ok: true, way: "token", problems: [] };
    },
    beginGrant,
    logout: async (user) => void known.active.delete(user),
    check: async (user) =>
      known.active.has(user)
        ? { ok: true, way: "token", problems: [] }
        : { ok: false, problems: [{ problem: "There is no token.", mend: "Say `login-matrix`." }] },
    allowToken: (user, token) => void known.tokens.set(token, userId(user)),
    offerGrants: () => {
      grants = true;
    },
    endGrant: (user, report) => {
      if (report.ok) known.active.add(userId(user));
      ends.get(userId(user))?.(report);
    },
  };
}
