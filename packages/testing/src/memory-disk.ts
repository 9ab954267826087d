/**
 * What the memory store keeps: plain maps that outlive the instance, as a disk outlives a process. Only memory-store.ts and
 * memory-journal.ts touch it.
 */
import type {
  AccountRow,
  GhostRow,
  Job,
  JobState,
  MessageRow,
  PortalRow,
  ReactionRow,
  RoomId,
  UserId,
} from "@trestle/core";

export interface StoredJob extends Job {
  readonly endedAtMs?: number;
}

export interface MemoryDisk {
  seq: number;
  portalRow: number;
  readonly jobs: Map<number, StoredJob>;
  readonly byKey: Map<string, number>;
  /** Open jobs by lane, in order of seq. */
  readonly open: Map<string, Set<number>>;
  readonly portals: Map<number, PortalRow>;
  /** In order of first writing, by portal, lane, origin and part. */
  readonly messages: Map<string, MessageRow>;
  readonly byEvent: Map<string, Set<string>>;
  readonly byRemote: Map<string, Set<string>>;
  readonly byOrigin: Map<string, Set<string>>;
  readonly ghosts: Map<UserId, GhostRow>;
  readonly joined: Map<UserId, Set<RoomId>>;
  readonly kv: Map<string, string>;
  readonly accounts: Map<string, AccountRow>;
  readonly reactions: Map<string, ReactionRow>;
  readonly media: Map<string, { readonly value: string; readonly expiresAtMs: number }>;
  readonly secrets: Map<string, string>;
}

/** An empty disk. */
export const createMemoryDisk = (): MemoryDisk => ({
  seq: 0,
  portalRow: 0,
  jobs: new Map(),
  byKey: new Map(),
  open: new Map(),
  portals: new Map(),
  messages: new Map(),
  byEvent: new Map(),
  byRemote: new Map(),
  byOrigin: new Map(),
  ghosts: new Map(),
  joined: new Map(),
  kv: new Map(),
  accounts: new Map(),
  reactions: new Map(),
  media: new Map(),
  secrets: new Map(),
});

export const isOpen = (state: JobState): boolean => state === "queued" || state === "parked";

/** A copy without the members that are undefined: rows of every store look the same. */
export function withoutUndefined<T extends object>(row: T): T {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as T;
}
