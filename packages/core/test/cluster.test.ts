/** Several rooms on one chat, several chats in one room: what is said anywhere is everywhere else once, under its author. */
import { networkId, type PortalRow, portalId, type RoomId, remoteChatId, roomId } from "@trestle/core";
import { spreadFrom } from "../src/cluster.ts";
import { createRouter } from "../src/router.ts";
import { admin, bob, type Journey, startJourney, until } from "./journey.ts";

const row = (id: number, room: string, chat: string, state: PortalRow["state"] = "active"): PortalRow => ({
  id: portalId(id),
  network: networkId("net"),
  chat: remoteChatId(chat),
  room: roomId(room),
  state,
  origin: "plumbed",
  requestedBy: "test",
  createdAtMs: 0,
  settings: "{}",
});

const chat = (id: string) => ({ chat: { network: networkId("net"), id: remoteChatId(id) } });

describe("[R3] where what is said goes", () => {
  const links = [row(1, "!a", "#x"), row(2, "!b", "#x"), row(3, "!c", "#x"), row(4, "!a", "#y"), row(5, "!a", "#z")];
  test.each([
    ["a room with one chat", [row(1, "!a", "#x")], { room: roomId("!a") }, [1], []],
    ["the chat of one room", [row(1, "!a", "#x")], chat("#x"), [], [1]],
    ["nobody's room", [row(1, "!a", "#x")], { room: roomId("!q") }, [], []],
    ["a room among sisters", links.slice(0, 3), { room: roomId("!b") }, [2], [1, 3]],
    ["a chat of three rooms", links.slice(0, 3), chat("#x"), [], [1, 2, 3]],
    ["a room with three chats and two sisters", links, { room: roomId("!a") }, [1, 4, 5], [2, 3]],
    [
      "a sister of it: its chat by its own link, the others through the room between",
      links,
      { room: roomId("!b") },
      [2, 4, 5],
      [1, 3],
    ],
    ["a chat behind the room between", links, chat("#y"), [1, 5], [2, 3, 4]],
    [
      "a paused link carries nothing and joins nothing",
      [row(1, "!a", "#x", "paused"), row(2, "!b", "#x")],
      { room: roomId("!a") },
      [],
      [],
    ],
  ] as const)("%s", (_name, rows, place, outward, inward) => {
    const router = createRouter();
    for (const one of rows) router.put(one);
    const spread = spreadFrom(router, place);
    expect(spread.outward.map(({ id }) => id)).toEqual(outward);
    expect(spread.inward.map(({ id }) => id)).toEqual(inward);
  });

  test("a circle of links, were there one, brings nothing twice", () => {
    const router = createRouter();
    for (const one of [row(1, "!a", "#x"), row(2, "!b", "#x"), row(3, "!b", "#y"), row(4, "!a", "#y")]) router.put(one);
    const { outward, inward } = spreadFrom(router, { room: roomId("!a") });
    expect(outward.map(({ chat: id }) => id).sort()).toEqual(["#x", "#y"]);
    expect(inward.map(({ room }) => room)).toEqual(["!b"]);
  });
});

async function rooms(journey: Journey, plan: readonly (readonly [name: string, chats: readonly string[]])[]) {
  const made = new Map<string, RoomId>();
  for (const [name, chats] of plan) {
    const people = [bob, `@${name}:test`];
    const room = journey.matrix.makeRoom({ creator: admin, members: [...people, journey.matrix.userId] });
    made.set(name, room);
    for (const one of chats) {
      await journey.matrix.sayAs(admin, room, `!fake link ${one}`);
      await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith(`Linked to ${one}`)));
    }
  }
  return made;
}

const bodies = (journey: Journey, room: RoomId | undefined): string[] =>
  journey.matrix
    .bodiesIn(room as RoomId)
    .filter(({ sender }) => sender !== journey.matrix.userId)
    .map(({ body }) => body)
    .filter((body) => !body.startsWith("!"));

