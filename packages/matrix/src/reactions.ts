/** Finds somebody's own reaction to an event, which nobody needs to have remembered. Bounded paging. */
import { type EventId, eventId, type RoomId, type UserId } from "@trestle/core";
import type { Client, JsonObject } from "./client.ts";

const pagesMax = 10;

export async function findReaction(
  client: Client,
  {
    room,
    target,
    key,
    as,
    by = as,
  }: {
    readonly room: RoomId;
    readonly target: string;
    readonly key: string;
    readonly as: UserId;
    /** Whose reaction, when another one reads. */
    readonly by?: UserId;
  },
): Promise<EventId | undefined> {
  const path = `/_matrix/client/v1/rooms/${encodeURIComponent(room)}/relations/${encodeURIComponent(target)}/m.annotation/m.reaction`;
  let from: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const query = `limit=100${from === undefined ? "" : `&from=${encodeURIComponent(from)}`}`;
    const answer = await client.call({ method: "GET", path, query, as });
    const chunk: unknown[] = Array.isArray(answer["chunk"]) ? answer["chunk"] : [];
    for (const entry of chunk) {
      const {
        sender,
        content,
        event_id: id,
      } = (entry ?? {}) as { sender?: unknown; content?: unknown; event_id?: unknown };
      const relates = (content as JsonObject | undefined)?.["m.relates_to"] as JsonObject | undefined;
      if (sender === by && relates?.["key"] === key && typeof id === "string") return eventId(id);
    }
    const next = answer["next_batch"];
    if (typeof next !== "string" || chunk.length === 0) return undefined;
    from = next;
  }
  return undefined;
}
