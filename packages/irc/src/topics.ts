/**
 * Which topic of each chat the core was last told of, so that a topic changed while we were away is noticed at our return and an
 * unchanged one costs nothing.
 */
import type { ChatKey, KeyValueStore, Log, NetworkId, RemoteEvent } from "@trestle/core";

export interface Topics {
  load(): Promise<void>;
  /** Tells the core if this is news, by this event if there is one. */
  tell(chat: ChatKey, topic: string, event?: RemoteEvent): void;
  /** The core knows already: it was its own wish. */
  know(chat: ChatKey, topic: string): void;
  forget(chat: string): void;
}

export interface TopicsOptions {
  readonly network: NetworkId;
  readonly kv: KeyValueStore;
  readonly log: Log;
  readonly newKey: () => string;
  readonly push: (event: RemoteEvent, chat: ChatKey) => void;
}

/** Builds the memory of one network; `load` before anything else. */
export function createTopics(options: TopicsOptions): Topics {
  const { network, kv, log } = options;
  const prefix = `irc-topic/${network}/`;
  const told = new Map<string, string>();
  const quietly = (promise: Promise<void>): void => {
    promise.catch((error: unknown) => log.error({ network, error: String(error) }, "a topic could not be remembered"));
  };
  const isNews = (chat: string, topic: string): boolean => {
    if ((told.get(chat) ?? "") === topic) return false;
    told.set(chat, topic);
    quietly(kv.put(prefix + chat, topic));
    return true;
  };

  return {
    async load() {
      for (const { key, value } of await kv.list(prefix)) told.set(key.slice(prefix.length), value);
    },
    tell(chat, topic, event) {
      if (!isNews(chat.id, topic)) return;
      options.push(event ?? { kind: "chat-changed", chat, key: `topic/${network}/${options.newKey()}` }, chat);
    },
    know: (chat, topic) => void isNews(chat.id, topic),
    forget(chat) {
      told.delete(chat);
      quietly(kv.remove(prefix + chat));
    },
  };
}
