/**
 * The life of a link: asked for, active, paused, gone. The only writer of portal rows; it tells the router, the lanes and the
 * connector what follows from each change. Who may ask is the commands' matter.
 */
import type { Clock } from "./ambient.ts";
import { refuseCircle } from "./circles.ts";
import type { Connector } from "./connector.ts";
import { BridgeError } from "./errors.ts";
import type { Homeserver } from "./homeserver.ts";
import type { ChatKey, EventId, NetworkId, RemoteChatId, RoomId, UserId } from "./ids.ts";
import { chatKeyText } from "./ids.ts";
import type { Lanes } from "./lanes.ts";
import { formerRoomsOf, type PortalSettings, settingsOf } from "./portal-settings.ts";
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
  /** A link came to be, or ended. */
  readonly changed: (row: PortalRow, state: "linked" | "gone") => void;
}

export interface LinkRequest {
  readonly chat: ChatKey;
  readonly room: RoomId;
  readonly by: UserId | "config" | "local admin";
}

/** A link as `links export` writes it down. */
export interface LinkRecord {
  readonly room: RoomId;
  readonly network: NetworkId;
  readonly chat: RemoteChatId;
  readonly owner?: UserId;
  readonly origin: PortalRow["origin"];
  readonly requestedBy: string;
  readonly approvedBy?: string;
  readonly state: "active" | "paused";
}

export interface Links {
  /** Reads the stored ones and follows their chats. */
  load(): Promise<void>;
  /** Rejects with a BridgeError whose message is for people. Linking what is linked already returns that row. */
  link(request: LinkRequest): Promise<PortalRow>;
  unlink(row: PortalRow, why: string): Promise<void>;
  pause(row: PortalRow, why: string): Promise<void>;
  resume(row: PortalRow): Promise<void>;
  /** The room was replaced by another: the link lives on there. What waits goes to the new room. */
  move(row: PortalRow, to: RoomId, created: EventId): Promise<void>;
  /** As it was written down; undefined when this very link is there already. Rejects as `link` does. */
  restore(record: LinkRecord): Promise<PortalRow | undefined>;
}

export function createLinks(options: LinksOptions): Links {
  const { portals, router, connector, homeserver, clock, lanes } = options;
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

  const linkOf = (chat: ChatKey, room: RoomId): PortalRow | undefined =>
    router.ofRoom(room).find((row) => chatKeyText(chatOf(row)) === chatKeyText(chat));

  const make = async (link: {
    readonly chat: ChatKey;
    readonly room: RoomId;
    readonly origin: PortalRow["origin"];
    readonly requestedBy: string;
    readonly approvedBy?: string;
  }): Promise<PortalRow> => {
    const { chat, room, ...who } = link;
    const description = await homeserver.describeRoom(room);
    if (description.encrypted) {
      throw new BridgeError(
        "encrypted",
        "this room is encrypted, and the bridge cannot read it; link an unencrypted one",
      );
    }
    await refuseCircle(router, homeserver, { protocol: connector.name, chat, room });
    const row = await portals.add({
      ...who,
      network: chat.network,
      chat: chat.id,
      ...(chat.owner === undefined ? {} : { owner: chat.owner }),
      room,
      state: "active",
      createdAtMs: clock.now(),
      settings: await settingsFrom(room),
    });
    router.put(row);
    connector.follow(chat);
    options.changed(row, "linked");
    return row;
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
      const known = linkOf(chat, room);
      if (known !== undefined) return known;
      return make({ chat, room, origin: by === "config" ? "config" : "plumbed", requestedBy: by, approvedBy: by });
    },
    async unlink(row, why) {
      lanes().hold(row.id);
      await save({ ...row, state: "gone", pauseReason: why });
      if (router.ofChat(chatOf(row)).length === 0) connector.unfollow(chatOf(row), why);
      options.changed(row, "gone");
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
    async move(row, to, created) {
      lanes().hold(row.id);
      options.changed(row, "gone");
      const { sinceMs } = settingsOf(row);
      const settings: PortalSettings = {
        ...(sinceMs === undefined ? {} : { sinceMs }),
        floor: created,
        movedAtMs: clock.now(),
        formerRooms: [...formerRoomsOf(row), row.room],
      };
      const moved = { ...row, room: to, settings: JSON.stringify(settings) };
      await save(moved);
      options.changed(moved, "linked");
      await lanes().free(row.id);
    },
    async restore({ room, network, chat: id, owner, state, ...who }) {
      const chat = owner === undefined ? { network, id } : { network, id, owner };
      if (linkOf(chat, room) !== undefined) return undefined;
      const row = await make({ chat, room, ...who });
      if (state === "paused") {
        lanes().hold(row.id);
        await save({ ...row, state: "paused", pauseReason: "paused when it was exported" });
      }
      return row;
    },
  };
}

/** Why a link is paused when its room became encrypted. */
export const encryptedReason = "the room was encrypted";
