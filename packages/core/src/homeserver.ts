/**
 * The port facing Matrix: all that the core knows of it. One implementation on real homeservers (packages/matrix) and one
 * in-process fake (packages/testing), held equal by `describeHomeserver`.
 */
import type { Action } from "./action.ts";
import type { Attachment } from "./attachment.ts";
import type { RemoteAuthor } from "./author.ts";
import type { Capabilities } from "./capabilities.ts";
import type { Lookup } from "./codec.ts";
import type { Again, Part } from "./connector.ts";
import type { EventId, NetworkId, PartKey, RoomId, UserId } from "./ids.ts";
import type { MediaStream } from "./media.ts";
import type { Puppets } from "./puppets.ts";

export interface Homeserver {
  /** The bot. */
  readonly userId: UserId;
  readonly serverName: string;
  readonly capabilities: Capabilities;
  readonly puppets: Puppets;

  /** Binds the port, then registers the bot, pings, sends the canary and repairs gaps in the background. Rejects with `port-taken`, `registration-mismatch`. */
  start(host: HomeserverHost): Promise<void>;
  /** Takes no further transactions (answers 503), lets sends finish for `drainMs`, closes. */
  stop(drainMs: number): Promise<void>;

  /** Pure and total: what an event means to us; undefined when nothing. */
  interpret(event: MatrixEvent): Interpreted | undefined;
  /** Pure. One part per event. The event carries `dev.trestle.origin` and, for a text of several parts, its place among them. */
  plan(room: RoomId, action: Action<EventId>, author: RemoteAuthor, lookup: Lookup): Part[];
  /**
   * Sends one part as the author's ghost (`service` authors: as the bot; an author with a `puppet` that we may act for: as that
   * person), registering, naming and joining it first if needed. A part that is a file streams it from `host.openMedia`.
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

  /** Takes back an event of somebody: the bot does it. Rejects with `not-permitted` when it may not. */
  redact(room: RoomId, event: EventId, key: string, reason?: string): Promise<void>;
  /** Shows that this event went across (or waits, or did not): a receipt by the bot, a status event for clients that show it. */
  showReceipt(room: RoomId, event: EventId): Promise<void>;
  showStatus(room: RoomId, event: EventId, status: SendStatus, key: string): Promise<void>;

  /** Streams a file by its `mxc:` source. Rejects with `media-gone`, `homeserver-unreachable`. */
  openMedia(attachment: Pick<Attachment, "source">): Promise<MediaStream>;
  /**
   * A signed, expiring address under which anybody may fetch the file of this event, or its text (`what`); the same event gives
   * the same address. Undefined where the config offers none.
   */
  publish(event: MatrixEvent, what: "file" | "text"): Promise<string | undefined>;

  /** Reads before it writes: equal state is never put twice. As the author's ghost if it may, else the bot. */
  applyRoom(room: RoomId, wanted: RoomWanted, author?: RemoteAuthor): Promise<void>;
  /** Ghosts of this network in the room become these: who is missing joins, who is too much leaves, paced; resolves when done. */
  applyMembers(room: RoomId, network: NetworkId, wanted: readonly RemoteAuthor[]): Promise<void>;
  /** A space of ours with these rooms in this order; made at the first call for `key`. */
  applySpace(key: string, wanted: { readonly name: string; readonly rooms: readonly RoomId[] }): Promise<RoomId>;
  /** What this room says of bridges in it, whoever put it there (MSC2346, `m.bridge` and `uk.half-shot.bridge`). */
  bridgesOf(room: RoomId): Promise<readonly BridgeInfo[]>;
  /** Says it of our own link, under both names, or takes it back. */
  announceBridge(room: RoomId, info: BridgeInfo, state: "linked" | "gone"): Promise<void>;
  /** Joins what a tombstone points at, once its predecessor proves it. */
  followUpgrade(tombstone: MatrixEvent): Promise<Upgrade>;
  /** Takes what was said in a room before it became ours (`repairRooms` names it by now), as after an outage. */
  catchUp(room: RoomId): Promise<void>;
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
  /** By the bot; somebody who is in there or invited already is no error. */
  invite(room: RoomId, user: UserId): Promise<void>;
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
  /** Typing, receipts, of others than our own ghosts: idempotent, not stored. */
  ephemeral(event: EphemeralEvent): void;
  /** Streams a file of the network, to be uploaded. */
  openMedia(attachment: Pick<Attachment, "source">): Promise<MediaStream>;
  /** We can no longer act for this person. */
  puppetLost(user: UserId, why: string): void;
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

export type EphemeralEvent =
  /** Everybody who types in this room now. */
  | { readonly kind: "typing"; readonly room: RoomId; readonly users: readonly UserId[] }
  | { readonly kind: "read"; readonly room: RoomId; readonly user: UserId; readonly upTo: EventId };

/** What a sender said to be for this one message (MSC4144): a name that others gave themselves, never an identity. */
export interface Persona {
  readonly id: string;
  readonly name?: string;
  readonly avatar?: string;
}

export interface SendStatus {
  readonly state: "pending" | "delivered" | "failed";
  readonly network: NetworkId;
  /** For people. */
  readonly reason?: string;
  /** Whether asking again can help. */
  readonly retriable?: boolean;
}

export interface RoomWanted {
  readonly topic?: string;
  readonly name?: string;
  readonly avatar?: Pick<Attachment, "source" | "mimeType">;
}

/** One bridge of a room, as MSC2346 words it. */
export interface BridgeInfo {
  /** `irc` */
  readonly protocol: string;
  /** Our slug or the other bridge's word for it, and a name for people. */
  readonly network: string;
  readonly channel: string;
  readonly channelName?: string;
  readonly bot: UserId;
  /** Who linked it. */
  readonly creator?: UserId;
}

export type Upgrade =
  /** `created`: the new room's first event; nothing before it was ever ours. */
  | { readonly kind: "followed"; readonly room: RoomId; readonly created: EventId }
  /** Not invited yet, or the server is away: ask again later. */
  | { readonly kind: "not-yet"; readonly why: string }
  /** The room it points at does not name this one as its predecessor, or who placed it could not. */
  | { readonly kind: "refused"; readonly why: string };

export type Interpreted =
  | { readonly kind: "action"; readonly action: Action<EventId>; readonly persona?: Persona }
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
