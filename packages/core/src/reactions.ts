/** Reactions of Matrix people, remembered by their events: in Matrix a reaction is taken back by redacting its event. */
import type { Action } from "./action.ts";
import type { MatrixEvent } from "./homeserver.ts";
import type { EventId } from "./ids.ts";
import type { PortalRow, ReactionStore } from "./store.ts";

export interface Reactions {
  remember(portal: PortalRow, event: MatrixEvent, action: Action<string>, nowMs: number): Promise<void>;
  /** The deletion of a reaction, as what it means; undefined when it deletes something else. */
  takenBack(portal: PortalRow, action: Action<string>): Promise<Action<string> | undefined>;
}

export function createReactions(store: ReactionStore): Reactions {
  return {
    async remember(portal, event, action, nowMs) {
      if (action.kind === "unreact") {
        // the redaction did its work; a second one finds nothing
        const redacted = event.redacts ?? event.content["redacts"];
        if (typeof redacted === "string") await store.remove(portal.id, redacted as EventId);
      }
      if (action.kind !== "react") return;
      await store.put({
        portal: portal.id,
        event: event.event_id,
        target: action.target as EventId,
        key: action.key,
        author: event.sender,
        atMs: nowMs,
      });
    },
    async takenBack(portal, action) {
      const [first] = action.kind === "delete" ? action.targets : [];
      const stored = first === undefined ? undefined : await store.get(portal.id, first as EventId);
      return stored === undefined ? undefined : { kind: "unreact", target: stored.target, key: stored.key };
    },
  };
}
