/** The assembled bridge as its composition root (packages/runtime) and the journey tests see it. */
import type { Clock, Log, Meter } from "./ambient.ts";
import type { Connector, NetworkStatus } from "./connector.ts";
import type { Homeserver, HomeserverStatus } from "./homeserver.ts";
import type { UserId } from "./ids.ts";
import type { Store } from "./store.ts";

export interface BridgeOptions {
  readonly store: Store;
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly settings: BridgeSettings;
}

export type Level = "block" | "relay" | "user" | "moderator" | "admin";

export interface BridgeSettings {
  /** Who may do what; the most specific actor wins (user, then room, then domain, then `*`). */
  readonly permissions: readonly { readonly actor: string; readonly network?: string; readonly level: Level }[];
  /** Links that the config asks for. */
  readonly links: readonly { readonly room: string; readonly network: string; readonly chat: string }[];
  /** Bots and ghost patterns (anchored regular expressions) of the other spans on this homeserver. */
  readonly siblings: readonly { readonly bot: UserId; readonly ghosts: string }[];
  /** How long texts for quotes and edit diffs are kept; 0: not at all. */
  readonly textRetentionMs: number;
  /** How long finished jobs are remembered for dedupe. */
  readonly doneRetentionMs: number;
  /** Reactions as short notices where the network has none. */
  readonly reactionNotices: boolean;
  /** Read receipts of the bot as "delivered" marks. */
  readonly receipts: boolean;
  /** `com.beeper.message_send_status` events. */
  readonly statusEvents: boolean;
  /** Ghosts: only who speaks, everybody who is there, or nobody leaves or joins but by speaking. */
  readonly members: "lazy" | "full" | "off";
  /** A space per network that holds its linked rooms. */
  readonly spaces: boolean;
  /** Most queued jobs of one lane before the oldest are given up. */
  readonly laneJobsMax: number;
}

export interface Bridge {
  /** Opens nothing itself: starts the homeserver side, then the connector, then the lanes. Rejects with a BridgeError. */
  start(): Promise<void>;
  /** Stops taking, drains what is under way for at most `drainMs`, stops both sides. */
  stop(drainMs: number): Promise<void>;
  status(): Promise<BridgeStatus>;
  /** One command line as typed after the prefix (`status`, `retry 17`), by the admin of this machine. */
  command(line: string): Promise<string>;
}

export interface BridgeStatus {
  readonly homeserver: HomeserverStatus;
  readonly networks: readonly NetworkStatus[];
  readonly links: { readonly active: number; readonly paused: number };
  readonly jobs: {
    readonly queued: number;
    readonly parked: number;
    readonly dead: number;
    readonly oldestAgeMs?: number;
  };
  /** Ready: port bound, store open, canary back or not needed. */
  readonly ready: boolean;
}
