/**
 * Where each linked room stood when the homeserver was first seen away. Until a room's gap from there was fetched, what is pushed
 * from it waits for that: servers push the newest first and bring what came before late or never, and order per room must hold.
 */
import type { Clock, HomeserverHost, Log, RepairRoom, RoomId } from "@trestle/core";
import type { GapRepair } from "./gap-repair.ts";

export interface Marks {
  /** Remembers now up to where each room was taken; an older mark of a room that was not repaired yet stays. */
  mark(): void;
  /** Resolves when every `mark` so far is taken. */
  marked(): Promise<void>;
  /** Before what was pushed from these rooms is taken: undefined when nothing older can be missing. */
  inOrder(rooms: ReadonlySet<RoomId>): Promise<void> | undefined;
  /** Repairs every marked room; gives how many could not be read and stay marked. */
  repair(): Promise<number>;
}

export interface MarksOptions {
  readonly repair: Pick<GapRepair, "repair">;
  readonly host: Pick<HomeserverHost, "repairRooms">;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** So long a transaction may wait for the gaps of its rooms: servers wait 30 s and more for our answer. */
const patienceMs = 10_000;

export function createMarks({ repair, host, clock, log, signal }: MarksOptions): Marks {
  const marks = new Map<RoomId, RepairRoom>();
  let marking: Promise<void> = Promise.resolve();
  let underWay = 0;
  /** Rooms of these marks were fetched already, because something was pushed from them. */
  const caughtUp = new Map<RepairRoom, Promise<unknown>>();

  async function take(): Promise<void> {
    try {
      // The same place, but another mark: what fetched up to here knows nothing of this absence.
      for (const room of await host.repairRooms()) marks.set(room.room, { ...(marks.get(room.room) ?? room) });
    } catch (error) {
      log.error({ error }, "could not read up to where the rooms were taken");
    } finally {
      underWay -= 1;
    }
  }

  async function catchUp(rooms: ReadonlySet<RoomId>): Promise<void> {
    await marking;
    const fetching = [...rooms].flatMap((room) => {
      const mark = marks.get(room);
      if (mark === undefined) return [];
      const fetched = caughtUp.get(mark) ?? repair.repair([mark]);
      caughtUp.set(mark, fetched);
      return [fetched];
    });
    if (fetching.length === 0) return;
    const over = new AbortController();
    const patience = clock.wait(patienceMs, AbortSignal.any([signal, over.signal]));
    await Promise.race([Promise.all(fetching), patience]);
    over.abort();
  }

  return {
    mark() {
      underWay += 1;
      marking = marking.then(take);
    },
    marked: () => marking,
    inOrder: (rooms) => (marks.size === 0 && underWay === 0 ? undefined : catchUp(rooms)),
    async repair() {
      await marking;
      const rooms = [...marks.values()];
      const failed = await repair.repair(rooms);
      for (const mark of rooms) {
        caughtUp.delete(mark);
        if (!failed.includes(mark) && marks.get(mark.room) === mark) marks.delete(mark.room);
      }
      return failed.length;
    },
  };
}
