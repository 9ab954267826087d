/// <reference types="jest" />
/** The contract's part on rooms: wanted state applied once, descriptions, power in both room versions, names, direct rooms. */
import { eventId, type MatrixEvent, roomId, userId } from "@trestle/core";
import fc from "fast-check";
import { freshAuthor, freshName, type Running, sayAs, until } from "./homeserver-trial.ts";

export function describeRooms(get: () => Running): void {
  describe("rooms", () => {
    describeState(get);
    describePeople(get);
  });
  describe("interpreting", () => describeInterpreting(get));
}

function describeState(get: () => Running): void {
  it("applies a topic, and equal state never twice", async () => {
    const { alice, homeserver, room } = get();
    const here = await room({
      power_level_content_override: { users: { [alice.userId]: 100, [homeserver.userId]: 50 } },
    });
    const topics = async () => (await alice.history(here)).filter(({ type }) => type === "m.room.topic");
    await homeserver.applyRoom(roomId(here), { topic: "one" });
    await homeserver.applyRoom(roomId(here), { topic: "one" });
    await homeserver.applyRoom(roomId(here), {});
    expect((await topics()).map(({ content }) => content["topic"])).toEqual(["one"]);
    await homeserver.applyRoom(roomId(here), { topic: "two" }, freshAuthor("Bob"));
    expect((await topics()).map(({ content }) => content["topic"])).toEqual(["one", "two"]);
  });

  it("a topic that nobody of ours may set is refused for good", async () => {
    const { homeserver, room } = get();
    const here = await room();
    await expect(homeserver.applyRoom(roomId(here), { topic: "no" })).rejects.toMatchObject({ retry: "never" });
  });

  it("describes a room: name, topic, version, encryption, people without our own", async () => {
    const { alice, homeserver, room, trial } = get();
    const here = await room({ name: "The room", topic: "The topic" });
    await sayAs(homeserver, here, freshAuthor("Bob"), "a ghost is here");
    const dora = await trial.person(freshName("dora"));
    await dora.join(here);
    const described = await homeserver.describeRoom(roomId(here));
    expect(described).toMatchObject({
      name: "The room",
      topic: "The topic",
      encrypted: false,
      version: "11",
      direct: false,
    });
    expect([...described.people].sort()).toEqual([alice.userId, dora.userId].sort());
  });

  it("[R9] knows an encrypted room", async () => {
    const { homeserver, room } = get();
    const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
    const here = await room({ initial_state: [encryption] });
    expect((await homeserver.describeRoom(roomId(here))).encrypted).toBe(true);
  });

  it.each([
    ["11", 100],
    ["12", Number.POSITIVE_INFINITY],
  ])("knows power in a room of version %s: its creator has %p", async (version, level) => {
    const { alice, homeserver, room } = get();
    const here = roomId(await room({ room_version: version }));
    expect(await homeserver.powerOf(here, userId(alice.userId))).toEqual({ level, stateDefault: 50, redact: 50 });
    expect(await homeserver.powerOf(here, homeserver.userId)).toEqual({ level: 0, stateDefault: 50, redact: 50 });
    const levels = await alice.getState(here, "m.room.power_levels");
    const users = { ...(levels["users"] as object), [homeserver.userId]: 75 };
    await alice.setState(here, "m.room.power_levels", { ...levels, users, state_default: 60, redact: 70 });
    await until("the change is known", async () => (await homeserver.powerOf(here, homeserver.userId)).level === 75);
    expect(await homeserver.powerOf(here, homeserver.userId)).toEqual({ level: 75, stateDefault: 60, redact: 70 });
  });
}

function describePeople(get: () => Running): void {
  it("names people as the room does, follows a new name, and falls back to the localpart", async () => {
    const { homeserver, room, trial } = get();
    const here = roomId(await room());
    const name = freshName("erin");
    const erin = await trial.person(name);
    await erin.join(here);
    expect(await homeserver.nameOf(here, userId(erin.userId))).toBe(name);
    await erin.setName("Erin the Great");
    await until(
      "the new name is known",
      async () => (await homeserver.nameOf(here, userId(erin.userId))) === "Erin the Great",
    );
    expect(await homeserver.nameOf(here, userId(`@never-here:${trial.serverName}`))).toBe("never-here");
  });

  it("joins by invitation and leaves; leaving twice is no failure", async () => {
    const { alice, homeserver } = get();
    const here = await alice.createRoom({ preset: "private_chat", room_version: "11" });
    await expect(homeserver.joinRoom(here)).rejects.toMatchObject({ retry: "never" });
    await alice.invite(here, homeserver.userId);
    expect(await homeserver.joinRoom(here)).toBe(here);
    expect(await homeserver.joinRoom(here)).toBe(here);
    await homeserver.leaveRoom(roomId(here), homeserver.userId);
    await homeserver.leaveRoom(roomId(here), homeserver.userId);
    expect(await alice.getState(here, "m.room.member", homeserver.userId)).toMatchObject({ membership: "leave" });
  });

  it("makes one direct room for a person, invited as such, and describes it so", async () => {
    const { homeserver, trial } = get();
    const frank = await trial.person(freshName("frank"));
    const here = await homeserver.createDirectRoom(userId(frank.userId));
    expect(await homeserver.createDirectRoom(userId(frank.userId))).toBe(here);
    await frank.join(here);
    expect(await homeserver.createDirectRoom(userId(frank.userId))).toBe(here);
    expect((await homeserver.describeRoom(here)).direct).toBe(true);
    const invite = (await frank.history(here)).find(
      ({ state_key, content }) => state_key === frank.userId && content["membership"] === "invite",
    );
    expect(invite?.content["is_direct"]).toBe(true);
  });
}

