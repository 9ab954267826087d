/** Which portals a room or a chat has: in memory, read on every event, written only by links.ts. */
import type { ChatKey, NetworkId, PortalId, RoomId } from "./ids.ts";
import { chatKeyText } from "./ids.ts";
import type { PortalRow } from "./store.ts";

export interface Router {
  put(row: PortalRow): void;
  get(id: PortalId): PortalRow | undefined;
  ofRoom(room: RoomId): readonly PortalRow[];
  ofChat(chat: ChatKey): readonly PortalRow[];
  ofNetwork(network: NetworkId): readonly PortalRow[];
  all(): readonly PortalRow[];
}

export const chatOf = (row: PortalRow): ChatKey =>
  row.owner === undefined
    ? { network: row.network, id: row.chat }
    : { network: row.network, id: row.chat, owner: row.owner };

const none: readonly PortalRow[] = [];

/** Rows in state `gone` are not kept. */
export function createRouter(): Router {
  const byId = new Map<PortalId, PortalRow>();
  const byRoom = new Map<RoomId, readonly PortalRow[]>();
  const byChat = new Map<string, readonly PortalRow[]>();

  const replaceIn = <K>(map: Map<K, readonly PortalRow[]>, key: K, row: PortalRow, keep: boolean) => {
    const others = (map.get(key) ?? none).filter((other) => other.id !== row.id);
    const rows = keep ? [...others, row].sort((a, b) => a.id - b.id) : others;
    if (rows.length === 0) map.delete(key);
    else map.set(key, rows);
  };

  return {
    put(row) {
      const keep = row.state !== "gone";
      const before = byId.get(row.id);
      // A link that moved to another room leaves the former one.
      if (before !== undefined && before.room !== row.room) replaceIn(byRoom, before.room, row, false);
      if (keep) byId.set(row.id, row);
      else byId.delete(row.id);
      replaceIn(byRoom, row.room, row, keep);
      replaceIn(byChat, chatKeyText(chatOf(row)), row, keep);
    },
    get: (id) => byId.get(id),
    ofRoom: (room) => byRoom.get(room) ?? none,
    ofChat: (chat) => byChat.get(chatKeyText(chat)) ?? none,
    ofNetwork: (network) => [...byId.values()].filter((row) => row.network === network),
    all: () => [...byId.values()],
  };
}
