/**
 * What people decided about themselves: not to be bridged, and under which name they are shown. In memory, since it is asked of
 * each event; written through. On both sides: somebody of the network can say it as well.
 */
import type { Accounts } from "./accounts.ts";
import type { RemoteAuthor } from "./author.ts";
import type { NetworkId, RemoteUserId, UserId } from "./ids.ts";
import type { KeyValueStore } from "./store.ts";

/** All that is kept of a Matrix person besides his messages, accounts and token. */
export interface Preferences {
  /** Not to be bridged. */
  readonly out?: boolean;
  /** The name chosen for the other side. */
  readonly name?: string;
  /** When he had everything erased: what was said before it cannot be quoted to him any more. */
  readonly erasedAtMs?: number;
}

export interface People {
  load(): Promise<void>;
  of(user: UserId): Preferences;
  /** Replaces what is kept; an empty one is not kept at all. */
  put(user: UserId, preferences: Preferences): Promise<void>;
  /** Whether this somebody of the network said not to be bridged, here or as the Matrix person who he is. */
  isRemoteOut(author: Pick<RemoteAuthor, "network" | "id">): boolean;
  /** False when there are more than we can remember. */
  putRemote(author: Pick<RemoteAuthor, "network" | "id">, out: boolean): Promise<boolean>;
  /** His id became another one: what he decided holds for both. */
  renamed(author: Pick<RemoteAuthor, "network" | "id">, was: RemoteUserId): Promise<void>;
}

const prefix = "person/";
const remotePrefix = "person-there/";
/** Ids on a network cost nothing: somebody could decide for a million of his own. */
const remoteMax = 50_000;

const remoteKey = ({ network, id }: Pick<RemoteAuthor, "network" | "id">) => `${network}/${id}`;

export function createPeople(kv: KeyValueStore, accounts: Accounts): People {
  const known = new Map<UserId, Preferences>();
  const out = new Set<string>();

  const isOut = ({ network, id }: { readonly network: NetworkId; readonly id: RemoteUserId }): boolean => {
    if (out.has(remoteKey({ network, id }))) return true;
    const owner = accounts.ownerOf(network, id);
    return owner !== undefined && known.get(owner)?.out === true;
  };

  const putRemote: People["putRemote"] = async (author, wanted) => {
    const key = remoteKey(author);
    if (wanted && !out.has(key) && out.size >= remoteMax) return false;
    if (wanted) {
      out.add(key);
      await kv.put(remotePrefix + key, "out");
    } else {
      await kv.remove(remotePrefix + key);
      out.delete(key);
    }
    return true;
  };

  return {
    async load() {
      for (const { key, value } of await kv.list(prefix)) {
        known.set(key.slice(prefix.length) as UserId, JSON.parse(value) as Preferences);
      }
      for (const { key } of await kv.list(remotePrefix)) out.add(key.slice(remotePrefix.length));
    },
    of: (user) => known.get(user) ?? {},
    async put(user, preferences) {
      if (Object.keys(preferences).length === 0) {
        await kv.remove(prefix + user);
        known.delete(user);
        return;
      }
      known.set(user, preferences);
      await kv.put(prefix + user, JSON.stringify(preferences));
    },
    isRemoteOut: isOut,
    putRemote,
    async renamed(author, was) {
      if (author.id !== was && out.has(remoteKey({ network: author.network, id: was }))) await putRemote(author, true);
    },
  };
}
