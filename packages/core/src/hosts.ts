/** Pieces of what the two ports are handed at their start. */
import type { Attachment } from "./attachment.ts";
import type { Connector } from "./connector.ts";
import { BridgeError } from "./errors.ts";
import type { Homeserver } from "./homeserver.ts";
import type { MediaStream } from "./media.ts";
import type { KeyValueStore } from "./store.ts";

/** Opens a file wherever it is: what passes from one room or chat to another of its own side has a source of that side. */
export const createOpener =
  (homeserver: Pick<Homeserver, "openMedia">, connector: Pick<Connector, "openMedia">) =>
  (file: Pick<Attachment, "source">): Promise<MediaStream> => {
    if (file.source.startsWith("mxc://")) return homeserver.openMedia(file);
    if (connector.openMedia !== undefined) return connector.openMedia(file);
    return Promise.reject(new BridgeError("media-gone", "this network has no files"));
  };

/** A part of the key-value store for one owner. */
export function scoped(kv: KeyValueStore, prefix: string): KeyValueStore {
  return {
    get: (key) => kv.get(prefix + key),
    put: (key, value) => kv.put(prefix + key, value),
    remove: (key) => kv.remove(prefix + key),
    list: async (start) =>
      (await kv.list(prefix + start)).map(({ key, value }) => ({ key: key.slice(prefix.length), value })),
  };
}
