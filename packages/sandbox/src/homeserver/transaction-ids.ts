/**
 * Idempotency of PUTs. Synapse: by the request's path and its appservice (not the ghost), in memory for 30 to 60 minutes, gone
 * with a restart; with a device also in the database. Conduit: by user, device and transaction id (not the room, not
 * the type), in the database for ever.
 */
import type { SandboxClock } from "./clock.ts";
import type { Database } from "./database.ts";
import type { Profile } from "./profile.ts";
import type { Requester } from "./requester.ts";
import { ownerOf } from "./route.ts";

export interface TransactionIds {
  /** The event this request made before, else what `make` makes now. */
  once(who: Requester, room: string, path: string, txnId: string, make: () => string): string;
  /** Redactions: kept by path on Synapse, not at all on Conduit. */
  onceByPath(who: Requester, path: string, make: () => string): string;
  /** What a restart forgets. */
  forget(): void;
}

const generationMs = 30 * 60_000;

export function createTransactionIds(profile: Profile, clock: SandboxClock, database: Database): TransactionIds {
  let young = new Map<string, string>();
  let old = new Map<string, string>();
  let turnAtMs = clock.now() + generationMs;

  const onceInMemory = (key: string, make: () => string): string => {
    if (clock.now() >= turnAtMs || young.size > 1_000_000) {
      old = young;
      young = new Map();
      turnAtMs = clock.now() + generationMs;
    }
    const known = young.get(key) ?? old.get(key);
    if (known !== undefined) return known;
    const made = make();
    young.set(key, made);
    return made;
  };
  const onceInDatabase = (key: string, make: () => string): string => {
    const known = database.txns.get(key);
    if (known !== undefined) return known;
    const made = make();
    database.setTxn(key, made);
    return made;
  };

  return {
    once: (who, room, path, txnId, make) => {
      if (profile.txnScope === "device") return onceInDatabase(`${who.user} ${who.device ?? ""} ${txnId}`, make);
      const keep =
        who.device === undefined ? make : () => onceInDatabase(`${room} ${who.user} ${who.device} ${txnId}`, make);
      return onceInMemory(`${ownerOf(who)} ${path}`, keep);
    },
    onceByPath: (who, path, make) =>
      profile.txnScope === "device" ? make() : onceInMemory(`${ownerOf(who)} ${path}`, make),
    forget: () => {
      young = new Map();
      old = new Map();
    },
  };
}
