/** What both ways of pushing share: the queue of one appservice as the rest of the server sees it. */
import type { JsonObject, StoredEvent } from "./event.ts";

export interface PushQueue {
  /** An event that concerns this appservice. */
  offer(event: StoredEvent): void;
  offerEphemeral(edu: JsonObject): void;
  /** Some appservice got an event: what waits only for that may go on. */
  wake(): void;
  /** A ping came through. */
  pinged(): void;
  /** The server goes down; what only memory held is gone after this. `clean`: SIGTERM, it could still write. */
  halt(clean: boolean): void;
  /** The server is up again. */
  boot(): void;
}

/** Sends one transaction and says whether it counts as delivered. */
export type Transmit = (txnId: string, body: JsonObject) => Promise<boolean>;
