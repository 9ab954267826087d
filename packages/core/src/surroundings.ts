/**
 * What a link shows around itself: the room's bridge state, the space of its network, the members of its chat where all of them
 * are wanted. Best effort and in the background: a link works without any of it. Desired against actual each time, so that
 * doing it again costs little.
 */
import type { Clock, Log } from "./ambient.ts";
import type { BridgeSettings } from "./bridge.ts";
import type { Connector } from "./connector.ts";
import type { BridgeInfo, Homeserver } from "./homeserver.ts";
import type { NetworkId, RoomId, UserId } from "./ids.ts";
import { chatOf, type Router } from "./router.ts";
import type { PortalRow } from "./store.ts";

export interface SurroundingsOptions {
  readonly homeserver: Homeserver;
  readonly connector: Connector;
  readonly router: Router;
  readonly settings: Pick<BridgeSettings, "spaces" | "members">;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Surroundings {
  /** A link came to be, or ended. */
  readonly changed: (row: PortalRow, state: "linked" | "gone") => void;
  /** The space of a network, brought up to date; undefined where the config wants none. */
  spaceOf(network: NetworkId): Promise<RoomId | undefined>;
  /** Looks at the spaces once, at the start. */
  start(): void;
  stop(): void;
}

/** Many links made at once are one look at the space. */
const spaceAfterMs = 2_000;

export function createSurroundings(options: SurroundingsOptions): Surroundings {
  const { homeserver, connector, router, settings, clock, log } = options;
  const stopping = new AbortController();
  const due = new Set<NetworkId>();
  let chain: Promise<unknown> = Promise.resolve();

  /** One after the other: a new link comes before what follows from it. */
  const later = (what: string, work: () => Promise<unknown>) => {
    chain = chain.then(work).catch((err) => log.info({ err }, `${what}; the link works all the same`));
  };

  const announce = (row: PortalRow, state: "linked" | "gone") =>
    later("the room's bridge state could not be set", async () => {
      const there = state === "gone" ? undefined : await connector.describeChat(chatOf(row)).catch(() => undefined);
      await homeserver.announceBridge(row.room, infoOf(row, there?.name), state);
    });

  const infoOf = (row: PortalRow, channelName: string | undefined): BridgeInfo => ({
    protocol: connector.name,
    network: row.network,
    channel: row.chat,
    ...(channelName === undefined ? {} : { channelName }),
    bot: homeserver.userId,
    ...(row.requestedBy.startsWith("@") ? { creator: row.requestedBy as UserId } : {}),
  });

  const applySpace = (network: NetworkId): Promise<RoomId> => {
    const rows = router.ofNetwork(network).filter((row) => row.owner === undefined);
    const rooms = [...new Map([...rows].sort(byChat).map((row) => [row.room, row])).keys()];
    return homeserver.applySpace(`network/${network}`, { name: network, rooms });
  };

  const spaceSoon = (network: NetworkId) => {
    if (!settings.spaces || due.has(network)) return;
    due.add(network);
    clock
      .wait(spaceAfterMs, stopping.signal)
      .then(() => {
        due.delete(network);
        if (!stopping.signal.aborted) later("the space could not be brought up to date", () => applySpace(network));
      })
      .catch(() => undefined);
  };

  return {
    changed(row, state) {
      announce(row, state);
      spaceSoon(row.network);
    },
    spaceOf: async (network) => (settings.spaces ? applySpace(network) : undefined),
    start() {
      for (const network of new Set(router.all().map((row) => row.network))) spaceSoon(network);
    },
    stop: () => stopping.abort(),
  };
}

const byChat = (a: PortalRow, b: PortalRow): number => (a.chat < b.chat ? -1 : a.chat > b.chat ? 1 : a.id - b.id);
