/**
 * The port facing Matrix: all that the core knows of it. One implementation on real homeservers (packages/matrix) and one
 * in-process fake (packages/testing), held equal by `describeHomeserver`.
 */
import type { Action } from "./action.ts";
import type { RemoteAuthor } from "./author.ts";
import type { Capabilities } from "./capabilities.ts";
import type { Lookup } from "./codec.ts";
import type { Again, Part } from "./connector.ts";
import type { EventId, PartKey, RoomId, UserId } from "./ids.ts";

export interface Homeserver {
  /** The bot. */
  readonly userId: UserId;
  readonly serverName: string;
  readonly capabilities: Capabilities;

  /** Binds the port, then registers the bot, pings, sends the canary and repairs gaps in the background. Rejects with `port-taken`, `registration-mismatch`. */
  start(host: HomeserverHost): Promise<void>;
  /** Takes no further transactions (answers 503), lets sends finish for `drainMs`, closes. */
  stop(drainMs: number): Promise<void>;

  /** Pure and total: what an event means to us; undefined when nothing. */
  interpret(event: MatrixEvent): Interpreted | undefined;
  /** Pure. One part per event. The event carries `dev.trestle.origin` and, for a text of several parts, its place among them. */
  plan(room: RoomId, action: Action<EventId>, author: RemoteAuthor, lookup: Lookup): Part[];
  /**
   * Sends one part as the author's ghost (`service` authors: as the bot), registering, naming and joining it first if needed.
   * The transaction id is made of `key`: the same part twice is one event, also across restarts of either side. With `again`,
   * it may have been sent before with an outcome that we do not know, perhaps longer ago than the server remembers.
   */
  sendPart(room: RoomId, part: Part, author: RemoteAuthor, key: PartKey, again?: Again): Promise<EventId>;
  /** A notice by the bot; `dev.trestle.control` marks it so that no bridge carries it. `toward` mentions a person. */
  notify(
    room: RoomId,
    text: string,
    key: string,
    toward?: { readonly user?: UserId; readonly event?: EventId },
  ): Promise<EventId>;

  /** Reads before it writes: equal state is never put twice. As the author's ghost if it may, else the bot. */
  applyRoom(room: RoomId, wanted: { readonly topic?: string }, author?: RemoteAuthor): Promise<void>;
  describeRoom(room: RoomId): Promise<RoomDescription>;
  /** The newest event of the room, whatever it is; undefined when it has none that we may see. */
  newestEvent(room: RoomId): Promise<EventId | undefined>;
  /** Display name in this room, fed by ingest, one request on a miss; the localpart when there is none. */
  nameOf(room: RoomId, user: UserId): Promise<string>;
  /** Power level of a user, `Infinity` for creators of version 12 rooms. */
  powerOf(
    room: RoomId,
    user: UserId,
  ): Promise<{ readonly level: number; readonly stateDefault: number; readonly redact: number }>;
  joinRoom(roomOrAlias: string): Promise<RoomId>;
  leaveRoom(room: RoomId, who: UserId): Promise<void>;
  createDirectRoom(user: UserId): Promise<RoomId>;

  /** The ghost's id for a remote user, and the way back. Pure. */
  ghostOf(author: Pick<RemoteAuthor, "network" | "id">): UserId;
  authorOf(user: UserId): Pick<RemoteAuthor, "network" | "id"> | undefined;
  /** A remote user got another name (or another id: `was`): renames the ghost when it exists. */
  renameGhost(author: RemoteAuthor, was?: RemoteAuthor["id"]): Promise<void>;
  leaveGhost(author: Pick<RemoteAuthor, "network" | "id">, room: RoomId): Promise<void>;

  status(): HomeserverStatus;
}

export interface HomeserverHost {
  /** Events not our own, in order; resolves once durable (then, and only then, the transaction is answered). Unique by event id. */
  take(events: readonly MatrixEvent[]): Promise<void>;
  /** Typing, receipts: idempotent, not stored. */
  ephemeral(event: EphemeralEvent): void;
  /** Rooms of active portals, for gap repair. */
  repairRooms(): Promise<readonly RepairRoom[]>;
  /** Which of these are known already (journal or message map). */
  known(room: RoomId, events: readonly EventId[]): Promise<ReadonlySet<EventId>>;
}

/** How far a linked room is known. Without `lastEvent` and `floor` there is nothing to repair. */
export interface RepairRoom {
  readonly room: RoomId;
  /** The last event taken from it, and when. */
  readonly lastEvent?: EventId;
  readonly lastAtMs?: number;
  /** The room's newest event when the link was made or resumed: neither it nor what is before it was ever ours to carry. */
  readonly floor?: EventId;
}

/** An event as the client-server API gives it (spec: ClientEvent), unchecked. */
export interface MatrixEvent {
  readonly event_id: EventId;
  readonly room_id: RoomId;
  readonly sender: UserId;
  readonly type: string;
  readonly state_key?: string;
  readonly origin_server_ts: number;
  readonly content: Readonly<Record<string, unknown>>;
  readonly redacts?: EventId;
  readonly unsigned?: Readonly<Record<string, unknown>>;
  /** Ours: found by gap repair, not pushed. */
  readonly "dev.trestle.late"?: boolean;
}

export interface EphemeralEvent {
  readonly type: string;
  readonly room_id?: RoomId;
  readonly content: Readonly<Record<string, unknown>>;
}

export type Interpreted =
  | { readonly kind: "action"; readonly action: Action<EventId> }
  /** A text meant for the bot rather than the room; `text` is the plain body. */
  | { readonly kind: "room-changed"; readonly topic?: string; readonly name?: string }
  | {
      readonly kind: "membership";
      readonly user: UserId;
      readonly membership: string;
      readonly reason?: string;
      readonly direct: boolean;
      readonly name?: string;
    }
  | { readonly kind: "encryption" }
  | { readonly kind: "encrypted-message" }
  | { readonly kind: "tombstone"; readonly replacement?: RoomId };

export interface RoomDescription {
  readonly name?: string;
  readonly topic?: string;
  readonly encrypted: boolean;
  readonly version: string;
  /** Members that are neither our bot nor our ghosts. */
  readonly people: readonly UserId[];
  readonly direct: boolean;
}

export interface HomeserverStatus {
  readonly state: "starting" | "up" | "away";
  readonly detail?: string;
  /** Age of the last canary that came back; undefined before the first. */
  readonly canaryAgeMs?: number;
  readonly canaryOverdue: boolean;
  readonly lastTransactionAtMs?: number;
}
