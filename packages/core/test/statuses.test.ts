/** Marks without words, and what a link shows around itself. */
import { BridgeError, type BridgeInfo, type SendStatus } from "@trestle/core";
import { bob, linkedRoom, startJourney, until } from "./journey.ts";

const watched = async (settings: { readonly receipts?: boolean; readonly statusEvents?: boolean }) => {
  const journey = await startJourney({ settings });
  const receipts: string[] = [];
  const statuses: (SendStatus & { readonly event: string })[] = [];
  journey.matrix.showReceipt = async (_room, event) => void receipts.push(event);
  journey.matrix.showStatus = async (_room, event, status) => void statuses.push({ event, ...status });
  return { journey, receipts, statuses, room: await linkedRoom(journey) };
};

test("[A8] a read receipt says that a message went across, where the config wants it", async () => {
  const { journey, receipts, room } = await watched({ receipts: true });
  const id = await journey.matrix.sayAs(bob, room, "seen?");
  await until(() => receipts.includes(id));
  const off = await watched({});
  await off.journey.matrix.sayAs(bob, off.room, "seen?");
  await until(() => off.journey.remote.said.length === 1);
  await off.journey.clock.advance(1_000);
  expect(off.receipts).toEqual([]);
  expect(off.statuses).toEqual([]);
});

test("[A8] a status event says delivered, delayed and failed, each once", async () => {
  const { journey, statuses, room } = await watched({ statusEvents: true });
  const good = await journey.matrix.sayAs(bob, room, "good");
  await until(() => statuses.length === 1);
  expect(statuses[0]).toMatchObject({ event: good, state: "delivered", network: "fakenet" });
  await journey.remote.setDown("cable cut");
  const late = await journey.matrix.sayAs(bob, room, "late");
  await journey.clock.advance(120_000);
  await journey.remote.setUp();
  await until(() => statuses.some(({ event, state }) => event === late && state === "delivered"));
  expect(statuses.filter(({ event }) => event === late).map(({ state }) => state)).toEqual(["pending", "delivered"]);
  journey.remote.failNext(new BridgeError("cannot-send", "moderated"));
  const bad = await journey.matrix.sayAs(bob, room, "bad");
  await until(() => statuses.some(({ event }) => event === bad));
  expect(statuses.findLast(({ event }) => event === bad)).toMatchObject({ state: "failed", retriable: true });
});

test("[R11] a linked room says what it is bridged to, and no longer when it is not", async () => {
  const journey = await startJourney();
  const said: (BridgeInfo & { readonly state: string })[] = [];
  journey.matrix.announceBridge = async (_room, info, state) => void said.push({ ...info, state });
  await linkedRoom(journey);
  await until(() => said.length === 1);
  expect(said[0]).toMatchObject({
    protocol: "fake",
    network: "fakenet",
    channel: "#chat",
    creator: "@admin:test",
    state: "linked",
  });
  await journey.bridge.command("unlink #chat");
  await until(() => said.length === 2);
  expect(said[1]?.state).toBe("gone");
});

test("[R3] [R11] a room that another bridge joins to the chat is refused", async () => {
  const journey = await startJourney();
  const other = { protocol: "fake", network: "irc.fakenet.chat", channel: "#chat", bot: "@otherbridge:test" as never };
  journey.matrix.bridgesOf = async () => [other];
  const room = journey.matrix.makeRoom({ creator: "@admin:test", members: [journey.matrix.userId] });
  await journey.matrix.sayAs("@admin:test", room, "!fake link #chat");
  await until(() =>
    journey.matrix.noticesIn(room).some((text) => text.includes("@otherbridge:test bridges this room")),
  );
});

test("[R4] the rooms of a network stand in its space, in the order of their channels, where the config wants one", async () => {
  const journey = await startJourney({ settings: { spaces: true } });
  const spaces: { readonly key: string; readonly rooms: readonly string[] }[] = [];
  journey.matrix.applySpace = async (key, { rooms }) => {
    spaces.push({ key, rooms });
    return "!space:test" as never;
  };
  const b = await linkedRoom(journey, "#beta");
  const a = await linkedRoom(journey, "#alpha");
  await journey.clock.advance(5_000);
  await until(() => spaces.length > 0);
  expect(spaces.at(-1)).toEqual({ key: "network/fakenet", rooms: [a, b] });
});

test("[R5] [R3] members of two channels in one room are those of both", async () => {
  const journey = await startJourney({ settings: { members: "full" } });
  const asked: string[][] = [];
  journey.matrix.applyMembers = async (_room, _network, wanted) =>
    void asked.push(wanted.map(({ name }) => name).sort());
  const room = await linkedRoom(journey, "#one");
  await journey.matrix.sayAs("@admin:test", room, "!fake link #two");
  await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith("Linked to #two")));
  await journey.remote.says("#one", "Ann", "hi");
  await journey.remote.says("#two", "Ben", "hi");
  const chat = journey.remote.network.chatKey("#two");
  await journey.remote.emit({ kind: "members-changed", key: "members-2", chat });
  await until(() => asked.length > 0);
  expect(asked.at(-1)).toEqual(["Ann", "Ben"]);
});

test("[R11] people are invited to the space of a network by command, and told when there is none", async () => {
  const journey = await startJourney({ settings: { spaces: true } });
  const room = await linkedRoom(journey);
  await journey.matrix.sayAs(bob, room, "!fake space");
  await until(() => journey.matrix.noticesIn(room).includes("You are invited to the space of fakenet."));
  const spaces = [...journey.matrix.matrix.rooms.values()].filter(({ state }) =>
    [...state.values()].some((event) => event.state_key === bob && event.content["membership"] === "invite"),
  );
  expect(spaces).toHaveLength(1);
  const without = await startJourney();
  const other = await linkedRoom(without);
  await without.matrix.sayAs(bob, other, "!fake space");
  await until(() => without.matrix.noticesIn(other).some((text) => text.includes("keeps no spaces")));
});

test("[R5] all members come with the channel where the config wants them, and nobody is sent away where it does not", async () => {
  for (const [members, expected] of [
    ["full", 1],
    ["lazy", 0],
  ] as const) {
    const journey = await startJourney({ settings: { members } });
    const asked: string[][] = [];
    journey.matrix.applyMembers = async (_room, _network, wanted) => void asked.push(wanted.map(({ name }) => name));
    const room = await linkedRoom(journey);
    await journey.remote.says("#chat", "Carol", "hi");
    const chat = journey.remote.network.chatKey("#chat");
    await journey.remote.emit({ kind: "members-changed", key: "members-1", chat });
    await journey.remote.says("#chat", "Carol", "end");
    await until(() => journey.matrix.bodiesIn(room).some(({ body }) => body === "end"));
    expect(asked).toHaveLength(expected);
    if (expected > 0) expect(asked[0]).toEqual(["Carol"]);
  }
});
