/** What is done for ghosts behind their messages, and what a restart with many of them costs. */
import { type RemoteAuthor, remoteUserId, roomId, type UserId, userId } from "@trestle/core";
import { createMemoryStore, createTestClock, createTestLog } from "@trestle/testing";
import type { Caps } from "../src/caps.ts";
import type { Call, Client } from "../src/client.ts";
import { createGhostIds } from "../src/ghosts/ghost-id.ts";
import { createGhosts, type TakeOver } from "../src/ghosts/ghosts.ts";
import { displayNameOf } from "../src/ghosts/profile.ts";
import type { Members } from "../src/rooms/members.ts";
import { aBridge, aHomeserver, author, bot, closeAll, room } from "./a-bridge.ts";

afterEach(closeAll);

const ids = createGhostIds("_irc_", "hs.test");
const pictured = (source: string, name = "Ann"): RemoteAuthor => ({
  ...author("ann", name),
  avatar: { source, mimeType: "image/png" },
});

function scene(takeOver: TakeOver, store = createMemoryStore()) {
  const calls: string[] = [];
  const clock = createTestClock();
  const held: (() => void)[] = [];
  const client = {
    call: async ({ method, path, body }: Call) => {
      calls.push(`${method} ${decodeURIComponent(path).split("/").slice(4).join("/")} ${body}`);
      return {};
    },
  } as unknown as Client;
  const ghosts = createGhosts({
    client,
    caps: { mutesGhosts: false } as Caps,
    ids,
    store: store.ghosts,
    members: {} as Members,
    bot: userId(bot),
    displayName: displayNameOf,
    takeOver,
    clock,
    log: createTestLog(),
  });
  /** A message: ready, out, and what is left begins. */
  const speak = async (one: RemoteAuthor) => {
    await ghosts.ready(one, room);
    calls.push("said");
    ghosts.tend();
    await clock.settle();
  };
  const profile = (what: string) =>
    calls
      .filter((call) => call.startsWith("PUT profile") && call.includes(`/${what} `))
      .map((call) => call.split(" ")[2]);
  return { ghosts, calls, clock, store, speak, profile, held };
}

test("[P1] a picture comes behind the message, once, and again only when its source is another", async () => {
  const taken: string[] = [];
  const { speak, calls, profile, store, ghosts, clock } = scene(async ({ source }) => {
    taken.push(source);
    return `mxc://hs.test/${source}`;
  });
  await speak(pictured("a"));
  expect(calls.indexOf("said")).toBe(2);
  await speak(pictured("a"));
  await speak(author("ann", "Ann"));
  await ghosts.rename(pictured("a", "Annie"));
  await clock.settle();
  expect(taken).toEqual(["a"]);
  await speak(pictured("b", "Annie"));
  expect(taken).toEqual(["a", "b"]);
  expect(profile("avatar_url")).toEqual(['{"avatar_url":"mxc://hs.test/a"}', '{"avatar_url":"mxc://hs.test/b"}']);
  expect(await store.ghosts.get(ids.of(author("ann")))).toMatchObject({ name: "Annie", avatar: "b", registered: true });
  const again = scene(() => Promise.reject(new Error("not asked")), store);
  await again.speak(pictured("b", "Annie"));
  expect(again.calls).toEqual(["said"]);
});

test("[P1] a picture that fails is tried again later, ever later; one that can never be had is not", async () => {
  let tries = 0;
  const failing = scene(async () => {
    tries += 1;
    throw new Error("away");
  });
  for (let minute = 0; minute < 60; minute++) {
    await failing.speak(pictured("a"));
    await failing.clock.advance(60_000);
  }
  expect(failing.profile("displayname")).toEqual(['{"displayname":"Ann"}']);
  expect(tries).toBeGreaterThan(3);
  expect(tries).toBeLessThan(8);
  tries = 0;
  const gone = scene(async () => {
    tries += 1;
    return undefined;
  });
  for (let time = 0; time < 5; time++) await gone.speak(pictured("a"));
  expect(tries).toBe(1);
  await gone.speak(pictured("b"));
  expect(tries).toBe(2);
});

test("[P1] a picture that takes long holds up no message and undoes no newer name", async () => {
  let deliver = (_mxc: string) => {};
  const slow = new Promise<string>((resolve) => {
    deliver = resolve;
  });
  const { speak, profile, ghosts, clock, calls } = scene(() => slow);
  for (const id of ["x", "y"]) await speak({ ...pictured(id), id: remoteUserId(id) });
  // Both places are taken: this one's profile waits.
  await speak(pictured("c", "Ann"));
  await ghosts.rename(pictured("c", "Annie"));
  calls.length = 0;
  await speak(pictured("c", "Annie"));
  expect(calls).toEqual(["said"]);
  deliver("mxc://hs.test/late");
  await clock.settle();
  expect(profile("displayname")).toEqual([]);
  expect(profile("avatar_url")).toHaveLength(3);
});

test("[P1] a second message before the profile is set waits for nothing, here and in another room", async () => {
  const { ghosts, calls } = scene(() => Promise.reject(new Error("not asked")));
  await ghosts.ready(author("ann", "Ann"), room);
  expect(ghosts.ready(author("ann", "Ann"), room)).toBe(ids.of(author("ann")));
  await ghosts.ready(author("ann", "Ann"), roomId("!other:hs.test"));
  expect(calls.map((call) => call.split(" ").slice(0, 2).join(" "))).toEqual([
    "POST register",
    `PUT rooms/${room}/state/m.room.member/${ids.of(author("ann"))}`,
    `PUT rooms/!other:hs.test/state/m.room.member/${ids.of(author("ann"))}`,
  ]);
});

test("[P1] an address of Matrix stands in the join already", async () => {
  const { speak, calls } = scene(async ({ source }) => source);
  await speak(pictured("mxc://hs.test/abc"));
  expect(calls[1]).toContain('"avatar_url":"mxc://hs.test/abc"');
});

test("[P1] [R5] 100,000 known ghosts cost a restart no request and no row read", async () => {
  const store = createMemoryStore();
  const put: Promise<unknown>[] = [];
  for (let index = 0; index < 100_000; index++) {
    const one = author(`u${index}`);
    const user: UserId = ids.of(one);
    put.push(
      store.ghosts.put({ userId: user, network: one.network, remoteUser: one.id, registered: true, name: one.name }),
    );
    put.push(store.ghosts.setJoined(user, room, true));
  }
  await Promise.all(put);
  const server = await aHomeserver();
  for (const index of [7, 99_999]) server.member(room, ids.of(author(`u${index}`)), "join");
  const reads = (["get", "joinedRooms", "inRoom"] as const).map((verb) => jest.spyOn(store.ghosts, verb));
  const asked = () => reads.map(({ mock }) => mock.calls.length);
  const { matrix } = await aBridge(server, { store });
  expect(asked()).toEqual([0, 0, 0]);
  const asGhost = () =>
    server.seen.filter(({ path, query }) => path.includes("_irc_") || query.get("user_id")?.includes("_irc_"));
  expect(asGhost()).toEqual([]);
  const part = { op: "event", type: "m.room.message", content: { msgtype: "m.text", body: "x" } };
  await matrix.sendPart(room, part, author("u7"), "k7/0" as never);
  await matrix.sendPart(room, part, author("u99999"), "k9/0" as never);
  expect(asGhost().map(({ path }) => path.split("/").slice(-3, -1).join("/"))).toEqual([
    "send/m.room.message",
    "send/m.room.message",
  ]);
  expect(asked()).toEqual([2, 2, 0]);
});
