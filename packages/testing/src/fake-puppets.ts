/** Acting for people on the fake homeserver: tokens that a test made good, grants that a test lets end, reports it dictates. */
import {
  BridgeError,
  type DeviceGrant,
  type MatrixEvent,
  type PuppetReport,
  type Puppets,
  type UserId,
  userId,
} from "@trestle/core";
import type { FakeMatrix } from "./fake-matrix.ts";

export interface FakePuppets extends Puppets {
  /** A token of this person that the server takes. */
  allowToken(user: string, token: string): void;
  /** The server takes it no more; found out at the next use. */
  endToken(token: string): void;
  /** Whether he can be acted for at this moment; if not any more, it is told. */
  use(user: UserId): boolean;
  /** From now on device grants are offered; each ends when `endGrant` says how. */
  offerGrants(): void;
  endGrant(user: string, report: PuppetReport): void;
  /** Tokens as they were handed in, good or not. */
  readonly tried: string[];
}

/** What the server knows; it outlives a handle. */
interface Known {
  readonly tokens: Map<string, UserId>;
  /** With which token each was logged in; none for a grant. */
  readonly active: Map<UserId, string | undefined>;
}

const field = "fi.mau.double_puppet_source";
/** What is said as a person carries it. */
export const puppetMark = { [field]: "trestle-fake" } as const;
export const isMarked = ({ content }: MatrixEvent): boolean => content[field] === puppetMark[field];

const ofMatrix = new WeakMap<FakeMatrix, Known>();

export function createFakePuppets(matrix: FakeMatrix, lost: (user: UserId, why: string) => void): FakePuppets {
  const known = ofMatrix.get(matrix) ?? { tokens: new Map(), active: new Map() };
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
      known.active.set(user, token);
      return { ok: true, way: "token", problems: [] };
    },
    beginGrant,
    logout: async (user) => void known.active.delete(user),
    check: async (user) =>
      known.active.has(user)
        ? { ok: true, way: "token", problems: [] }
        : { ok: false, problems: [{ problem: "There is no token.", mend: "Say `login-matrix`." }] },
    allowToken: (user, token) => void known.tokens.set(token, userId(user)),
    endToken: (token) => void known.tokens.delete(token),
    use: (user) => {
      if (!known.active.has(user)) return false;
      const token = known.active.get(user);
      if (token === undefined || known.tokens.get(token) === user) return true;
      known.active.delete(user);
      lost(user, "the token was refused");
      return false;
    },
    offerGrants: () => {
      grants = true;
    },
    endGrant: (user, report) => {
      if (report.ok) known.active.set(userId(user), undefined);
      ends.get(userId(user))?.(report);
    },
  };
}
