/** What gap repair asks of us: how far each linked room is known, and which of its events are. */
import type { HomeserverHost, RepairRoom } from "./homeserver.ts";
import { isElsewhere } from "./identity.ts";
import type { EventId, JobKey, RoomId } from "./ids.ts";
import type { Intake } from "./intake.ts";
import { activeSinceMs, floorOf, movedAtMsOf } from "./portal-settings.ts";
import type { Router } from "./router.ts";
import type { MessageRow, PortalRow, Store } from "./store.ts";

export function createRepairView(
  store: Pick<Store, "journal" | "messages">,
  router: Router,
  intake: Intake,
): Pick<HomeserverHost, "repairRooms" | "known"> {
  return {
    async repairRooms() {
      const rooms = new Map<RoomId, PortalRow>();
      // Of several links of one room the youngest counts: what a later one may not carry is not fetched for an earlier one.
      for (const row of router.all()) {
        const other = rooms.get(row.room);
        if (row.state !== "active" || (other !== undefined && activeSinceMs(other) > activeSinceMs(row))) continue;
        rooms.set(row.room, row);
      }
      return Promise.all([...rooms.values()].map((row) => lastTaken(store, row)));
    },
    async known(room, events) {
      const eventOf = new Map<JobKey, EventId>(
        events.flatMap((event) => intake.keysOf(room, event).map((key) => [key, event])),
      );
      const jobs = await store.journal.find([...eventOf.keys()]);
      return new Set(jobs.map((job) => eventOf.get(job.key)).filter((event) => event !== undefined));
    },
  };
}

/** The newest event of a room that we surely know, and when; before any, the time of the link. */
async function lastTaken({ messages }: Pick<Store, "messages">, row: PortalRow): Promise<RepairRoom> {
  const floor = floorOf(row);
  const known = { room: row.room, ...(floor === undefined ? {} : { floor }) };
  const [out] = (await messages.recent(row.id, "outward", recentLooked)).filter(isHere(row));
  const [into] = (await messages.recent(row.id, "inward", recentLooked)).filter(isHere(row));
  const last = out === undefined || (into !== undefined && into.sentAtMs > out.sentAtMs) ? into : out;
  if (last === undefined) return { ...known, lastAtMs: row.createdAtMs };
  return { ...known, lastEvent: last.eventId, lastAtMs: last.sentAtMs };
}

/** Of a link that also carries what others say, the newest rows may be theirs; then the patrol finds what is newer. */
const recentLooked = 5;

/** Whether the event is one of the portal's present room. */
const isHere =
  (row: PortalRow) =>
  ({ eventId, sentAtMs }: MessageRow): boolean =>
    !isElsewhere(eventId) && sentAtMs >= (movedAtMsOf(row) ?? 0);
