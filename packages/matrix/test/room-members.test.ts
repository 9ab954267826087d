import { BridgeError, networkId, type RemoteAuthor, remoteUserId, roomId, type UserId } from "@trestle/core";
import { createMemoryStore, createTestClock, createTestLog } from "@trestle/testing";
import { createGhostIds } from "../src/ghosts/ghost-id.ts";
import type { Ghosts } from "../src/ghosts/ghosts.ts";
import { createRoomMembers } from "../src/rooms/room-members.ts";
import { author } from "./a-bridge.ts";

const here = roomId("!here:hs.test");
const libera = networkId("libera");
const ids = createGhostIds("_irc_", "hs.test");

/** Ghosts that come and go in `latencyMs` of the test's own time. */
function scene({
  latencyMs = (_done: number): number => 0,
  failing = (_user: UserId): Error | undefined => undefined,
} = {}) {
  const store = createMemoryStore();
  const clock = createTestClock();
  const stopping = new AbortController();
  const log: string[] = [];
  let now = 0;
  let most = 0;
  const step = async (what: string, user: UserId, joined: boolean) => {
    now += 1;
    most = Math.max(most, now);
    const ms = latencyMs(log.length);
    if (ms > 0) await clock.wait(ms);
    else await Promise.resolve();
    now -= 1;
    const error = failing(user);
    if (error !== undefined) throw error;
    log.push(`${what} ${user.slice("@_irc_libera_".length, -":hs.test".length)}`);
    await store.ghosts.setJoined(user, here, joined);
  };
  const ghosts = {
    ready: async (one: RemoteAuthor) => {
      await step("join", ids.of(one), true);
      return ids.of(one);
    },
    leaveAs: (user: UserId) => step("leave", user, false),
    tend: () => undefined,
  } as unknown as Ghosts;
  const life = createRoomMembers({
    ghosts,
    ids,
    store: store.ghosts,
    clock,
    log: createTestLog(),
    signal: stopping.signal,
  });
  return { ...life, store, clock, log, stopping, most: () => most };
}

const crowd = (count: number): RemoteAuthor[] => Array.from({ length: count }, (_one, index) => author(`u${index}`));

test("[R5] who is missing joins, who is too much leaves, and then there is nothing to do", async () => {
  const { applyMembers, log } = scene();
  await applyMembers(here, libera, [author("ann"), author("ben")]);
  await applyMembers(here, libera, [author("ben"), author("cid"), { ...author("irc"), service: true }]);
  await applyMembers(here, libera, [author("ben"), author("cid")]);
  expect(log).toEqual(["join ann", "join ben", "leave ann", "join cid"]);
});

test("[R5] ghosts of other networks, sister ghosts among them, stay; of an id that is cut the store knows the network", async () => {
  const { applyMembers, store, log } = scene();
  const long = { network: libera, id: remoteUserId("x".repeat(400)) };
  const other = { network: networkId("oftc"), id: remoteUserId("y".repeat(400)) };
  for (const one of [{ network: networkId("m"), id: remoteUserId("zoe") }, long, other]) {
    const userId = ids.of(one);
    await store.ghosts.put({ userId, network: one.network, remoteUser: one.id, registered: true });
    await store.ghosts.setJoined(userId, here, true);
  }
  await applyMembers(here, libera, []);
  expect(log).toHaveLength(1);
  expect(await store.ghosts.inRoom(here)).not.toContain(ids.of(long));
});

test("[R5] one that may not be there keeps nobody out; a homeserver that is away is for the caller to wait for", async () => {
  const refused = scene({
    failing: (user) => (user.includes("_u3:") ? new BridgeError("homeserver-refused", "banned") : undefined),
  });
  await refused.applyMembers(here, libera, crowd(6));
  expect(refused.log).toHaveLength(5);
  const away = scene({ failing: () => new BridgeError("homeserver-unreachable") });
  await expect(away.applyMembers(here, libera, crowd(6))).rejects.toMatchObject({ code: "homeserver-unreachable" });
});

test("[R5] a few at once while answers are quick, one at a time and with pauses once they are slow", async () => {
  const quick = scene();
  await quick.applyMembers(here, libera, crowd(100));
  expect(quick.most()).toBe(4);
  // From the tenth on each takes two seconds.
  const slow = scene({ latencyMs: (done) => (done < 10 ? 10 : 2_000) });
  const running = slow.applyMembers(here, libera, crowd(30));
  await slow.clock.advance(20_000);
  expect(slow.log.length).toBeGreaterThan(10);
  // Four at once would be done by now.
  expect(slow.log.length).toBeLessThan(25);
  await slow.clock.advance(200_000);
  await running;
  expect(slow.log).toHaveLength(30);
});

test("[R5] a newer wish ends an older one where it stands, also when we stop", async () => {
  const { applyMembers, clock, log, store, stopping } = scene({ latencyMs: () => 10 });
  const first = applyMembers(here, libera, crowd(100));
  await clock.advance(100);
  const second = applyMembers(here, libera, [author("u0"), author("new")]);
  await clock.advance(60_000);
  await Promise.all([first, second]);
  expect((await store.ghosts.inRoom(here)).sort()).toEqual([ids.of(author("new")), ids.of(author("u0"))].sort());
  expect(log.filter((line) => line.startsWith("join")).length).toBeLessThan(60);
  const third = applyMembers(here, libera, crowd(100));
  await clock.advance(20);
  stopping.abort();
  await clock.advance(20);
  await third;
  expect((await store.ghosts.inRoom(here)).length).toBeLessThan(20);
});
