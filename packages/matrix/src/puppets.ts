/** Acting for people as themselves: not there yet. */
import { BridgeError, type Puppets } from "@trestle/core";

export function createPuppets(): Puppets {
  return {
    has: () => false,
    login: () => Promise.reject(new BridgeError("not-supported", "not there yet")),
    beginGrant: () => Promise.resolve(undefined),
    logout: () => Promise.resolve(),
    check: () => Promise.resolve({ ok: false, problems: [] }),
  };
}
