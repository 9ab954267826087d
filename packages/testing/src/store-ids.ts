/** The bound every store puts on ids: database indices cannot hold longer ones, and no network has them honestly. */
import { BridgeError } from "@trestle/core";

/** Longest id (event, message, user, job key) that a store takes, in UTF-8 bytes. */
export const idBytesMax = 1000;

/** Throws `event-too-large` when one of these is longer than an id may be. */
export function checkIds(...ids: readonly string[]): void {
  for (const id of ids) {
    if (id.length * 3 > idBytesMax && Buffer.byteLength(id) > idBytesMax) {
      throw new BridgeError("event-too-large", `an id of ${Buffer.byteLength(id)} bytes`);
    }
  }
}
