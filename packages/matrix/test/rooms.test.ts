import { userId } from "@trestle/core";
import { createMemoryStore } from "@trestle/testing";
import { aBridge, aHomeserver, author, bot, closeAll, room } from "./a-bridge.ts";
import type { TinyHomeserver } from "./tiny-homeserver.ts";

afterEach(closeAll);

const alice = userId("@alice:hs.test");

async function ready(prepare: (server: TinyHomeserver) => void = () => {}, options = {}) {
  const server = await aHomeserver();
  prepare(server);
  const store = createMemoryStore();
  const bridge = await aBridge(server, { store, options });
  server.seen.length = 0;
  return { server, ...bridge };
}

const topicPuts = (server: TinyHomeserver) => server.requests("/state/m.room.topic", "PUT");

test("[R4 matrix] a topic is put once; an equal one never", async () => {
  const { server, matrix } = await ready();
  await matrix.applyRoom(room, { topic: "new" });
  await matrix.applyRoom(room, { topic: "new" });
  expect(topicPuts(server).map((seen) => seen.body)).toEqual([{ topic: "new" }]);
});

test("[R4 matrix] the ghost sets the topic if it may, else the bot", async () => {
  const levels = { users: { [bot]: 100, "@_irc_libera_ann:hs.test": 50 }, state_default: 50 };
  const { server, matrix } = await ready((hs) => void hs.say(room, bot, "m.room.power_levels", levels, ""));
  await matrix.applyRoom(room, { topic: "by ann" }, author("ann"));
  await matrix.applyRoom(room, { topic: "by bob" }, author("bob"));
  expect(topicPuts(server).map((seen) => seen.query.get("user_id"))).toEqual(["@_irc_libera_ann:hs.test", bot]);
});

test("[R5] power in version 12: the creator has no end", async () => {
  const { matrix } = await ready((hs) => {
    const made = hs.makeRoom(room, bot, "12");
    made.state.set("m.room.power_levels|", { content: { users: { [alice]: 50 } }, sender: bot });
  });
  expect((await matrix.powerOf(room, userId(bot))).level).toBe(Number.POSITIVE_INFINITY);
  expect((await matrix.powerOf(room, alice)).level).toBe(50);
});

test("power is asked once, and again after it changed", async () => {
  const { server, matrix } = await ready((hs) => void hs.say(room, bot, "m.room.power_levels", { users: {} }, ""));
  await matrix.powerOf(room, alice);
  await matrix.powerOf(room, alice);
  expect(server.requests("/state/m.room.power_levels")).toHaveLength(1);
  await server.push([server.say(room, bot, "m.room.power_levels", { users: { [alice]: 70 } }, "")]);
  expect((await matrix.powerOf(room, alice)).level).toBe(70);
});

test("names are asked once, fed by what passes, the localpart where there is none", async () => {
  const { server, matrix } = await ready((hs) => {
    hs.names.set(alice, "Alice");
    hs.member(room, alice, "join");
  });
  expect(await matrix.nameOf(room, alice)).toBe("Alice");
  expect(await matrix.nameOf(room, alice)).toBe("Alice");
  expect(server.requests("/state/m.room.member")).toHaveLength(1);
  server.names.set(alice, "Alicia");
  await server.push([server.member(room, alice, "join")]);
  expect(await matrix.nameOf(room, alice)).toBe("Alicia");
  expect(await matrix.nameOf(room, userId("@nobody:hs.test"))).toBe("nobody");
});

test("a room is described", async () => {
  const { matrix } = await ready((hs) => {
    hs.say(room, bot, "m.room.name", { name: "N" }, "");
    hs.say(room, bot, "m.room.topic", { topic: 7 }, "");
    hs.member(room, "@_irc_libera_ann:hs.test", "join");
  });
  expect(await matrix.describeRoom(room)).toEqual({
    name: "N",
    encrypted: false,
    version: "11",
    people: [alice],
    direct: false,
  });
});

test("[R9 matrix] an encrypted room is seen to be one", async () => {
  const { matrix } = await ready((hs) => void hs.say(room, bot, "m.room.encryption", { algorithm: "x" }, ""));
  expect((await matrix.describeRoom(room)).encrypted).toBe(true);
});

test.each([
  ["11", { [bot]: 100 }],
  ["12", {}],
])(
  "[L3] [R11] a direct room of version %s is private, not trusted, and asks 150 for encryption",
  async (roomVersion, users) => {
    const { server, matrix } = await ready(undefined, { roomVersion });
    const made = await matrix.createDirectRoom(alice);
    expect(server.requests("/createRoom")[0]?.body).toMatchObject({
      preset: "private_chat",
      visibility: "private",
      is_direct: true,
      room_version: roomVersion,
      invite: [alice],
      power_level_content_override: { users, events: { "m.room.encryption": 150 } },
    });
    expect(await matrix.createDirectRoom(alice)).toBe(made);
    expect((await matrix.describeRoom(made)).direct).toBe(false);
    server.member(made, alice, "join");
    expect((await matrix.describeRoom(made)).direct).toBe(true);
  },
);

test("a direct room that was left or encrypted is replaced", async () => {
  const { server, matrix } = await ready();
  const first = await matrix.createDirectRoom(alice);
  server.member(first, alice, "leave");
  const second = await matrix.createDirectRoom(alice);
  expect(second).not.toBe(first);
  server.say(second, alice, "m.room.encryption", {}, "");
  expect(await matrix.createDirectRoom(alice)).not.toBe(second);
});

test("the bot joins and leaves; leaving where it is not is no error", async () => {
  const { server, matrix } = await ready((hs) => void hs.makeRoom("!other:hs.test", alice));
  expect(await matrix.joinRoom("!other:hs.test")).toBe("!other:hs.test");
  const other = await matrix.joinRoom("!other:hs.test");
  await matrix.leaveRoom(other, userId(bot));
  await matrix.leaveRoom(other, userId(bot));
  server.faults.push((seen) =>
    seen.path.endsWith("/leave") ? { status: 400, body: { errcode: "M_UNKNOWN" } } : undefined,
  );
  await matrix.leaveRoom(other, userId(bot));
  expect(server.membership(other, bot)).toBe("leave");
});

test("ghosts and remote people are each other's", async () => {
  const { matrix } = await ready();
  const ghost = matrix.ghostOf(author("ann"));
  expect(matrix.authorOf(ghost)).toEqual({ network: "libera", id: "ann" });
  expect(matrix.authorOf(alice)).toBeUndefined();
});
