/**
 * Idempotency of PUTs. Synapse and Dendrite: by the request's path and its appservice (not the ghost), in memory for 30 to 60
 * minutes, gone with a restart; Synapse with a device also in the database; Dendrite only once the first one was answered.
 * Conduit and its descendants: by user, device and transaction id (not the room, not the type), in the database for ever.
 */
import type { SandboxClock } from "./clock.ts";
import type { Database } from "./database.ts";
import type { Profile } from "./profile.ts";
import type { Requester } from "./requester.ts";
import { ownerOf } from "./route.ts";

export interface TransactionIds {
  /** The event this request made before, else what `make` makes now; a promise where the answer takes its time. */
  once(who: Requester, room: string, path: string, txnId: string, make: () => string): string | Promise<string>;
  /** Redactions: kept by path on Synapse and Dendrite, not at all on Conduit. */
  onceByPath(who: Requester, path: string, make: () => string): string;
  /** What a restart forgets. */
  forget(): void;
}

const generationMs = 30 * 60_000;
/** Real milliseconds between Dendrite's making of an event and its answer; until then it knows nothing of it. */
const unknownMs = 12;

export function createTransactionIds(profile: Profile, clock: SandboxClock, database: Database): TransactionIds {
  let young = new Map<string, string>();
  let old = new Map<string, string>();
  let turnAtMs = clock.now() + generationMs;

  const knownInMemory = (key: string): string | undefined => {
    if (clock.now() >= turnAtMs || young.size > 1_000_000) {
      old = young;
      young = new Map();
      turnAtMs = clock.now() + generationMs;
    }
    return young.get(key) ?? old.get(key);
  };
  const onceInMemory = (key: string, make: () => string): string => {
    const known = knownInMemory(key);
    if (known !== undefined) return known;
    const made = make();
    young.set(key, made);
    return made;
  };
  const onceAnswered = async (key: string, make: () => string): Promise<string> => {
    const known = knownInMemory(key);
    if (known !== undefined) return known;
    const made = make();
    const generation = young;
    await new Promise((resolve) => setTimeout(resolve, unknownMs));
    generation.set(key, made);
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
      if (profile.concurrentPutsDouble) return onceAnswered(`${ownerOf(who)} ${path}`, make);
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
