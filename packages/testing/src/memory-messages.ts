/** The message map over a memory disk. */
import type { EventId, MessageRow, NetworkId, PortalId, RemoteMessageId } from "@trestle/core";
import { type MemoryDisk, withoutUndefined } from "./memory-disk.ts";

const rowKey = (row: MessageRow): string => JSON.stringify([row.portal, row.lane, row.origin, row.part]);
const messageKey = (row: MessageRow): string => JSON.stringify([row.portal, row.lane, row.origin]);
const within = (portal: PortalId, id: string): string => JSON.stringify([portal, id]);

function index(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key) ?? new Set<string>();
  map.set(key, set.add(value));
}

/** Writes rows; one with the same portal, lane, origin and part is replaced. */
export function putMessages(disk: MemoryDisk, rows: readonly MessageRow[]): void {
  for (const row of rows) {
    const key = rowKey(row);
    const former = disk.messages.get(key);
    if (former) {
      disk.byEvent.get(within(former.portal, former.eventId))?.delete(key);
      disk.byRemote.get(within(former.portal, former.remoteId))?.delete(key);
    }
    disk.messages.set(key, withoutUndefined(row));
    index(disk.byEvent, within(row.portal, row.eventId), key);
    index(disk.byRemote, within(row.portal, row.remoteId), key);
    index(disk.byOrigin, messageKey(row), key);
  }
}

/** The text of a message is now this; undefined: it has none any more. */
export function setText(disk: MemoryDisk, portal: PortalId, origin: string, text: string | undefined): void {
  for (const lane of ["inward", "outward"] as const) {
    const key = JSON.stringify([portal, lane, origin, 0]);
    const row = disk.messages.get(key);
    if (row) disk.messages.set(key, withoutUndefined({ ...row, text }) as MessageRow);
  }
}

/** Every row of the messages named by these keys (portal, lane, origin), part 0 first. */
function wholeMessages(disk: MemoryDisk, messages: ReadonlySet<string>): MessageRow[] {
  const rows = [...messages].flatMap((message) => [...(disk.byOrigin.get(message) ?? [])]);
  return rows
    .flatMap((key) => disk.messages.get(key) ?? [])
    .sort((a, b) => a.part - b.part)
    .map((row) => ({ ...row }));
}

const messagesOf = (disk: MemoryDisk, keys: ReadonlySet<string> | undefined): string[] =>
  [...(keys ?? [])].flatMap((key) => disk.messages.get(key) ?? []).map(messageKey);

export const findByEvent = (disk: MemoryDisk, portal: PortalId, event: EventId): MessageRow[] =>
  wholeMessages(
    disk,
    new Set([JSON.stringify([portal, "outward", event]), ...messagesOf(disk, disk.byEvent.get(within(portal, event)))]),
  );

export const findByRemote = (disk: MemoryDisk, portal: PortalId, remote: RemoteMessageId): MessageRow[] =>
  wholeMessages(
    disk,
    new Set([
      JSON.stringify([portal, "inward", remote]),
      ...messagesOf(disk, disk.byRemote.get(within(portal, remote))),
    ]),
  );

export const findByOrigin = (disk: MemoryDisk, portal: PortalId, origin: string): MessageRow[] =>
  wholeMessages(disk, new Set((["inward", "outward"] as const).map((lane) => JSON.stringify([portal, lane, origin]))));

/** Whether a row is by this author, of this network when one is named. */
const isBy = (disk: MemoryDisk, author: string, network: NetworkId | undefined) => {
  const ofNetwork = ({ portal, lane }: MessageRow) =>
    network === undefined || lane === "outward" || disk.portals.get(portal)?.network === network;
  return (row: MessageRow): boolean => row.author === author && ofNetwork(row);
};

export function ofAuthor(
  disk: MemoryDisk,
  author: string,
  network: NetworkId | undefined,
): { messages: number; texts: number } {
  const rows = [...disk.messages.values()].filter(isBy(disk, author, network));
  return { messages: rows.length, texts: rows.filter(({ text }) => text !== undefined).length };
}

export function eraseAuthor(disk: MemoryDisk, author: string, network: NetworkId | undefined): number {
  const isHis = isBy(disk, author, network);
  let erased = 0;
  for (const [key, row] of disk.messages) {
    if (!isHis(row)) continue;
    const { text: _, ...rest } = row;
    disk.messages.set(key, { ...rest, authorName: "" });
    erased += 1;
  }
  return erased;
}

export function recentMessages(
  disk: MemoryDisk,
  portal: PortalId,
  lane: "inward" | "outward",
  limit: number,
): MessageRow[] {
  return [...disk.messages.values()]
    .filter((row) => row.portal === portal && row.lane === lane)
    .reverse()
    .slice(0, limit)
    .map((row) => ({ ...row }));
}

export function wipeTexts(disk: MemoryDisk, beforeMs: number): number {
  let wiped = 0;
  for (const [key, row] of disk.messages) {
    if (row.text === undefined || row.sentAtMs >= beforeMs) continue;
    const { text: _, ...rest } = row;
    disk.messages.set(key, rest);
    wiped += 1;
  }
  return wiped;
}
