/**
 * Which message is meant: a reference made in one room or chat, as the ids of the same message in another. A message is known
 * by where it was first said; its rows in portals that it only passes through are marked as said elsewhere, so that no id is
 * ever taken for one of a room or chat where it does not exist.
 */
import { clusterOf, isAt, type Place } from "./cluster.ts";
import type { EventId, PortalId, RemoteMessageId } from "./ids.ts";
import type { MessageMap } from "./message-map.ts";
import { chatOf, type Router } from "./router.ts";
import type { MessageRow, PortalRow } from "./store.ts";

/** Before an id that is not one of this portal's own room or chat. No id of a connector or of Matrix holds a control byte. */
const elsewhere = "\u001f";

/** As it stands in rows of a portal where it was not said. */
export const saidElsewhere = (origin: string): string => elsewhere + origin;
export const isElsewhere = (id: string): boolean => id.startsWith(elsewhere);
const plainOrigin = (origin: string): string => (isElsewhere(origin) ? origin.slice(elsewhere.length) : origin);

/** Whether the row holds an id on the side that the lane leads to. */
const leadsTo = (row: MessageRow, lane: "inward" | "outward"): boolean =>
  !isElsewhere(lane === "outward" ? row.remoteId : row.eventId);

export interface Identities {
  /** Rows of the message that `ref` is at `source`, usable in a lane of `target`; empty when it is not known there. */
  find(source: Place, ref: string, target: PortalRow, lane: "inward" | "outward"): Promise<readonly MessageRow[]>;
}

export function createIdentities(router: Router, messages: MessageMap): Identities {
  const at = (portal: PortalId, source: Place, ref: string): Promise<readonly MessageRow[]> =>
    "room" in source
      ? messages.findByEvent(portal, ref as EventId)
      : messages.findByRemote(portal, ref as RemoteMessageId);

  return {
    async find(source, ref, target, lane) {
      if (isAt(target, source)) {
        const rows = (await at(target.id, source, ref)).filter((row) => leadsTo(row, lane));
        if (rows.length > 0) return rows;
      }
      const cluster = clusterOf(router, source);
      if (cluster.length < 2) return [];
      const origin = await firstSaid(cluster.filter((row) => isAt(row, source)));
      if (origin === undefined) return [];
      const there: Place = lane === "outward" ? { chat: chatOf(target) } : { room: target.room };
      for (const row of cluster.filter((one) => isAt(one, there))) {
        for (const name of [origin, saidElsewhere(origin)]) {
          const rows = (await messages.findByOrigin(row.id, name)).filter((found) => leadsTo(found, lane));
          if (rows.length > 0) return rows;
        }
      }
      return [];

      async function firstSaid(rows: readonly PortalRow[]): Promise<string | undefined> {
        for (const row of rows) {
          const [found] = await at(row.id, source, ref);
          if (found !== undefined) return plainOrigin(found.origin);
        }
        return undefined;
      }
    },
  };
}
