/** What is said of a room in passing: who types (in memory only) and how far people have read. Told to syncs and appservices. */
import type { SandboxClock } from "./clock.ts";
import type { JsonObject } from "./event.ts";
import type { Room } from "./room.ts";

export interface Typing {
  /** `ms` 0: stopped. */
  set(room: Room, user: string, ms: number): void;
  read(room: Room, user: string, event: string): void;
  /** Of this room, as ephemeral events that came after the stream position. */
  since(room: Room, stream: number): JsonObject[];
  /** Whether something came after this position. */
  newest(room: Room): number;
  forget(): void;
}

export function createTyping(parts: {
  readonly clock: SandboxClock;
  readonly nextStream: () => number;
  readonly told: (room: Room, edu: JsonObject) => void;
}): Typing {
  const { clock, nextStream, told } = parts;
  const rooms = new Map<string, { readonly users: Map<string, AbortController>; stream: number }>();
  const newestReceipt = (room: Room): number => Math.max(0, ...[...room.receipts.values()].map(({ stream }) => stream));
  const changed = (room: Room): void => {
    const entry = rooms.get(room.id);
    if (!entry) return;
    entry.stream = nextStream();
    told(room, { type: "m.typing", room_id: room.id, content: { user_ids: [...entry.users.keys()] } });
  };
  return {
    set: (room, user, ms) => {
      const entry = rooms.get(room.id) ?? { users: new Map(), stream: 0 };
      rooms.set(room.id, entry);
      const was = entry.users.get(user);
      was?.abort();
      entry.users.delete(user);
      if (ms > 0) {
        const timer = new AbortController();
        entry.users.set(user, timer);
        void clock.wait(ms, timer.signal).then(() => {
          if (!timer.signal.aborted && entry.users.delete(user)) changed(room);
        });
      }
      if (ms > 0 !== (was !== undefined)) changed(room);
    },
    read: (room, user, event) => {
      const receipt = { event, ts: clock.now(), stream: nextStream() };
      room.receipts.set(user, receipt);
      told(room, {
        type: "m.receipt",
        room_id: room.id,
        content: { [event]: { "m.read": { [user]: { ts: receipt.ts } } } },
      });
    },
    since: (room, stream) => {
      const found: JsonObject[] = [];
      const entry = rooms.get(room.id);
      if (entry && entry.stream > stream)
        found.push({ type: "m.typing", content: { user_ids: [...entry.users.keys()] } });
      const fresh = [...room.receipts].filter(([, receipt]) => receipt.stream > stream);
      for (const [user, { event, ts }] of fresh)
        found.push({ type: "m.receipt", content: { [event]: { "m.read": { [user]: { ts } } } } });
      return found;
    },
    newest: (room) => Math.max(rooms.get(room.id)?.stream ?? 0, room.receipts.size === 0 ? 0 : newestReceipt(room)),
    forget: () => {
      for (const { users } of rooms.values()) for (const timer of users.values()) timer.abort();
      rooms.clear();
    },
  };
}
