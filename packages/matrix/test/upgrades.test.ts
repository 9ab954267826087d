/** Upgrades where the homeserver behaves oddly; what each says of whom is in the contract. */
import { eventId, type MatrixEvent, roomId, userId } from "@trestle/core";
import { aBridge, aHomeserver, bot, closeAll, room } from "./a-bridge.ts";
import type { TinyHomeserver } from "./tiny-homeserver.ts";

afterEach(closeAll);

const alice = "@alice:hs.test";
const next = roomId("!next:far.test");

/** The room is replaced by `next`, which alice made; the bot is in neither's way. */
async function replaced(version = "11", predecessor: unknown = { room_id: room }) {
  const server = await aHomeserver();
  server.say(room, bot, "m.room.power_levels", { users: { [alice]: 100, [bot]: 100 } }, "");
  server.makeRoom(next, alice, version);
  server.rooms.get(next)?.state.set("m.room.create|", {
    content: { room_version: version, predecessor },
    sender: alice,
    event_id: "$created",
  });
  const event = server.say(room, alice, "m.room.tombstone", { replacement_room: next }, "");
  const { matrix } = await aBridge(server);
  server.seen.length = 0;
  const tombstone: MatrixEvent = {
    event_id: eventId(event.event_id),
    room_id: room,
    sender: userId(alice),
    type: event.type,
    state_key: "",
    origin_server_ts: event.origin_server_ts,
    content: event.content,
  };
  return { server, matrix, tombstone };
}

const fail = (server: TinyHomeserver, part: string, status: number, errcode = "M_UNKNOWN") =>
  server.faults.push((seen) => (seen.path.includes(part) ? { status, body: { errcode } } : undefined));

test("[R8] the new room is looked for at the server of who closed the old one", async () => {
  const { server, matrix, tombstone } = await replaced();
  expect(await matrix.followUpgrade(tombstone)).toEqual({ kind: "followed", room: next, created: "$created" });
  const [join] = server.requests(`/join/${next}`, "POST");
  expect([join?.query.get("via"), join?.query.get("server_name")]).toEqual(["hs.test", "hs.test"]);
});

test.each(["/event/", "/state/m.room.tombstone", "/join/", "/state/m.room.power_levels"])(
  "[R8] a homeserver that fails at %s is asked again later, and nothing is decided",
  async (part) => {
    const { server, matrix, tombstone } = await replaced();
    fail(server, part, 502);
    expect(await matrix.followUpgrade(tombstone)).toMatchObject({ kind: "not-yet" });
    server.faults = [];
    expect(await matrix.followUpgrade(tombstone)).toMatchObject({ kind: "followed" });
  },
);

test("[R8] [S1 matrix] joined, away before the proof, and then no successor: it is left all the same", async () => {
  const { server, matrix, tombstone } = await replaced("11", { room_id: "!another:hs.test" });
  fail(server, `${next}/state/m.room.create`, 502);
  expect(await matrix.followUpgrade(tombstone)).toMatchObject({ kind: "not-yet" });
  expect(server.membership(next, bot)).toBe("join");
  server.faults = [];
  expect(await matrix.followUpgrade(tombstone)).toMatchObject({ kind: "refused" });
  expect(server.membership(next, bot)).toBe("leave");
});

test.each([null, "text", 7, [], {}, { room_id: 7 }, { room_id: [room] }, { event_id: "$x" }])(
  "[R8] [S1 matrix] %j is no predecessor",
  async (predecessor) => {
    const { matrix, tombstone } = await replaced("11", predecessor);
    expect(await matrix.followUpgrade(tombstone)).toMatchObject({ kind: "refused" });
  },
);

test.each([
  ["nothing", undefined],
  ["a number", 7],
  ["no name", ""],
  ["an alias", "#alias:hs.test"],
  ["itself", room],
  ["a name without end", `!${"x".repeat(300)}`],
])("[R8] [S1 matrix] a tombstone that points to %s asks the homeserver nothing", async (_what, target) => {
  const { server, matrix, tombstone } = await replaced();
  const content = { replacement_room: target };
  expect(await matrix.followUpgrade({ ...tombstone, content })).toMatchObject({ kind: "refused" });
  expect(server.requests("/rooms/")).toEqual([]);
});
