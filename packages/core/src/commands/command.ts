/**
 * What a command is: declared once, served in chat and by the command line. A command answers with text; what it may do is
 * in the context it is handed, nothing more.
 */
import type { BridgeStatus, Level } from "../bridge.ts";
import type { Connector } from "../connector.ts";
import type { Homeserver } from "../homeserver.ts";
import type { NetworkId, RoomId, UserId } from "../ids.ts";
import type { Lanes } from "../lanes.ts";
import type { Links } from "../links.ts";
import type { Router } from "../router.ts";
import type { JournalStore } from "../store.ts";

export interface CommandIssuer {
  /** Undefined: the admin of this machine, at the command line. */
  readonly user?: UserId;
  /** The room it was typed in; a room named as the first word wins for an admin. */
  readonly room?: RoomId;
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
