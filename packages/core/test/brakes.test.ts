/** What stops a machine gone wrong, and how a sender learns what became of his message. */
import { BridgeError, type RemoteEvent } from "@trestle/core";
import { admin, bob, type Journey, linkedRoom, startJourney, until } from "./journey.ts";

const notices = (journey: Journey, room: Parameters<Journey["matrix"]["noticesIn"]>[0], part: string): number =>
  journey.matrix.noticesIn(room).filter((text) => text.includes(part)).length;

describe("two bots set on each other", () => {
  test("[R8] are stopped within 20 messages, and the room is told", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    let said = 0;
    for (let turn = 0; turn < 30; turn++) {
      await journey.matrix.sayAs("@robot:test", room, `ping ${turn}`, { msgtype: "m.notice" });
      await journey.clock.advance(300);
      await journey.remote.says("#chat", "Automat", `pong ${turn}`);
      await journey.clock.advance(300);
      said += 2;
      if (notices(journey, room, "two bots") > 0) break;
    }
    expect(said).toBeLessThanOrEqual(20);
    expect(await journey.bridge.command("links")).toContain("paused (two bots were answering each other)");
    await journey.matrix.sayAs(admin, room, "!fake resume");
    await until(() => notices(journey, room, "Resumed") === 1);
    await journey.matrix.sayAs(bob, room, "people again");
    await until(() => journey.remote.network.textsIn("#chat").includes("people again"));
  });

  test("[R8] also when each answer is of several lines", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    let exchanges = 0;
    for (; exchanges < 30 && notices(journey, room, "two bots") === 0; exchanges++) {
      for (const line of [1, 2, 3]) await journey.matrix.sayAs("@robot:test", room, `ping ${exchanges}.${line}`);
      await journey.clock.advance(700);
      for (const line of [1, 2]) await journey.remote.says("#chat", "Automat", `pong ${exchanges}.${line}`);
      await journey.clock.advance(700);
    }
    expect(exchanges).toBeLessThanOrEqual(10);
  });

  test("[R8] [R3] also in two rooms that only a chat joins", async () => {
    const journey = await startJourney();
    const [a, b] = [await linkedRoom(journey), await linkedRoom(journey)];
    let said = 0;
    for (let turn = 0; turn < 30; turn++) {
      await journey.matrix.sayAs("@robot:test", a, `ping ${turn}`, { msgtype: "m.notice" });
      await journey.clock.advance(300);
      await journey.matrix.sayAs("@automat:test", b, `pong ${turn}`, { msgtype: "m.notice" });
      await journey.clock.advance(300);
      said += 2;
      if (notices(journey, a, "two bots") + notices(journey, b, "two bots") > 0) break;
    }
    expect(said).toBeLessThanOrEqual(20);
  });

  test("[R8] [R3] one fast talker is no pair of bots, also where his words come by in both directions", async () => {
    const journey = await startJourney();
    const a = await linkedRoom(journey);
    const c = await linkedRoom(journey, "#second");
    await journey.matrix.sayAs(admin, c, "!fake link #chat");
    await until(() => notices(journey, c, "Linked to #chat") === 1);
    for (let line = 0; line < 30; line++) {
      await journey.matrix.sayAs(bob, a, `line ${line}`);
      await journey.clock.advance(700);
    }
    expect(await journey.bridge.command("links")).not.toContain("paused");
  });

  test("[R8] people in a lively talk are not: they are slower, and others come between", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    for (let turn = 0; turn < 30; turn++) {
      await journey.matrix.sayAs(bob, room, `one ${turn}`);
      await journey.clock.advance(turn % 5 === 4 ? 4_000 : 500);
      await journey.remote.says("#chat", "Carol", `two ${turn}`);
      await journey.clock.advance(500);
    }
    expect(await journey.bridge.command("links")).not.toContain("paused");
  });
});

const gone = (journey: Journey, chat: string, key: string): RemoteEvent => ({
  kind: "chat-gone",
  key,
  chat: journey.remote.network.chatKey(chat),
  reason: "it was closed",
});

