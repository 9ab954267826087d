/** A linked room is replaced by another: the link follows with proof, and nothing is lost while it is on its way. */
import type { RoomId, Upgrade } from "@trestle/core";
import { admin, bob, type Journey, linkedRoom, startJourney, until } from "./journey.ts";

const texts = (journey: Journey, room: RoomId): string[] => journey.matrix.bodiesIn(room).map(({ body }) => body);

/** What the homeserver will say of the tombstone from now on. */
function answers(journey: Journey, answer: () => Upgrade): void {
  journey.matrix.followUpgrade = async () => answer();
}

function newRoom(journey: Journey): { readonly room: RoomId; readonly upgrade: Upgrade } {
  const room = journey.matrix.makeRoom({ creator: admin, members: [bob, journey.matrix.userId] });
  const created = journey.matrix.eventsIn(room)[0]?.event_id as never;
  return { room, upgrade: { kind: "followed", room, created } };
}

const close = (journey: Journey, room: RoomId, replacement: RoomId) =>
  journey.matrix.sendAs(admin, room, {
    type: "m.room.tombstone",
    stateKey: "",
    content: { replacement_room: replacement },
  });

test("[R8] the link lives on in the new room, and what was said meanwhile on the network is there", async () => {
  const journey = await startJourney();
  const old = await linkedRoom(journey);
  const before = await journey.remote.says("#chat", "Carol", "before");
  await until(() => texts(journey, old).includes("before"));
  await journey.clock.advance(1_000);
  const { room, upgrade } = newRoom(journey);
  let known: Upgrade = { kind: "not-yet", why: "not invited" };
  answers(journey, () => known);
  await journey.matrix.sayAs(bob, old, "last words here");
  await close(journey, old, room);
  await journey.clock.advance(100);
  await journey.remote.says("#chat", "Carol", "while it moves");
  await journey.clock.advance(30_000);
  expect(texts(journey, old)).not.toContain("while it moves");
  known = upgrade;
  await journey.clock.advance(60_000);
  await until(() => texts(journey, room).includes("while it moves"));
  await journey.matrix.sayAs(bob, room, "here I am");
  await until(() => journey.remote.network.textsIn("#chat").includes("here I am"));
  expect(journey.remote.network.textsIn("#chat")).toEqual(["last words here", "here I am"]);
  expect(await journey.bridge.command("links")).toContain(`${room} — #chat on fakenet, active`);
  expect(texts(journey, old).some((text) => text.includes("moved to the new room"))).toBe(true);

  // what was said in the old room is deleted there, and cannot be referred to in the new one
  await journey.remote.edits("#chat", "Carol", before, "before, mended");
  await journey.remote.deletes("#chat", "Carol", before);
  await until(() => journey.matrix.eventsIn(old, "m.room.redaction").length === 1);
  expect(texts(journey, room).some((text) => text.includes("(edited) before, mended"))).toBe(true);
});

test("[R8] a link of the config whose room was replaced is not made again for the old room", async () => {
  const first = await startJourney();
  const old = first.matrix.makeRoom({ creator: admin, members: [bob, first.matrix.userId] });
  const links = [{ room: old, network: "fakenet", chat: "#chat" }];
  const settings = { settings: { links } };
  const journey = await startJourney({ ...settings, before: first });
  await until(() => journey.remote.followed().length === 1);
  let here = old;
  for (let turn = 0; turn < 2; turn++) {
    const predecessor = { room_id: here };
    const next = journey.matrix.makeRoom({ creator: admin, members: [bob, journey.matrix.userId], predecessor });
    await close(journey, here, next);
    await until(() => texts(journey, next).some((text) => text.includes("moved to the new room")));
    here = next;
  }
  const again = await journey.restart();
  await again.clock.advance(20_000);
  const list = await again.bridge.command("links");
  expect(list.split("\n")).toHaveLength(1);
  expect(list).toContain(here);
});

test("[R8] [L1] killed while it waits for the new room: still held, and it follows", async () => {
  const journey = await startJourney();
  const old = await linkedRoom(journey);
  // The bot is not invited there yet.
  const predecessor = { room_id: old };
  const room = journey.matrix.makeRoom({ creator: admin, members: [bob], inviteOnly: true, predecessor });
  await close(journey, old, room);
  await until(() => [...journey.store.disk.kv.keys()].some((key) => key.startsWith("moving/")));
  // The tombstone itself is dealt with: what holds the link after the kill is the stored move alone.
  await until(() => [...journey.store.disk.jobs.values()].every(({ state }) => state !== "queued"));
  const again = await journey.restart();
  await again.remote.says("#chat", "Carol", "kept");
  await again.clock.advance(1_000);
  expect(texts(again, old)).not.toContain("kept");
  await again.matrix.inviteBot(admin, room);
  await again.clock.advance(60_000);
  await until(() => texts(again, room).includes("kept"));
  expect(texts(again, old)).not.toContain("kept");
});

test("[R8] [S1] what does not prove itself is not followed: the link is paused and says why", async () => {
  const journey = await startJourney();
  const old = await linkedRoom(journey);
  const { room } = newRoom(journey);
  answers(journey, () => ({ kind: "refused", why: "the new room names another one as its predecessor" }));
  await close(journey, old, room);
  await until(() => texts(journey, old).some((text) => text.includes("names another one as its predecessor")));
  expect(await journey.bridge.command("links")).toContain(`${old} — #chat on fakenet, paused`);
  await journey.remote.says("#chat", "Carol", "not there");
  await journey.clock.advance(10_000);
  expect(texts(journey, room)).toEqual([]);
});

test("[R8] somebody is asked to let the bridge in, once, and its coming in is noticed at once", async () => {
  const journey = await startJourney();
  const old = await linkedRoom(journey);
  const { room, upgrade } = newRoom(journey);
  let known: Upgrade = { kind: "not-yet", why: "it is invite-only" };
  answers(journey, () => known);
  await close(journey, old, room);
  for (let turn = 0; turn < 20; turn++) await journey.clock.advance(60_000);
  expect(texts(journey, old).filter((text) => text.includes("it is invite-only"))).toHaveLength(1);
  known = upgrade;
  await journey.matrix.inviteBot(admin, room);
  await until(() => texts(journey, old).some((text) => text.includes("moved to the new room")));
});

test("[R8] what is said around the move is heard: in the closed room, and in the new one before the link was there", async () => {
  const journey = await startJourney();
  const old = await linkedRoom(journey);
  const { room, upgrade } = newRoom(journey);
  let known: Upgrade = { kind: "not-yet", why: "not invited" };
  answers(journey, () => known);
  await close(journey, old, room);
  await journey.clock.advance(100);
  await journey.matrix.sayAs(bob, room, "early in the new room");
  known = upgrade;
  await journey.clock.advance(60_000);
  await until(() => texts(journey, old).some((text) => text.includes("moved to the new room")));
  await journey.matrix.sayAs(admin, old, "late in the old room");
  await until(() => journey.remote.network.textsIn("#chat").length === 2);
  expect(journey.remote.network.textsIn("#chat").map((text) => text.replace(/^\[.*?\] /, ""))).toEqual([
    "early in the new room",
    "late in the old room",
  ]);
  await journey.clock.advance(11 * 60_000);
  await journey.matrix.sayAs(admin, old, "much later in the old room");
  await journey.matrix.sayAs(bob, room, "in the new room");
  await until(() => journey.remote.network.textsIn("#chat").includes("in the new room"));
  expect(journey.remote.network.textsIn("#chat")).toHaveLength(3);
});
