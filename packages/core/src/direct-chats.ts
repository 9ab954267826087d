/** Which rooms are direct chats of one person with the bot: in memory, since it is asked of each event; written through. */
import { asBridgeError } from "./errors.ts";
import type { Homeserver } from "./homeserver.ts";
import type { RoomId, UserId } from "./ids.ts";
import type { KeyValueStore } from "./store.ts";

export interface DirectChats {
  load(): Promise<void>;
  has(room: RoomId): boolean;
  add(room: RoomId, user: UserId): Promise<void>;
  remove(room: RoomId): Promise<void>;
  /** The chat of this person and the bot; a new one when there is none. */
  of(user: UserId): Promise<RoomId>;
}

const prefix = "direct/";

export function createDirectChats(kv: KeyValueStore, homeserver: Homeserver): DirectChats {
  const rooms = new Set<RoomId>();

  const add: DirectChats["add"] = async (room, user) => {
    rooms.add(room);
    await kv.put(prefix + room, user);
  };

  const isIn = async (room: RoomId, user: UserId): Promise<boolean> => {
    try {
      return (await homeserver.describeRoom(room)).people.includes(user);
    } catch (thrown) {
      if (asBridgeError(thrown).retry !== "never") throw thrown;
      return false;
    }
  };

  return {
    async load() {
      for (const { key } of await kv.list(prefix)) rooms.add(key.slice(prefix.length) as RoomId);
    },
    has: (room) => rooms.has(room),
    add,
    async remove(room) {
      if (rooms.delete(room)) await kv.remove(prefix + room);
    },
    async of(user) {
      for (const { key, value } of (await kv.list(prefix)).reverse()) {
        const room = key.slice(prefix.length) as RoomId;
        // Nobody reads what is said in a chat that he has left.
        if (value === user && (await isIn(room, user))) return room;
      }
      const room = await homeserver.createDirectRoom(user);
      await add(room, user);
      return room;
    },
  };
}
