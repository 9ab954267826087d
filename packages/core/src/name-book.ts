/**
 * Who is called what in a room, as far as we have seen: members, people of the network who spoke, people of Matrix. Only to tell
 * whether a name could be taken for somebody else's; bounded, and filled anew after a restart.
 */
import type { Clock, Log } from "./ambient.ts";
import type { Homeserver } from "./homeserver.ts";
import type { NetworkId, RemoteUserId, RoomId, UserId } from "./ids.ts";
import { skeleton, withoutMark } from "./names.ts";
import type { Router } from "./router.ts";
import type { MessageStore } from "./store.ts";

export interface NameBook {
  /** Somebody is called so here; `who` is a Matrix user id, or `whoThere` of somebody of the network. */
  seen(room: RoomId, who: string, name: string): void;
  /** Whether somebody here other than these looks so. */
  isTaken(room: RoomId, look: string, butFor: ReadonlySet<string>): boolean;
  /** Whether he has been seen here. */
  has(room: RoomId, who: string): boolean;
  /** Resolves once what was said here lately is known; the members follow in the background. */
  ready(room: RoomId): Promise<void>;
  forget(who: string): void;
}

/** How somebody of a network stands in the book. */
export const whoThere = (network: NetworkId, id: RemoteUserId): string => `${network}\u001f${id}`;

/** A page that was thrown out is read from disk again at the next message: more rooms than this in turn cost a read each. */
const roomsMax = 20_000;
const namesMax = 2_000;
const recentMax = 200;
/** Members asked for, one by one; the others are known once they speak, or change. */
const membersMax = 100;
/** A bridge of many rooms that begins to speak in all of them must not ask a small homeserver for all of them at once. */
const betweenRoomsMs = 100;

interface Page {
  readonly looks: Map<string, string>;
  ready?: Promise<void>;
}

export interface NameBookOptions {
  readonly homeserver: Homeserver;
  readonly messages: MessageStore;
  readonly router: Router;
  readonly clock: Clock;
  readonly log: Log;
}

export function createNameBook(options: NameBookOptions): NameBook {
  const { homeserver, messages, router, clock, log } = options;
  const pages = new Map<RoomId, Page>();
  // one room's members at a time: nobody waits for them
  let background: Promise<void> = Promise.resolve();

  const pageOf = (room: RoomId): Page => {
    const page = pages.get(room) ?? { looks: new Map<string, string>() };
    pages.delete(room);
    pages.set(room, page);
    if (pages.size > roomsMax) pages.delete(pages.keys().next().value as RoomId);
    return page;
  };

  const note = ({ looks }: Page, who: string, name: string) => {
    looks.delete(who);
    looks.set(who, skeleton(name));
    if (looks.size > namesMax) looks.delete(looks.keys().next().value as string);
  };

  const noteIfNew = (page: Page, who: string, name: string) => {
    if (!page.looks.has(who)) note(page, who, name);
  };

  const fillRecent = async (room: RoomId, page: Page): Promise<void> => {
    for (const { id, network } of router.ofRoom(room)) {
      for (const row of await messages.recent(id, "inward", recentMax)) {
        noteIfNew(page, whoThere(network, row.author as RemoteUserId), row.authorName);
      }
      for (const row of await messages.recent(id, "outward", recentMax)) {
        noteIfNew(page, row.author, withoutMark(row.authorName, row.author));
      }
    }
  };

  const fillMembers = async (room: RoomId, page: Page): Promise<void> => {
    const { people } = await homeserver.describeRoom(room);
    for (const user of people.slice(0, membersMax)) {
      if (!page.looks.has(user)) noteIfNew(page, user, await homeserver.nameOf(room, user));
    }
  };

  return {
    seen: (room, who, name) => note(pageOf(room), who, name),
    isTaken(room, look, butFor) {
      for (const [who, other] of pageOf(room).looks) if (other === look && !butFor.has(who)) return true;
      return false;
    },
    has: (room, who) => pages.get(room)?.looks.has(who) ?? false,
    ready(room) {
      const page = pageOf(room);
      page.ready ??= fillRecent(room, page).then(
        () => {
          background = background
            .then(() => fillMembers(room, page))
            .catch((err) => log.debug({ room, err }, "the members' names are not known"))
            .then(() => clock.wait(betweenRoomsMs));
        },
        (err) => {
          delete page.ready;
          throw err;
        },
      );
      return page.ready;
    },
    forget(who) {
      for (const { looks } of pages.values()) looks.delete(who);
    },
  };
}

/** His own names: what looks like himself misleads nobody. */
export function ownWho(
  user: UserId,
  accounts: readonly { network: NetworkId; remoteUser: RemoteUserId }[],
): Set<string> {
  return new Set([user, ...accounts.map(({ network, remoteUser }) => whoThere(network, remoteUser))]);
}
