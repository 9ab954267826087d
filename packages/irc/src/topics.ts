/**
 * Which topic of each chat the core was last told of, so that a topic changed while we were away is noticed at our return and an
 * unchanged one costs nothing.
 */
import type { KeyValueStore, Log, NetworkId } from "@trestle/core";

export interface Topics {
  load(): Promise<void>;
  /** True when this is news; it is remembered as told. */
  isNews(chat: string, topic: string): boolean;
  forget(chat: string): void;
}

/** Builds the memory of one network; `load` before anything else. */
export function createTopics(options: { network: NetworkId; kv: KeyValueStore; log: Log }): Topics {
  const { network, kv, log } = options;
  const prefix = `irc-topic/${network}/`;
  const told = new Map<string, string>();
  const quietly = (promise: Promise<void>): void => {
    promise.catch((error: unknown) => log.error({ network, error: String(error) }, "a topic could not be remembered"));
  };
  return {
    async load() {
      for (const { key, value } of await kv.list(prefix)) told.set(key.slice(prefix.length), value);
    },
    isNews(chat, topic) {
      if ((told.get(chat) ?? "") === topic) return false;
      told.set(chat, topic);
      quietly(kv.put(prefix + chat, topic));
      return true;
    },
    forget(chat) {
      told.delete(chat);
      quietly(kv.remove(prefix + chat));
    },
  };
}
