import { createSandboxHomeserver, registerPerson, type SandboxHomeserver, type SandboxPerson } from "../src/index.ts";

let server: SandboxHomeserver;
let alice: SandboxPerson;
let bob: SandboxPerson;

beforeAll(async () => {
  server = await createSandboxHomeserver({ profile: "synapse", serverName: "rooms.test" });
  alice = await registerPerson(server.url, "alice");
  bob = await registerPerson(server.url, "bob");
});
afterAll(() => server.stop());

test.each([
  ["1", "11"],
  ["6", "12"],
  ["11", "12"],
  ["12", "11"],
  ["12", "1"],
])("a room of version %s becomes one of version %s", async (before, after) => {
  const old = await alice.createRoom({ preset: "public_chat", room_version: before, name: "Old", topic: "T" });
  const next = await alice.upgrade(old, after);
  const tombstone = (await alice.history(old)).find(({ type }) => type === "m.room.tombstone");
  expect(tombstone?.content["replacement_room"]).toBe(next);
  const create = await alice.getState(next, "m.room.create");
  expect(create["room_version"]).toBe(after);
  expect(create["predecessor"]).toEqual({
    room_id: old,
    ...(after === "12" ? {} : { event_id: tombstone?.event_id }),
  });
  expect(next.includes(":")).toBe(after !== "12");
  expect(create["creator"]).toBe(after === "1" ? alice.userId : undefined);
  expect(await alice.getState(next, "m.room.name")).toEqual({ name: "Old" });
  await bob.join(next);
  await bob.say(next, "here");
});

test("who has not the power replaces nothing, and a replaced room is closed to him", async () => {
  const old = await alice.createRoom({ preset: "public_chat", room_version: "11" });
  await bob.join(old);
  await expect(bob.upgrade(old, "12")).rejects.toThrow("M_FORBIDDEN");
  await alice.upgrade(old, "12");
  await expect(bob.say(old, "still here?")).rejects.toThrow("M_FORBIDDEN");
});

test("a version that nobody knows is refused", async () => {
  const old = await alice.createRoom({ room_version: "11" });
  await expect(alice.upgrade(old, "99")).rejects.toThrow("M_UNSUPPORTED_ROOM_VERSION");
});

test("a restricted room lets in who is in the other one, and nobody else", async () => {
  const space = await alice.createRoom({ preset: "private_chat", creation_content: { type: "m.space" } });
  const allow = [{ type: "m.room_membership", room_id: space }];
  const rules = { type: "m.room.join_rules", state_key: "", content: { join_rule: "restricted", allow } };
  const room = await alice.createRoom({ room_version: "11", initial_state: [rules] });
  await expect(bob.join(room)).rejects.toThrow("M_FORBIDDEN");
  await alice.invite(space, bob.userId);
  await bob.join(space);
  expect(await bob.join(room)).toBe(room);
});

test("a state event joins and names at once", async () => {
  const room = await alice.createRoom({ preset: "public_chat", room_version: "11" });
  await bob.setState(room, "m.room.member", { membership: "join", displayname: "Robert" }, bob.userId);
  expect(await alice.getState(room, "m.room.member", bob.userId)).toMatchObject({
    membership: "join",
    displayname: "Robert",
  });
});
