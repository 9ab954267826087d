/**
 * What a command is: declared once, served in chat and by the command line. A command answers with text; what it may do is
 * in the context it is handed, nothing more.
 */

import type { Log } from "../ambient.ts";
import type { BridgeStatus, Level } from "../bridge.ts";
import type { Connector } from "../connector.ts";
import type { Homeserver } from "../homeserver.ts";
import type { EventId, NetworkId, RoomId, UserId } from "../ids.ts";
import type { Lanes } from "../lanes.ts";
import type { Links } from "../links.ts";
import type { Persons } from "../persons.ts";
import type { Router } from "../router.ts";
import type { JournalStore, KeyValueStore } from "../store.ts";

export interface CommandIssuer {
  /** Undefined: the admin of this machine, at the command line. */
  readonly user?: UserId;
  /** The room it was typed in; a room named as the first word wins for an admin. */
  readonly room?: RoomId;
  /** The event it was said by. */
  readonly event?: EventId;
  /** Whether nobody but him reads the answer. */
  readonly direct?: boolean;
  /** A secret was taken out of what he said; `secret` holds it, when it could be kept. */
  readonly sealed?: boolean;
  readonly secret?: string;
  readonly levelIn: (network: NetworkId | undefined) => Level;
}

export interface CommandContext {
  readonly issuer: CommandIssuer;
  readonly prefix: string;
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly router: Router;
  readonly links: Links;
  readonly lanes: Lanes;
  readonly journal: JournalStore;
  readonly persons: Persons;
  readonly kv: KeyValueStore;
  readonly log: Log;
  readonly spaceOf: (network: NetworkId) => Promise<RoomId | undefined>;
  readonly status: () => Promise<BridgeStatus>;
  readonly nowMs: number;
}

export interface Command {
  readonly name: string;
  /** As shown in the help: `<network> <chat>`. */
  readonly usage: string;
  readonly summary: string;
  readonly level: Level;
  /** Rejects with a BridgeError, or answers; both are shown to the issuer. */
  run(words: readonly string[], context: CommandContext): Promise<string>;
}
