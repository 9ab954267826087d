/** What a portal's row holds as JSON: since when it carries, and how its room came to be. */
import type { EventId, RoomId } from "./ids.ts";
import type { PortalRow } from "./store.ts";

export interface PortalSettings {
  /** Since when the link carries, by our clock. */
  readonly sinceMs?: number;
  /** The newest event of the room then: gap repair goes no further back. */
  readonly floor?: EventId;
  /** When the room took the place of the last of `formerRooms`: older messages are there. */
  readonly movedAtMs?: number;
  /** Rooms that the link lived in before, oldest first. */
  readonly formerRooms?: readonly RoomId[];
}

export const settingsOf = (row: Pick<PortalRow, "settings">): PortalSettings =>
  JSON.parse(row.settings) as PortalSettings;

export const floorOf = (row: PortalRow): EventId | undefined => settingsOf(row).floor;
export const activeSinceMs = (row: PortalRow): number => settingsOf(row).sinceMs ?? row.createdAtMs;
export const movedAtMsOf = (row: PortalRow): number | undefined => settingsOf(row).movedAtMs;
export const formerRoomsOf = (row: PortalRow): readonly RoomId[] => settingsOf(row).formerRooms ?? [];
