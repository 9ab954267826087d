/** Files of the homeserver: not carried yet. */
import { BridgeError, type Homeserver } from "@trestle/core";

export function createMedia(): Pick<Homeserver, "openMedia" | "publish"> {
  return {
    openMedia: () => Promise.reject(new BridgeError("not-supported", "not there yet")),
    publish: () => Promise.resolve(undefined),
  };
}