describe("[R3] three rooms on one chat", () => {
  const plan = [
    ["a", ["#x"]],
    ["b", ["#x"]],
    ["c", ["#x"]],
  ] as const;

  test("a message of one is in the others and in the chat, once, and under its author", async () => {
    const journey = await startJourney();
    const made = await rooms(journey, plan);
    await journey.matrix.sayAs(bob, made.get("a") as RoomId, "hello all");
    await journey.remote.says("#x", "Carol", "hello back");
    for (const room of made.values()) await until(() => bodies(journey, room).length === 2);
    await journey.clock.advance(30_000);
    expect(journey.remote.network.textsIn("#x")).toEqual(["hello all"]);
    const copy = journey.matrix.bodiesIn(made.get("b") as RoomId).find(({ body }) => body === "hello all");
    expect(journey.matrix.authorOf(copy?.sender as never)).toEqual({ network: "m", id: bob });
    for (const room of made.values()) expect(bodies(journey, room).sort()).toEqual(["hello all", "hello back"]);
  });

  test("replies, edits, reactions and deletions find their message in every room", async () => {
    const journey = await startJourney();
    const made = await rooms(journey, plan);
    const [a, b, c] = [...made.values()] as [RoomId, RoomId, RoomId];
    const first = await journey.matrix.sayAs(bob, a, "first");
    await until(() => bodies(journey, c).length === 1 && bodies(journey, b).length === 1);
    const inC = journey.matrix.eventsIn(c).find((event) => event.content["body"] === "first");
    const answer = await journey.matrix.sayAs("@c:test", c, "answered", { replyTo: inC?.event_id ?? "" });
    const relation = (room: RoomId, body: string) => {
      const event = journey.matrix.eventsIn(room).find((one) => one.content["body"] === body);
      return (event?.content["m.relates_to"] as { "m.in_reply_to"?: { event_id: string } })?.["m.in_reply_to"]
        ?.event_id;
    };
    await until(() => bodies(journey, a).includes("answered") && bodies(journey, b).includes("answered"));
    expect(relation(a, "answered")).toBe(first);
    expect(relation(b, "answered")).toBe(
      journey.matrix.eventsIn(b).find((one) => one.content["body"] === "first")?.event_id,
    );
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said[1]?.target).toBe(journey.remote.said[0]?.id);

    await journey.matrix.editAs(bob, a, first, "first, mended");
    await journey.matrix.reactAs(
      bob,
      b,
      journey.matrix.eventsIn(b).find((one) => one.content["body"] === "answered")?.event_id ?? "",
      "👍",
    );
    await until(() => journey.matrix.eventsIn(c, "m.reaction").length === 1);
    await until(() => bodies(journey, b).some((body) => body.includes("first, mended")));
    const reaction = journey.matrix.eventsIn(c, "m.reaction")[0]?.content["m.relates_to"] as { event_id: string };
    expect(reaction.event_id).toBe(answer);

    await journey.matrix.redactAs("@c:test", c, answer);
    await until(() => journey.matrix.eventsIn(a, "m.room.redaction").length === 1);
    await until(() => journey.matrix.eventsIn(b, "m.room.redaction").length === 1);
    await until(() => journey.remote.said.some(({ kind }) => kind === "delete"));
  });

  test("[C8] a stranger's edit of a copy changes it nowhere", async () => {
    const journey = await startJourney();
    const made = await rooms(journey, plan);
    const [a, b, c] = [...made.values()] as [RoomId, RoomId, RoomId];
    await journey.matrix.sayAs(bob, a, "mine");
    await until(() => bodies(journey, b).length === 1 && bodies(journey, c).length === 1);
    const copy = journey.matrix.eventsIn(b).find((event) => event.content["body"] === "mine");
    await journey.matrix.editAs("@b:test", b, copy?.event_id ?? "", "stolen");
    await journey.matrix.sayAs("@b:test", b, "end");
    await until(() => bodies(journey, a).includes("end") && bodies(journey, c).includes("end"));
    expect([...bodies(journey, a), ...bodies(journey, c)].filter((body) => body.includes("stolen"))).toEqual([]);
    expect(journey.remote.said.filter(({ kind }) => kind === "edit")).toEqual([]);
  });
});

