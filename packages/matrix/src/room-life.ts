/** Upgrades, spaces, what rooms say of their bridges, members: not there yet. */
import { BridgeError, type Homeserver } from "@trestle/core";

export function createRoomLife(): Pick<
  Homeserver,
  | "redact"
  | "showReceipt"
  | "showStatus"
  | "applyMembers"
  | "applySpace"
  | "bridgesOf"
  | "announceBridge"
  | "followUpgrade"
> {
  const notYet = () => Promise.reject(new BridgeError("not-supported", "not there yet"));
  return {
    redact: notYet,
    showReceipt: () => Promise.resolve(),
    showStatus: () => Promise.resolve(),
    applyMembers: () => Promise.resolve(),
    applySpace: notYet,
    bridgesOf: () => Promise.resolve([]),
    announceBridge: () => Promise.resolve(),
    followUpgrade: () => Promise.resolve({ kind: "not-yet", why: "not there yet" }),
  };
}
