/**
 * The life of a link: asked for, active, paused, gone. The only writer of portal rows; it tells the router, the lanes and the
 * connector what follows from each change. Who may ask is the commands' matter.
 */
import type { Clock } from "./ambient.ts";
import type { Connector } from "./connector.ts";
import { BridgeError } from "./errors.ts";
import type { Homeserver } from "./homeserver.ts";
import type { ChatKey, EventId, RoomId, UserId } from "./ids.ts";
import { chatKeyText } from "./ids.ts";
import type { Lanes } from "./lanes.ts";
import { chatOf, type Router } from "./router.ts";
import type { PortalRow, PortalStore } from "./store.ts";

export interface LinksOptions {
  readonly portals: PortalStore;
  readonly router: Router;
  readonly connector: Connector;
  readonly homeserver: Homeserver;
  readonly clock: Clock;
  /** Known only after the lanes, which need the links' rows. */
  readonly lanes: () => Lanes;
}

export interface LinkRequest {
  readonly chat: ChatKey;
  readonly room: RoomId;
  readonly by: UserId | "config" | "local admin";
}

export interface Links {
  /** Reads the stored ones and follows their chats. */
  load(): Promise<void>;
  /** Rejects with a BridgeError whose message is for people. Linking what is linked already returns that row. */
  link(request: LinkRequest): Promise<PortalRow>;
  unlink(row: PortalRow, why: string): Promise<void>;
  pause(row: PortalRow, why: string): Promise<void>;
  resume(row: PortalRow): Promise<void>;
}

export function createLinks({ portals, router, connector, homeserver, clock, lanes }: LinksOptions): Links {
  const save = async (row: PortalRow) => {
    // The router first: from this moment nothing more is taken for a link that ends.
    router.put(row);
    await portals.update(row);
  };

  /** From here on the room's words are ours to carry. */
  const settingsFrom = async (room: RoomId): Promise<string> => {
    const floor = await homeserver.newestEvent(room);
    return JSON.stringify({ sinceMs: clock.now(), ...(floor === undefined ? {} : { floor }) } satisfies PortalSettings);
  };

  return {
    async load() {
      for (const row of await portals.list()) {
        router.put(row);
        if (row.state === "active") connector.follow(chatOf(row));
        else if (row.state === "paused") {
          lanes().hold(row.id);
          connector.follow(chatOf(row));
        }
      }
    },
    async link({ chat, room, by }) {
      const known = router.ofRoom(room).find((row) => chatKeyText(chatOf(row)) === chatKeyText(chat));
      if (known !== undefined) return known;
      const description = await homeserver.describeRoom(room);
      if (description.encrypted) {
        throw new BridgeError(
          "encrypted",
          "this room is encrypted, and the bridge cannot read it; link an unencrypted one",
        );
      }
      const row = await portals.add({
        network: chat.network,
        chat: chat.id,
        ...(chat.owner === undefined ? {} : { owner: chat.owner }),
        room,
        state: "active",
        origin: by === "config" ? "config" : "plumbed",
        requestedBy: by,
        approvedBy: by,
        createdAtMs: clock.now(),
        settings: await settingsFrom(room),
      });
      router.put(row);
      connector.follow(chat);
      return row;
    },
    async unlink(row, why) {
      lanes().hold(row.id);
      await save({ ...row, state: "gone", pauseReason: why });
      if (router.ofChat(chatOf(row)).length === 0) connector.unfollow(chatOf(row), why);
    },
    async pause(row, why) {
      lanes().hold(row.id);
      await save({ ...row, state: "paused", pauseReason: why });
    },
    async resume(row) {
      if ((await homeserver.describeRoom(row.room)).encrypted) {
        throw new BridgeError("encrypted", "encryption cannot be switched off again; unlink, and link a new room");
      }
      const { pauseReason: _over, ...rest } = row;
      await save({ ...rest, state: "active", settings: await settingsFrom(row.room) });
      connector.follow(chatOf(row));
      await lanes().free(row.id);
    },
  };
}

/** Since when the link carries, by our clock, and the newest event of the room then: gap repair goes no further back. */
interface PortalSettings {
  readonly sinceMs?: number;
  readonly floor?: EventId;
}

export const floorOf = (row: PortalRow): EventId | undefined => (JSON.parse(row.settings) as PortalSettings).floor;
export const activeSinceMs = (row: PortalRow): number =>
  (JSON.parse(row.settings) as PortalSettings).sinceMs ?? row.createdAtMs;

/** Why a link is paused when its room became encrypted. */
export const encryptedReason = "the room was encrypted";
