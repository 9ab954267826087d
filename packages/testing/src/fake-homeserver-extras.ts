/** What of the homeserver port the fake does not have yet. */
import { BridgeError, type Homeserver } from "@trestle/core";

const notYet = (): never => {
  throw new BridgeError("not-supported", "the fake homeserver has none of this yet");
};

export function createHomeserverExtras(): Pick<
  Homeserver,
  "showReceipt" | "showStatus" | "applyMembers" | "applySpace" | "bridgesOf" | "announceBridge" | "followUpgrade"
> {
  return {
    showReceipt: async () => undefined,
    showStatus: async () => undefined,
    applyMembers: async () => undefined,
    applySpace: async () => notYet(),
    bridgesOf: async () => [],
    announceBridge: async () => undefined,
    followUpgrade: async () => ({ kind: "not-yet", why: "the fake does not upgrade rooms yet" }),
  };
}
