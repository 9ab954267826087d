/** Accounts, reactions, what expires and secrets over a memory disk. */
import type { Store } from "@trestle/core";
import type { MemoryDisk } from "./memory-disk.ts";
import { checkIds } from "./store-ids.ts";

type Run = <T>(step: () => T) => Promise<T>;

const pair = (a: string | number, b: string): string => JSON.stringify([a, b]);

export function createExtras(disk: MemoryDisk, run: Run): Pick<Store, "accounts" | "reactions" | "media" | "secrets"> {
  return {
    accounts: {
      list: () => run(() => [...disk.accounts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => ({ ...row }))),
      put: async (row) => {
        checkIds(row.network, row.remoteUser, row.user);
        const copy = { ...row };
        return run(() => void disk.accounts.set(pair(row.network, row.remoteUser), copy));
      },
      remove: (network, remoteUser) => run(() => void disk.accounts.delete(pair(network, remoteUser))),
    },
    reactions: {
      put: async (row) => {
        checkIds(row.event, row.target);
        const copy = { ...row };
        return run(() => void disk.reactions.set(pair(row.portal, row.event), copy));
      },
      get: (portal, event) =>
        run(() => {
          const row = disk.reactions.get(pair(portal, event));
          return row && { ...row };
        }),
      remove: (portal, event) => run(() => void disk.reactions.delete(pair(portal, event))),
      prune: (beforeMs) => run(() => forget(disk.reactions, (row) => row.atMs < beforeMs)),
    },
    media: {
      get: (key) => run(() => disk.media.get(key)?.value),
      put: async (key, value, expiresAtMs) => {
        checkIds(key);
        return run(() => void disk.media.set(key, { value, expiresAtMs }));
      },
      remove: (key) => run(() => void disk.media.delete(key)),
      prune: (nowMs) => run(() => forget(disk.media, (row) => row.expiresAtMs <= nowMs)),
    },
    secrets: {
      get: (name) => run(() => disk.secrets.get(name)),
      put: async (name, secret) => {
        checkIds(name);
        return run(() => void disk.secrets.set(name, secret));
      },
      remove: (name) => run(() => void disk.secrets.delete(name)),
      list: (prefix) => run(() => [...disk.secrets.keys()].filter((name) => name.startsWith(prefix)).sort()),
      reseal: () => run(() => 0),
    },
  };
}

function forget<Row>(map: Map<string, Row>, isOver: (row: Row) => boolean): number {
  const over = [...map].filter(([, row]) => isOver(row));
  for (const [key] of over) map.delete(key);
  return over.length;
}