describe("[R3] circles", () => {
  test("[R8] a link that closes one is refused with the way it goes", async () => {
    const journey = await startJourney();
    const made = await rooms(journey, [
      ["a", ["#x", "#y"]],
      ["b", ["#x"]],
    ]);
    const b = made.get("b") as RoomId;
    await journey.matrix.sayAs(admin, b, "!fake link #y");
    await until(() => journey.matrix.noticesIn(b).some((text) => text.includes("in a circle")));
    expect(journey.matrix.noticesIn(b).find((text) => text.includes("circle"))).toContain(made.get("a") ?? "?");
  });
});

/** A row of numbers that is the same for the same seed (mulberry32). */
function createDice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

test("[R3] [L1] three rooms on one chat and three chats in one room: 1,000 messages in random order from everyone, each once everywhere, right author", async () => {
  const seed = Number(process.env["TRESTLE_SEED"] ?? 20_261_121);
  const dice = createDice(seed);
  let journey = await startJourney();
  const made = await rooms(journey, [
    ["a", ["#x", "#y", "#z"]],
    ["b", ["#x"]],
    ["c", ["#x"]],
  ]);
  const names = [...made.keys()];
  const chats = ["#x", "#y", "#z"];
  const saidBy = new Map<string, { readonly where: string; readonly who: string }>();
  const under = () => [journey.remote.said.length, ...[...made.values()].map((room) => bodies(journey, room).length)];
  for (let n = 0; n < 1_000; n++) {
    const text = `message ${n}`;
    if (dice(2) === 0) {
      const name = names[dice(3)] as string;
      const who = dice(2) === 0 ? bob : `@${name}:test`;
      saidBy.set(text, { where: name, who });
      await journey.matrix.sayAs(who, made.get(name) as RoomId, text);
    } else {
      const where = chats[dice(3)] as string;
      const who = `Person${dice(4)}`;
      saidBy.set(text, { where, who: who.toLowerCase() });
      await journey.remote.says(where, who, text);
    }
    // killed in the middle of it, three times
    if (n === 250 || n === 500 || n === 750) journey = await journey.restart();
  }
  const due = (place: string) => [...saidBy].filter(([, { where }]) => where !== place).length;
  await until(() => {
    const [said, ...inRooms] = under() as [number, ...number[]];
    return said >= chats.reduce((sum, one) => sum + due(one), 0) && inRooms.every((count) => count >= 1_000);
  }, `everything is everywhere (seed ${seed})`);
  await journey.clock.advance(60_000);

  for (const where of chats) {
    const there = journey.remote.said.filter((line) => line.chat === where);
    expect(new Set(there.map(({ text }) => text)).size).toBe(there.length);
    expect(there).toHaveLength(due(where));
    for (const { text, userId } of there) {
      const who = saidBy.get(text)?.who ?? "?";
      expect(userId).toBe(who.startsWith("@") ? who : `@_fake_fakenet_${who}:test`);
    }
  }
  for (const [name, room] of made) {
    const there = journey.matrix.bodiesIn(room).filter(({ body }) => body.startsWith("message "));
    expect(there.map(({ body }) => body).sort()).toEqual([...saidBy.keys()].sort());
    for (const { body, sender } of there) {
      const { where, who } = saidBy.get(body) ?? { where: "?", who: "?" };
      if (where === name) expect(sender).toBe(who);
      else expect(journey.matrix.authorOf(sender)).toEqual({ network: who.startsWith("@") ? "m" : "fakenet", id: who });
    }
  }
}, 60_000);
