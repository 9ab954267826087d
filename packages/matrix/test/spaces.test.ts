import { type RoomId, roomId, systemClock } from "@trestle/core";
import { createSandboxHomeserver, type SandboxHomeserver } from "@trestle/sandbox";
import { createMemoryStore, createTestLog, createTestMeter } from "@trestle/testing";
import { createHomeserver, makeRegistration } from "../src/index.ts";

const serverName = "spaces.test";
const registration = makeRegistration({ span: "irc", serverName, url: "http://127.0.0.1:9", server: "synapse" });

let server: SandboxHomeserver;
beforeEach(async () => {
  server = await createSandboxHomeserver({ profile: "synapse", serverName, registrations: [registration] });
  await ask("POST", "/register", { type: "m.login.application_service", username: registration.sender_localpart });
});
afterEach(() => server.stop());

/** As the bot. */
async function ask(method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${server.url}/_matrix/client/v3${path}`, {
    method,
    headers: { authorization: `Bearer ${registration.as_token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answer.json();
}

/** Not started: spaces need no pushes. */
function bridge(store = createMemoryStore()) {
  const matrix = createHomeserver({
    url: server.url,
    serverName,
    span: "irc",
    registration,
    listen: { host: "127.0.0.1", port: 0 },
    store,
    clock: systemClock,
    log: createTestLog(),
    meter: createTestMeter(),
  });
  return { matrix, store };
}

interface State {
  readonly type: string;
  readonly state_key: string;
  readonly content: Readonly<Record<string, unknown>>;
}

const stateOf = async (room: RoomId) => (await ask("GET", `/rooms/${encodeURIComponent(room)}/state`)) as State[];

/** As clients show it: by order, without what was taken out. */
async function childrenOf(space: RoomId): Promise<string[]> {
  const children = (await stateOf(space)).filter(({ type, content }) => type === "m.space.child" && content["via"]);
  const orderOf = ({ content }: State) => String(content["order"]);
  return children.sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1)).map(({ state_key: room }) => room);
}

const rooms = async (count: number): Promise<RoomId[]> => {
  const made: RoomId[] = [];
  for (let index = 0; index < count; index++)
    made.push(
      roomId(String(((await ask("POST", "/createRoom", { preset: "private_chat" })) as { room_id: string }).room_id)),
    );
  return made;
};

test("[R11] a space is private, of type m.space, and shows its rooms in the given order, whatever becomes of it", async () => {
  const { matrix } = bridge();
  const [a, b, c, d] = (await rooms(4)) as [RoomId, RoomId, RoomId, RoomId];
  const space = await matrix.applySpace("net", { name: "Net", rooms: [c, a] });
  expect(await childrenOf(space)).toEqual([c, a]);
  for (const wanted of [[c, b, a, d], [a, b, c, d], [d], [], [b, d], [d, b, b]]) {
    expect(await matrix.applySpace("net", { name: "Net 2", rooms: wanted })).toBe(space);
    expect(await childrenOf(space)).toEqual([...new Set(wanted)]);
  }
  const state = await stateOf(space);
  const contentOf = (type: string) => state.find((event) => event.type === type)?.content;
  expect(contentOf("m.room.create")).toMatchObject({ type: "m.space" });
  expect(contentOf("m.room.join_rules")).toEqual({ join_rule: "invite" });
  expect(contentOf("m.room.name")).toEqual({ name: "Net 2" });
  expect(contentOf("m.room.power_levels")).toMatchObject({ events_default: 100 });
});

test("[R11] what is right already costs no event; a room put in costs one, and one in the room", async () => {
  const { matrix } = bridge();
  const [a, b, c] = (await rooms(3)) as [RoomId, RoomId, RoomId];
  await matrix.applySpace("net", { name: "Net", rooms: [a, c] });
  const before = server.counts().events;
  await matrix.applySpace("net", { name: "Net", rooms: [a, c] });
  expect(server.counts().events).toBe(before);
  await matrix.applySpace("net", { name: "Net", rooms: [a, b, c] });
  expect(server.counts().events).toBe(before + 2);
});

test("[R11] [L1] one key is one space: at one time, after a restart, and after an end in the middle of making it", async () => {
  const { matrix, store } = bridge();
  const wanted = { name: "Net", rooms: [] };
  const [one, two] = await Promise.all([matrix.applySpace("net", wanted), matrix.applySpace("net", wanted)]);
  expect(two).toBe(one);
  expect(await bridge(store).matrix.applySpace("net", wanted)).toBe(one);
  expect(await matrix.applySpace("other", wanted)).not.toBe(one);
  // Made, and killed before that was written down.
  await store.kv.put("matrix/space/net", "making");
  expect(await bridge(store).matrix.applySpace("net", wanted)).toBe(one);
  expect(server.counts().rooms).toBe(2);
  // And before it was made at all.
  await store.kv.put("matrix/space/third", "making");
  await bridge(store).matrix.applySpace("third", wanted);
  expect(server.counts().rooms).toBe(3);
});

test("[R11] [L1] a space whose making was never answered is found, not made twice", async () => {
  const { matrix, store } = bridge();
  server.faults.answerThenDie({ match: { path: /createRoom/ } });
  await expect(matrix.applySpace("net", { name: "Net", rooms: [] })).rejects.toMatchObject({
    code: "homeserver-unreachable",
  });
  await bridge(store).matrix.applySpace("net", { name: "Net", rooms: [] });
  expect(server.counts().rooms).toBe(1);
});

test("[R11] a space that the bot is no longer in is made anew", async () => {
  const { matrix } = bridge();
  const space = await matrix.applySpace("net", { name: "Net", rooms: [] });
  await ask("POST", `/rooms/${encodeURIComponent(space)}/leave`, {});
  expect(await matrix.applySpace("net", { name: "Net", rooms: [] })).not.toBe(space);
});
