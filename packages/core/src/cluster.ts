/**
 * Rooms and chats that links join, directly or through each other: what is said in one of them is due in all of them, once.
 * Links never close a circle (circles.ts), so there is one way between any two; each room and each chat is still picked once,
 * whatever the links look like. Pure, over the router.
 */
import type { ChatKey, RoomId } from "./ids.ts";
import { chatKeyText } from "./ids.ts";
import { chatOf, type Router } from "./router.ts";
import type { PortalRow } from "./store.ts";

/** Where something was said: a room of Matrix, or a chat of the network. */
export type Place = { readonly room: RoomId } | { readonly chat: ChatKey };

/** Through which portals something goes on: one for every other chat, one for every other room. */
export interface Spread {
  readonly outward: readonly PortalRow[];
  readonly inward: readonly PortalRow[];
}

type Rows = Pick<Router, "ofRoom" | "ofChat">;

const isActive = (row: PortalRow): boolean => row.state === "active";

export const rowsAt = (router: Rows, place: Place): readonly PortalRow[] =>
  "room" in place ? router.ofRoom(place.room) : router.ofChat(place.chat);

export const isAt = (row: PortalRow, place: Place): boolean =>
  "room" in place ? row.room === place.room : chatKeyText(chatOf(row)) === chatKeyText(place.chat);

/** Every active portal that can be reached from here, in order of their ids. */
export function clusterOf(router: Rows, place: Place): readonly PortalRow[] {
  const first = rowsAt(router, place).filter(isActive);
  // nearly all rooms have one link, and it is the only one of its chat
  if (first.length === 1 && oneOfOne(router, first[0] as PortalRow)) return first;
  const found = new Set(first);
  for (const row of found) {
    for (const next of [...router.ofRoom(row.room), ...router.ofChat(chatOf(row))]) if (isActive(next)) found.add(next);
  }
  return [...found].sort((a, b) => a.id - b.id);
}

const oneOfOne = (router: Rows, row: PortalRow): boolean =>
  router.ofRoom(row.room).length === 1 && router.ofChat(chatOf(row)).length === 1;

/** Where what was said here goes: through the own portals of the place where there are such, else through the oldest one. */
export function spreadFrom(router: Rows, place: Place): Spread {
  const cluster = clusterOf(router, place);
  const [only] = cluster;
  if (only === undefined) return { outward: [], inward: [] };
  if (cluster.length === 1) return "room" in place ? { outward: [only], inward: [] } : { outward: [], inward: [only] };
  const own = cluster.filter((row) => isAt(row, place));
  const pick = (rows: readonly PortalRow[], nameOf: (row: PortalRow) => string): PortalRow[] => [
    ...new Map([...rows].reverse().map((row) => [nameOf(row), row])).values(),
  ];
  const chatName = (row: PortalRow) => chatKeyText(chatOf(row));
  const ownFirst = [...own, ...cluster.filter((row) => !own.includes(row))];
  const chats = pick(ownFirst, chatName).filter((row) => !("chat" in place && isAt(row, place)));
  const rooms = pick(ownFirst, (row) => row.room).filter((row) => !("room" in place && isAt(row, place)));
  const byId = (a: PortalRow, b: PortalRow) => a.id - b.id;
  return { outward: chats.sort(byId), inward: rooms.sort(byId) };
}