describe("a chat that is said to be gone", () => {
  test("[R8] keeps its link, paused, and comes back with resume", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.remote.emit(gone(journey, "#chat", "gone-1"));
    await until(() => notices(journey, room, "is said to be gone (it was closed)") === 1);
    expect(await journey.bridge.command("links")).toContain("paused");
    await journey.matrix.sayAs(admin, room, "!fake resume");
    await until(() => notices(journey, room, "Resumed") === 1);
  });

  test("[R8] many at once are not believed", async () => {
    const journey = await startJourney();
    const chats = ["#a", "#b", "#c", "#d", "#e", "#f"];
    for (const chat of chats) await linkedRoom(journey, chat);
    for (const chat of chats) await journey.remote.emit(gone(journey, chat, `gone-${chat}`));
    await until(() => journey.log.entries.some(({ message }) => message.includes("none of it is believed")));
    await journey.clock.advance(1_000);
    const links = await journey.bridge.command("links");
    expect(links.split("\n").filter((line) => line.includes("paused"))).toHaveLength(3);
  });

  test("[R8] [C9] a deletion of everything is stopped, told, and done only when somebody asks again", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const ids: string[] = [];
    for (let n = 0; n < 120; n++) ids.push(await journey.remote.says("#chat", "Carol", `line ${n}`));
    await until(() => journey.matrix.bodiesIn(room).filter(({ body }) => body.startsWith("line ")).length === 120);
    for (const id of ids) await journey.remote.deletes("#chat", "Carol", id);
    await until(() => notices(journey, room, "The brake was pulled") === 1);
    expect(journey.matrix.eventsIn(room, "m.room.redaction")).toHaveLength(100);
    await journey.bridge.command("retry all");
    await until(() => journey.matrix.eventsIn(room, "m.room.redaction").length === 120);
  });
});

describe("asking for a failed message again", () => {
  const failing = async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    journey.remote.failNext(new BridgeError("cannot-send", "the channel is moderated"));
    const said = await journey.matrix.sayAs(bob, room, "let me in");
    await until(() => notices(journey, room, "React with 🔁") === 1);
    const notice = journey.matrix.eventsIn(room).findLast((event) => event.sender === journey.matrix.userId);
    return { journey, room, said, notice: notice?.event_id ?? "" };
  };

  test("[A8] a 🔁 to the notice by its sender does it", async () => {
    const { journey, room, notice } = await failing();
    await journey.matrix.reactAs(bob, room, notice, "🔁");
    await until(() => journey.remote.network.textsIn("#chat").some((text) => text.includes("let me in")));
    expect(journey.remote.said.filter(({ kind }) => kind === "react")).toEqual([]);
  });

  test("[A8] a 🔁 to the message itself does it too, also after a restart", async () => {
    const { journey: before, room, said } = await failing();
    const journey = await before.restart();
    await journey.matrix.reactAs(bob, room, said, "🔁");
    await until(() => journey.remote.network.textsIn("#chat").some((text) => text.includes("let me in")));
  });

  test("[A8] a stranger's does not, and is told so", async () => {
    const { journey, room, notice } = await failing();
    await journey.matrix.reactAs("@mallory:elsewhere", room, notice, "🔁");
    await until(() => notices(journey, room, "Only who said it") === 1);
    expect(journey.remote.network.textsIn("#chat")).toEqual([]);
  });

  test("[C12] a 🔁 to anything else is a reaction like any other", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const id = await journey.remote.says("#chat", "carol", "again!");
    await until(() => journey.matrix.bodiesIn(room).some(({ body }) => body === "again!"));
    const event = journey.matrix.eventsIn(room).find((one) => one.content["body"] === "again!");
    await journey.matrix.reactAs(bob, room, event?.event_id ?? "", "🔁");
    await until(() => journey.remote.said.length === 1);
    expect(journey.remote.said[0]).toMatchObject({ kind: "react", text: "🔁", target: id });
  });
});

describe("links written down", () => {
  test("[R8] are made again on an empty database, once, with their state", async () => {
    const journey = await startJourney();
    const [a, b] = [await linkedRoom(journey, "#a"), await linkedRoom(journey, "#b")];
    await journey.bridge.command("pause #b");
    const written = await journey.bridge.command("links export");
    const again = await startJourney();
    for (const room of [a, b]) again.matrix.matrix.rooms.set(room, journey.matrix.matrix.room(room) as never);
    const said = await again.bridge.command(`links restore ${written}`);
    expect(said.split("\n")).toEqual([
      expect.stringContaining("#a on fakenet: made"),
      expect.stringContaining("#b on fakenet: made"),
    ]);
    expect(await again.bridge.command(`links restore ${written}`)).toContain("there already");
    const links = await again.bridge.command("links");
    expect(links).toContain("#a on fakenet, active");
    expect(links).toContain("#b on fakenet, paused");
  });

  test.each([
    ["no JSON", "nonsense", "it is no JSON"],
    ["another version", '{"version":7,"span":"fake","links":[]}', "version 1"],
    ["another span", '{"version":1,"span":"irc","links":[]}', "irc span"],
    ["no list", '{"version":1,"span":"fake"}', "no list of links"],
    ["no room", '{"version":1,"span":"fake","links":[{"network":"fakenet","chat":"#a"}]}', "no room id"],
    [
      "no such network",
      '{"version":1,"span":"fake","links":[{"room":"!a:b","network":"x","chat":"#a"}]}',
      "no network x",
    ],
    [
      "a broken chat",
      '{"version":1,"span":"fake","links":[{"room":"!a:b","network":"fakenet","chat":"a"}]}',
      "starts with #",
    ],
  ])("[R8] %s is said", async (_name, text, expected) => {
    const journey = await startJourney();
    expect(await journey.bridge.command(`links restore ${text}`)).toContain(expected);
  });
});
