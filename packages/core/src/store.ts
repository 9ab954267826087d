/**
 * The port of all persistence. Writes called in the same moment are grouped into one commit; a promise resolves when its
 * commit is on disk (SQLite: synchronous=FULL). Suite: `describeStore` in packages/testing.
 */
import type {
  EventId,
  JobKey,
  NetworkId,
  PortalId,
  RemoteChatId,
  RemoteMessageId,
  RemoteUserId,
  RoomId,
  UserId,
} from "./ids.ts";

export interface Store {
  readonly journal: JournalStore;
  readonly portals: PortalStore;
  readonly messages: MessageStore;
  readonly ghosts: GhostStore;
  readonly kv: KeyValueStore;
  readonly accounts: AccountStore;
  readonly reactions: ReactionStore;
  readonly media: ExpiringStore;
  readonly secrets: SecretStore;
  /** Waits for what was asked, releases the lock, closes. */
  close(): Promise<void>;
}

export type Direction = "inward" | "outward" | "control";
export type JobState = "queued" | "parked" | "done" | "dead" | "cancelled";

export interface NewJob {
  readonly portal: PortalId;
  readonly lane: Direction;
  /** Unique for ever within the retention: appending a known key changes nothing. */
  readonly key: JobKey;
  /** Whose job it is: a Matrix user id or a remote user id; what `scope: author` parks by. */
  readonly author: string;
  readonly createdAtMs: number;
  /** JSON text. */
  readonly body: string;
}

export interface Job extends NewJob {
  /** Order within the journal; rising with each append. */
  readonly seq: number;
  readonly state: JobState;
  readonly attempts: number;
  /** Not before this time (epoch ms); 0: at once. */
  readonly notBeforeMs: number;
  /** JSON of Part[] once planned, and ids of the parts already sent, in order. */
  readonly plan?: string;
  readonly sent: readonly string[];
  /** Code and detail of the last failure. */
  readonly failure?: string;
  /** A person asked for it again: it is sent marked as delayed. */
  readonly delayed: boolean;
}

export interface JobPatch {
  readonly state?: "queued" | "parked";
  readonly attempts?: number;
  readonly notBeforeMs?: number;
  readonly plan?: string;
  readonly sent?: readonly string[];
  readonly failure?: string;
  readonly body?: string;
}

/** How a job ended, written with its message rows in one commit. The row's body is emptied (`dead` keeps it for a retry). */
export interface Outcome {
  readonly state: "done" | "dead" | "cancelled";
  readonly atMs: number;
  readonly failure?: string;
  readonly messages?: readonly MessageRow[];
  /** The text of an already mapped message is now this (edit) or gone (redaction: undefined). */
  readonly texts?: readonly { readonly portal: PortalId; readonly origin: string; readonly text: string | undefined }[];
}

export interface JournalStore {
  /** All or none. One entry per job, undefined where the key was known already. */
  append(jobs: readonly NewJob[]): Promise<(Job | undefined)[]>;
  settle(seq: number, outcome: Outcome): Promise<void>;
  update(seq: number, patch: JobPatch): Promise<void>;
  /** Queued and parked jobs of one lane after `afterSeq`, in order. */
  load(portal: PortalId, lane: Direction, afterSeq: number, limit: number): Promise<Job[]>;
  /** Every lane that has queued or parked jobs. */
  backlog(): Promise<{ portal: PortalId; lane: Direction; jobs: number; oldestAtMs: number }[]>;
  find(keys: readonly JobKey[]): Promise<Job[]>;
  /** Dead letters, newest first. */
  dead(filter: { readonly portal?: PortalId; readonly limit: number }): Promise<Job[]>;
  /** A dead letter goes to its lane's end under a new seq, `delayed`, attempts 0. Undefined when it is not dead. */
  retry(seq: number): Promise<Job | undefined>;
  /** The oldest queued jobs of a lane beyond `keep`, made dead with `failure`; how many. */
  shed(portal: PortalId, lane: Direction, keep: number, failure: string, atMs: number): Promise<number>;
  counts(): Promise<{ queued: number; parked: number; dead: number; oldestAtMs?: number }>;
  /** Forgets `done` and `cancelled` rows older than this. */
  prune(beforeMs: number): Promise<number>;
}

/** One pair of a remote message part and a Matrix event. All rows of one message share `origin`. */
export interface MessageRow {
  readonly portal: PortalId;
  /** Id of the message where it was said: event id (outward) or remote id (inward). */
  readonly origin: string;
  readonly part: number;
  readonly eventId: EventId;
  readonly remoteId: RemoteMessageId;
  readonly lane: "inward" | "outward";
  /** Matrix user id (outward) or remote user id (inward), and the name then. */
  readonly author: string;
  readonly authorName: string;
  readonly sentAtMs: number;
  /** Plain text for quotes and edit diffs; only on part 0; lives 7 days by default. */
  readonly text?: string;
}