const anEvent = (type: string, content: Record<string, unknown>, more: Partial<MatrixEvent> = {}): MatrixEvent => ({
  event_id: eventId("$event"),
  room_id: roomId("!room"),
  sender: userId("@alice:test"),
  type,
  origin_server_ts: 1,
  content,
  ...more,
});

const meanings: readonly (readonly [string, MatrixEvent, object])[] = [
  [
    "a message",
    anEvent("m.room.message", { msgtype: "m.text", body: "hi" }),
    { kind: "action", action: { kind: "message" } },
  ],
  [
    "an edit",
    anEvent("m.room.message", {
      msgtype: "m.text",
      body: "* hi",
      "m.new_content": { msgtype: "m.text", body: "hi" },
      "m.relates_to": { rel_type: "m.replace", event_id: "$old" },
    }),
    { kind: "action", action: { kind: "edit", targets: ["$old"] } },
  ],
  [
    "a reaction",
    anEvent("m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: "$old", key: "+" } }),
    { kind: "action", action: { kind: "react", target: "$old", key: "+" } },
  ],
  [
    "a redaction as version 11 has it",
    anEvent("m.room.redaction", { redacts: "$old" }),
    { kind: "action", action: { kind: "delete", targets: ["$old"] } },
  ],
  [
    "a redaction as older versions have it",
    anEvent("m.room.redaction", {}, { redacts: eventId("$old") }),
    { kind: "action", action: { kind: "delete", targets: ["$old"] } },
  ],
  ["a topic", anEvent("m.room.topic", { topic: "T" }, { state_key: "" }), { kind: "room-changed", topic: "T" }],
  [
    "a membership",
    anEvent("m.room.member", { membership: "join", displayname: "Alice" }, { state_key: "@alice:test" }),
    { kind: "membership", user: "@alice:test", membership: "join", name: "Alice" },
  ],
  ["encryption", anEvent("m.room.encryption", { algorithm: "x" }, { state_key: "" }), { kind: "encryption" }],
  ["an encrypted message", anEvent("m.room.encrypted", { ciphertext: "x" }), { kind: "encrypted-message" }],
  [
    "a tombstone",
    anEvent("m.room.tombstone", { replacement_room: "!next" }, { state_key: "" }),
    { kind: "tombstone", replacement: "!next" },
  ],
];

/** What each event means, as far as it is compared. */
function describeInterpreting(get: () => Running): void {
  it.each(meanings)("%s", (_what, event, meaning) => {
    expect(get().homeserver.interpret(event)).toMatchObject(meaning);
  });

  it("never throws, whatever an event holds", () => {
    const { homeserver } = get();
    const types = [
      "m.room.message",
      "m.reaction",
      "m.room.redaction",
      "m.room.member",
      "m.room.topic",
      "m.room.name",
      "m.room.tombstone",
      "m.room.encrypted",
      "m.sticker",
      "x",
    ];
    const keys = [
      "msgtype",
      "body",
      "format",
      "formatted_body",
      "m.relates_to",
      "rel_type",
      "event_id",
      "key",
      "m.new_content",
      "m.mentions",
      "user_ids",
      "redacts",
      "membership",
      "displayname",
      "topic",
      "replacement_room",
      "info",
      "url",
      "__proto__",
    ];
    const tree = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.jsonValue({ maxDepth: 1 }), fc.string({ unit: "binary" }), tie("object")),
      object: fc.dictionary(fc.constantFrom(...keys), tie("value")),
    }));
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        tree.object,
        fc.option(fc.string(), { nil: undefined }),
        (type, content, stateKey) => {
          const event = anEvent(
            type,
            content as Record<string, unknown>,
            stateKey === undefined ? {} : { state_key: stateKey },
          );
          expect(() => homeserver.interpret(event)).not.toThrow();
        },
      ),
      { numRuns: 300 },
    );
  });
}
