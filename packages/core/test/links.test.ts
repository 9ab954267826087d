import { admin, bob, linkedRoom, startJourney, until } from "./journey.ts";

const nothing = async (journey: Awaited<ReturnType<typeof startJourney>>) => {
  await journey.clock.advance(30_000);
};

describe("commands", () => {
  test("[R8] pause stops both directions, resume opens them, unlink ends the link", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.sayAs(admin, room, "!fake pause");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith("Paused")));
    await journey.matrix.sayAs(bob, room, "unheard");
    await journey.remote.says("#chat", "carol", "unheard too");
    await nothing(journey);
    expect(journey.remote.said).toEqual([]);
    expect(journey.matrix.bodiesIn(room).some(({ body }) => body === "unheard too")).toBe(false);
    await journey.matrix.sayAs(admin, room, "!fake resume");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith("Resumed")));
    await journey.matrix.sayAs(bob, room, "heard");
    await until(() => journey.remote.said.length === 1);
    await journey.matrix.sayAs(admin, room, "!fake unlink");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith("Unlinked")));
    await journey.matrix.sayAs(bob, room, "too late");
    await nothing(journey);
    expect(journey.remote.said.map(({ text }) => text)).toEqual(["heard"]);
    expect(journey.remote.followed()).toEqual([]);
  });

  test("[R8] a pause while a message is under way neither loses nor doubles it", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const release = journey.remote.hang("#chat");
    await journey.matrix.sayAs(bob, room, "under way");
    await journey.matrix.sayAs(bob, room, "behind it");
    await journey.matrix.sayAs(admin, room, "!fake pause");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith("Paused")));
    await journey.matrix.sayAs(admin, room, "!fake resume");
    await journey.clock.settle();
    release();
    await until(() => journey.remote.said.length === 2);
    await nothing(journey);
    expect(journey.remote.said.map(({ text }) => text)).toEqual(["under way", "behind it"]);
    expect(journey.remote.duplicates).toEqual([]);
  });

  test("[R8] what was said before the link, or during a pause, is not fetched later as if it had been missed", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const floors = async () =>
      [...journey.store.disk.portals.values()].map(({ settings }) => JSON.parse(settings).floor);
    const position = (id: string) => journey.matrix.eventsIn(room).findIndex(({ event_id }) => event_id === id);
    const [atLink] = await floors();
    const command = journey.matrix.eventsIn(room).find(({ content }) => content["body"] === "!fake link #chat");
    expect(position(atLink)).toBeGreaterThanOrEqual(position(command?.event_id ?? ""));
    expect(position(atLink)).toBeGreaterThanOrEqual(0);
    await journey.matrix.sayAs(admin, room, "!fake pause");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith("Paused")));
    const unheard = await journey.matrix.sayAs(bob, room, "unheard");
    await journey.matrix.sayAs(admin, room, "!fake resume");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith("Resumed")));
    const [atResume] = await floors();
    expect(position(atResume)).toBeGreaterThanOrEqual(position(unheard));
  });

  test("[R8] links and their state outlive a kill", async () => {
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.sayAs(admin, room, "!fake pause");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith("Paused")));
    journey = await journey.restart();
    expect(journey.remote.followed()).toEqual(["#chat"]);
    await journey.matrix.sayAs(bob, room, "unheard");
    await nothing(journey);
    expect(journey.remote.said).toEqual([]);
    expect(await journey.bridge.command("links")).toContain("paused by @admin:test");
  });

  test("only an admin links, and a command never crosses", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.sayAs(bob, room, "!fake link #other");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("for admins")));
    await journey.matrix.sayAs(bob, room, "!fake status");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("Link 1: #chat")));
    await journey.matrix.sayAs(bob, room, "!fakery is not a command");
    await until(() => journey.remote.said.length === 1);
    expect(journey.remote.said[0]?.text).toBe("!fakery is not a command");
    expect(journey.remote.followed()).toEqual(["#chat"]);
  });

  test("every mistake gets a sentence that says how to mend it", async () => {
    const journey = await startJourney();
    const room = journey.matrix.makeRoom({ creator: admin, members: [journey.matrix.userId] });
    for (const [typed, answer] of [
      ["!fake", "!fake help — This list."],
      ["!fake lnik", "`!fake help` lists them"],
      ["!fake link", "the networks are: fakenet"],
      ["!fake link nonet #chat", "There is no network “nonet”"],
      ["!fake link fakenet nochat", "That is not a channel of fakenet"],
      ["!fake unlink", "This room has no link."],
      ["!fake retry", "Which one?"],
      ["!fake failures", "Nothing failed."],
      ["!fake links", "No links yet."],
    ] as const) {
      await journey.matrix.sayAs(admin, room, typed);
      await until(() => journey.matrix.noticesIn(room).some((text) => text.includes(answer)), typed);
    }
  });

  test("the bot joins for users, greets, and answers in a direct chat without the prefix", async () => {
    const journey = await startJourney();
    const room = journey.matrix.makeRoom({ creator: bob, members: [] });
    await journey.matrix.inviteBot(bob, room, true);
    await until(() => journey.matrix.noticesIn(room).some((text) => text.startsWith("Hello!")));
    await journey.matrix.sayAs(bob, room, "help");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("!fake status")));
  });

  test("[P5] a stranger's invite is declined, and a blocked person is not carried", async () => {
    const permissions = [
      { actor: admin, level: "admin" },
      { actor: bob, level: "block" },
      { actor: "*", level: "relay" },
    ] as const;
    const journey = await startJourney({ settings: { permissions } });
    const room = await linkedRoom(journey);
    const theirs = journey.matrix.makeRoom({ creator: "@stranger:elsewhere", members: [] });
    await journey.matrix.inviteBot("@stranger:elsewhere", theirs);
    await journey.matrix.sayAs(bob, room, "let me through");
    await journey.matrix.sayAs(admin, room, "end");
    await until(() => journey.remote.said.length === 1);
    expect(journey.remote.said[0]?.text).toBe("end");
    expect(journey.matrix.noticesIn(theirs)).toEqual([]);
  });
});

