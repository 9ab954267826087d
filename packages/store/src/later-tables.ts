/** Tables of the second schema: not there yet. */
import { BridgeError, type Store } from "@trestle/core";

const notYet = () => Promise.reject(new BridgeError("database-failed", "this table is not there yet"));

export const laterTables: Pick<Store, "accounts" | "reactions" | "media" | "secrets"> = {
  accounts: { list: () => Promise.resolve([]), put: notYet, remove: notYet },
  reactions: { put: notYet, get: () => Promise.resolve(undefined), remove: notYet, prune: () => Promise.resolve(0) },
  media: { get: () => Promise.resolve(undefined), put: notYet, remove: notYet, prune: () => Promise.resolve(0) },
  secrets: {
    get: () => Promise.resolve(undefined),
    put: notYet,
    remove: notYet,
    list: () => Promise.resolve([]),
    reseal: () => Promise.resolve(0),
  },
};