export interface MessageStore {
  /** Every row of the message that this event, or this remote message, belongs to, part 0 first; empty when unknown. */
  findByEvent(portal: PortalId, event: EventId): Promise<MessageRow[]>;
  findByRemote(portal: PortalId, remote: RemoteMessageId): Promise<MessageRow[]>;
  /** Every row of the message that was first said under this id, wherever it was said. */
  findByOrigin(portal: PortalId, origin: string): Promise<MessageRow[]>;
  /**
   * What is kept of somebody's words: rows, and how many still hold text. With a network, of its people alone: ids of two networks
   * may be equal (what was relayed from one chat to another is told apart by the id only).
   */
  ofAuthor(author: string, network?: NetworkId): Promise<{ readonly messages: number; readonly texts: number }>;
  /** Forgets somebody's name and texts; the pairs of ids stay, so that his messages can still be deleted. How many rows. */
  eraseAuthor(author: string, network?: NetworkId): Promise<number>;
  /** The newest rows of a portal, newest first. */
  recent(portal: PortalId, lane: "inward" | "outward", limit: number): Promise<MessageRow[]>;
  /** Empties texts older than this; how many. */
  wipeTexts(beforeMs: number): Promise<number>;
}

export interface PortalRow {
  readonly id: PortalId;
  readonly network: NetworkId;
  readonly chat: RemoteChatId;
  readonly owner?: UserId;
  readonly room: RoomId;
  readonly state: "requested" | "approved" | "active" | "paused" | "gone";
  readonly origin: "plumbed" | "created" | "config";
  readonly requestedBy: UserId | string;
  readonly approvedBy?: string;
  readonly pauseReason?: string;
  readonly createdAtMs: number;
  /** JSON of per-portal settings. */
  readonly settings: string;
}

export interface PortalStore {
  list(): Promise<PortalRow[]>;
  add(row: Omit<PortalRow, "id">): Promise<PortalRow>;
  update(row: PortalRow): Promise<void>;
}

export interface GhostRow {
  readonly userId: UserId;
  readonly network: NetworkId;
  readonly remoteUser: string;
  readonly registered: boolean;
  /** Name last put on the homeserver. */
  readonly name?: string;
  /** `source` of the picture last put there. */
  readonly avatar?: string;
}

/** A proven tie between a Matrix person and an account of the network. One account has one person; he may have several. */
export interface AccountRow {
  readonly user: UserId;
  readonly network: NetworkId;
  readonly remoteUser: RemoteUserId;
  /** The account's name, for people. */
  readonly name: string;
  readonly provenAtMs: number;
}

export interface AccountStore {
  list(): Promise<AccountRow[]>;
  /** Replaces what the account was tied to before. */
  put(row: AccountRow): Promise<void>;
  remove(network: NetworkId, remoteUser: RemoteUserId): Promise<void>;
}

/** A reaction said in Matrix, to be found again when its event is redacted. */
export interface ReactionRow {
  readonly portal: PortalId;
  readonly event: EventId;
  readonly target: EventId;
  readonly key: string;
  readonly author: string;
  readonly atMs: number;
}

export interface ReactionStore {
  put(row: ReactionRow): Promise<void>;
  get(portal: PortalId, event: EventId): Promise<ReactionRow | undefined>;
  remove(portal: PortalId, event: EventId): Promise<void>;
  prune(beforeMs: number): Promise<number>;
}

/** What may be forgotten when its time is over: uploads known by their source or content, public addresses. */
export interface ExpiringStore {
  get(key: string): Promise<string | undefined>;
  put(key: string, value: string, expiresAtMs: number): Promise<void>;
  remove(key: string): Promise<void>;
  prune(nowMs: number): Promise<number>;
}

/** Sealed at rest (AES-256-GCM); what cannot be opened with any known key rejects with `database-failed` and says so. */
export interface SecretStore {
  get(name: string): Promise<string | undefined>;
  put(name: string, secret: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Names alone. */
  list(prefix: string): Promise<string[]>;
  /** Seals all with the newest key; how many were not. */
  reseal(): Promise<number>;
}

export interface GhostStore {
  get(user: UserId): Promise<GhostRow | undefined>;
  put(row: GhostRow): Promise<void>;
  /** Membership of our ghosts as we last knew it. */
  joinedRooms(user: UserId): Promise<RoomId[]>;
  setJoined(user: UserId, room: RoomId, joined: boolean): Promise<void>;
  inRoom(room: RoomId): Promise<UserId[]>;
}

export interface KeyValueStore {
  get(key: string): Promise<string | undefined>;
  put(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
  list(prefix: string): Promise<{ key: string; value: string }[]>;
}
