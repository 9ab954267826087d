/** A bridge between a fake homeserver and a fake network, for tests of whole journeys; it can be killed and started again. */
import type { Bridge, BridgeSettings, RoomId } from "@trestle/core";
import { createBridge } from "@trestle/core";
import {
  createFakeConnector,
  createFakeHomeserver,
  createMemoryStore,
  createTestClock,
  createTestLog,
  createTestMeter,
  type FakeConnector,
  type FakeConnectorOptions,
  type FakeHomeserver,
} from "@trestle/testing";

export const admin = "@admin:test";
export const bob = "@bob:test";

export interface Journey {
  readonly bridge: Bridge;
  readonly matrix: FakeHomeserver;
  readonly remote: FakeConnector;
  readonly clock: ReturnType<typeof createTestClock>;
  readonly log: ReturnType<typeof createTestLog>;
  readonly store: ReturnType<typeof createMemoryStore>;
  /** kill -9 and start anew on the same disk, server and network. */
  readonly restart: () => Promise<Journey>;
}

export const defaults: BridgeSettings = {
  permissions: [
    { actor: admin, level: "admin" },
    { actor: "test", level: "user" },
    { actor: "*", level: "relay" },
  ],
  links: [],
  siblings: [],
  textRetentionMs: 7 * 24 * 3_600_000,
  doneRetentionMs: 14 * 24 * 3_600_000,
  reactionNotices: false,
  receipts: false,
  statusEvents: false,
  members: "lazy",
  spaces: false,
  laneJobsMax: 100_000,
};

export interface JourneyOptions {
  readonly settings?: Partial<BridgeSettings>;
  readonly connector?: FakeConnectorOptions;
  readonly before?: Journey;
}

export async function startJourney({ settings = {}, connector = {}, before }: JourneyOptions = {}): Promise<Journey> {
  const clock = before?.clock ?? createTestClock();
  const log = createTestLog();
  const store = before === undefined ? createMemoryStore() : before.store.crash();
  const matrix = createFakeHomeserver(before === undefined ? {} : { matrix: before.matrix.matrix });
  const remote = createFakeConnector({
    ...connector,
    ...(before === undefined ? {} : { network: before.remote.network }),
  });
  const bridge = createBridge({
    store,
    homeserver: matrix,
    connector: remote,
    clock,
    log,
    meter: createTestMeter(),
    settings: { ...defaults, ...settings },
  });
  await bridge.start();
  const journey: Journey = {
    bridge,
    matrix,
    remote,
    clock,
    log,
    store,
    restart: async () => {
      matrix.crash();
      remote.crash();
      return startJourney({ settings, connector, before: journey });
    },
  };
  return journey;
}

/** A room with the admin and bob in it, linked to `#chat`. */
export async function linkedRoom({ matrix }: Journey, chat = "#chat"): Promise<RoomId> {
  const room = matrix.makeRoom({ creator: admin, members: [bob, matrix.userId] });
  await matrix.sayAs(admin, room, `!fake link ${chat}`);
  await until(() => matrix.noticesIn(room).some((text) => text.startsWith("Linked to")));
  return room;
}

/** Lets everything that can happen without time passing happen, until it holds. */
export async function until(holds: () => boolean, what = holds.toString()): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never came true: ${what}`);
}
