/** A Homeserver of ours against the tiny homeserver, with a host that remembers; everything is closed after each test. */
import {
  type Attachment,
  type EphemeralEvent,
  type EventId,
  type HomeserverHost,
  type MatrixEvent,
  type MediaStream,
  networkId,
  type RemoteAuthor,
  type RepairRoom,
  type RoomId,
  remoteUserId,
  roomId,
  systemClock,
  type UserId,
} from "@trestle/core";
import { createMemoryStore, createTestLog, createTestMeter, type MemoryStore } from "@trestle/testing";
import { createHomeserver, type HomeserverOptions, type MatrixHomeserver } from "../src/index.ts";
import { TinyHomeserver } from "./tiny-homeserver.ts";

export const bot = "@bot:hs.test";
export const room = roomId("!room:hs.test");

export const author = (id: string, name = id): RemoteAuthor => ({
  network: networkId("libera"),
  id: remoteUserId(id),
  name,
});

export class RememberingHost implements HomeserverHost {
  readonly taken: MatrixEvent[] = [];
  readonly ephemerals: EphemeralEvent[] = [];
  rooms: RepairRoom[] = [];
  failing: Error | undefined;
  holding: Promise<void> | undefined;
  takes = 0;

  async take(events: readonly MatrixEvent[]): Promise<void> {
    this.takes += 1;
    await this.holding;
    if (this.failing !== undefined) throw this.failing;
    // As a store does: what cannot be written down fails.
    JSON.stringify(events);
    for (const event of events) if (!this.taken.some((one) => one.event_id === event.event_id)) this.taken.push(event);
  }
  ephemeral(event: EphemeralEvent): void {
    this.ephemerals.push(event);
  }
  async openMedia(_attachment: Pick<Attachment, "source">): Promise<MediaStream> {
    throw new Error("no files here");
  }
  readonly lost: { readonly user: string; readonly why: string }[] = [];
  puppetLost(user: UserId, why: string): void {
    this.lost.push({ user, why });
  }
  async repairRooms() {
    return this.rooms;
  }
  async known(_room: RoomId, events: readonly EventId[]): Promise<ReadonlySet<EventId>> {
    const known = new Set(this.taken.map((event) => event.event_id));
    return new Set(events.filter((event) => known.has(event)));
  }
  bodies(): unknown[] {
    return this.taken.map((event) => event.content["body"]);
  }
}

export interface Bridge {
  readonly matrix: MatrixHomeserver;
  readonly host: RememberingHost;
  readonly store: MemoryStore;
  readonly log: ReturnType<typeof createTestLog>;
  /** Where the appservice listens. */
  readonly url: string;
  stop(): Promise<void>;
}

const open: (() => Promise<void>)[] = [];

export async function closeAll(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

export async function aHomeserver(): Promise<TinyHomeserver> {
  const server = new TinyHomeserver();
  await server.listen();
  open.push(() => server.close());
  server.users.add(bot);
  server.users.add("@alice:hs.test");
  server.makeRoom(room, bot);
  server.member(room, "@alice:hs.test", "join");
  return server;
}

export function optionsFor(server: TinyHomeserver, store: MemoryStore): HomeserverOptions {
  return {
    url: server.url,
    serverName: "hs.test",
    span: "irc",
    registration: { id: "trestle-irc", as_token: server.asToken, hs_token: server.hsToken, sender_localpart: "bot" },
    listen: { host: "127.0.0.1", port: 0 },
    store,
    clock: systemClock,
    log: createTestLog(),
    meter: createTestMeter(),
    canaryIntervalMs: 100,
    heartbeatMs: 50,
    patrolMs: 0,
    requestTimeoutMs: 2_000,
  };
}

/** Started, its canary back and its gaps repaired unless `unsettled`. */
export async function aBridge(
  server: TinyHomeserver,
  more: {
    readonly store?: MemoryStore;
    readonly host?: RememberingHost;
    readonly options?: Partial<HomeserverOptions>;
    readonly unsettled?: boolean;
  } = {},
): Promise<Bridge> {
  const store = more.store ?? createMemoryStore();
  const host = more.host ?? new RememberingHost();
  const log = createTestLog();
  const matrix = createHomeserver({ ...optionsFor(server, store), log, ...more.options });
  let stopped = false;
  const stop = async () => {
    if (!stopped) await matrix.stop(100);
    stopped = true;
  };
  open.push(stop);
  await matrix.start(host);
  const url = `http://127.0.0.1:${matrix.port}`;
  server.pushTo = url;
  if (more.unsettled !== true) await matrix.settled();
  return { matrix, host, store, log, url, stop };
}

export async function until(what: string, check: () => boolean, ms = 5_000): Promise<void> {
  const endMs = Date.now() + ms;
  while (!check()) {
    if (Date.now() > endMs) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