describe("encrypted rooms", () => {
  test("[R9] linking one is refused with what to do instead", async () => {
    const journey = await startJourney();
    const room = journey.matrix.makeRoom({ creator: admin, members: [journey.matrix.userId], encrypted: true });
    await journey.matrix.sayAs(admin, room, "!fake link #chat");
    await until(() =>
      journey.matrix.noticesIn(room).some((text) => text.includes("Make a new room without encryption")),
    );
    expect(journey.remote.followed()).toEqual([]);
  });

  test("[R9] encryption in a linked room pauses both directions before the next message, and says so", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.setEncrypted(admin, room);
    await journey.remote.says("#chat", "carol", "psst");
    await journey.matrix.sayAs(bob, room, "hm");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("link is paused")));
    await nothing(journey);
    expect(journey.remote.said).toEqual([]);
    expect(journey.matrix.bodiesIn(room).some(({ body }) => body === "psst")).toBe(false);
    await journey.matrix.sayAs(admin, room, "!fake resume");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("cannot be switched off")));
    expect(await journey.bridge.command("links")).toContain("paused");
  });

  test("[R9] an encrypted direct chat is answered once and invited to an unencrypted one", async () => {
    const journey = await startJourney();
    const room = journey.matrix.makeRoom({ creator: bob, members: [] });
    await journey.matrix.inviteBot(bob, room, true);
    await until(() => journey.matrix.noticesIn(room).length === 1);
    await journey.matrix.setEncrypted(bob, room);
    for (let n = 0; n < 2; n++) {
      await journey.matrix.sendAs(bob, room, {
        type: "m.room.encrypted",
        content: { algorithm: "m.megolm.v1.aes-sha2" },
      });
    }
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("I have invited you")));
    await nothing(journey);
    expect(journey.matrix.noticesIn(room).filter((text) => text.includes("I have invited you"))).toHaveLength(1);
  });
});

describe("rooms that change under a link", () => {
  test("[R8] the bot kicked from the room pauses its links", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.removeAs(admin, room, journey.matrix.userId);
    await until(
      () =>
        journey.store.disk.portals.size === 0 ||
        JSON.stringify([...journey.store.disk.portals.values()]).includes("removed from the room"),
    );
    expect(await journey.bridge.command("links")).toContain("removed from the room by @admin:test");
  });

  test("[R8] a replaced room holds its links until the new one proves that it is the one: nothing goes there unchecked", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.sendAs(admin, room, {
      type: "m.room.tombstone",
      stateKey: "",
      content: { replacement_room: "!evil:test" },
    });
    await until(() => [...journey.store.disk.kv.keys()].some((key) => key.startsWith("moving/")));
    await journey.remote.says("#chat", "carol", "while it is open what becomes of it");
    await journey.clock.advance(1_000);
    expect(journey.matrix.bodiesIn(room).map(({ body }) => body)).not.toContain("while it is open what becomes of it");
    expect(await journey.bridge.command("links")).toContain(room);
  });

  test("[R4] links of the config are made once the bot is let in, and end when the config drops them", async () => {
    const links = [{ room: "#plumbed:test", network: "fakenet", chat: "#chat" }];
    let journey = await startJourney({ settings: { links } });
    const room = journey.matrix.makeRoom({ creator: admin, members: [], alias: "#plumbed:test" });
    await journey.clock.advance(6_000);
    await until(() => journey.remote.followed().length === 1);
    journey = await journey.restart();
    await journey.clock.advance(6_000);
    expect(journey.remote.followed()).toEqual(["#chat"]);
    await journey.matrix.sayAs(bob, room, "through the config");
    await until(() => journey.remote.said.length === 1);
    journey = await startJourney({ settings: { links: [] }, before: journey });
    expect(journey.remote.followed()).toEqual([]);
  });
});

describe("siblings", () => {
  const siblings = [{ bot: "@discordbot:test" as never, ghosts: "@_discord_.*:test" }];

  test("a sibling's ghost is carried under its own name, its bot's words and everybody's commands to it are not", async () => {
    const journey = await startJourney({ settings: { siblings } });
    const room = await linkedRoom(journey);
    const origin = { "dev.trestle.origin": { author: "Dora", key: "k", network: "guild" } };
    await journey.matrix.sayAs("@discordbot:test", room, "I am a notice");
    await journey.matrix.sayAs(bob, room, "!discord link general");
    await journey.matrix.sayAs("@_discord_1:test", room, "hi from Discord", { content: origin });
    await journey.matrix.sayAs("@_discord_1:test.evil", room, "not one of them", { content: origin });
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said.map(({ text, author }) => [author, text])).toEqual([
      ["Dora", "hi from Discord"],
      ["_discord_1", "not one of them"],
    ]);
  });
});
