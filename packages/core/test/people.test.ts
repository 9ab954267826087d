import { jobKey, type RoomId } from "@trestle/core";
import { createFakeNetwork } from "@trestle/testing";
import { admin, bob, type Journey, linkedRoom, startJourney, until } from "./journey.ts";

const texts = ({ remote }: Journey) => remote.said.map(({ text }) => text);

async function ask({ matrix }: Journey, user: string, room: RoomId, text: string): Promise<string> {
  const before = matrix.noticesIn(room).length;
  await matrix.sayAs(user, room, `!fake ${text}`);
  await until(() => matrix.noticesIn(room).length > before, `an answer to ${text}`);
  return matrix.noticesIn(room).at(-1) ?? "";
}

const eventOf = ({ matrix }: Journey, room: RoomId, body: string) =>
  matrix.eventsIn(room).find(({ content }) => content["body"] === body)?.event_id ?? "";

const arrived = ({ matrix }: Journey, room: RoomId) =>
  matrix.bodiesIn(room).flatMap(({ sender, body }) => (sender.startsWith("@_fake_") ? [body] : []));

async function tie(journey: Journey, room: RoomId, who: string): Promise<void> {
  await ask(journey, bob, room, "account tie");
  const told = () => [...journey.matrix.matrix.rooms.values()].flatMap(({ id }) => journey.matrix.noticesIn(id));
  const code = () => told().flatMap((text) => /tie ([0-9A-Z-]{19})/u.exec(text)?.[1] ?? []);
  await until(() => code().length > 0);
  expect(await journey.remote.asks(who, code().at(-1) ?? "")).toContain("Done");
}

describe("[P5] who says not to be bridged", () => {
  test("in Matrix: nothing new of him crosses, nothing is stored, his changes of what had crossed do", async () => {
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    const kept = await journey.matrix.sayAs(bob, room, "before");
    const gone = await journey.matrix.sayAs(bob, room, "regret");
    await until(() => journey.remote.said.length === 2);
    expect(await ask(journey, bob, room, "bridge-me off")).toContain("nothing that you say is carried");
    journey = await journey.restart();
    const secret = await journey.matrix.sayAs(bob, room, "secret");
    await journey.matrix.reactAs(bob, room, kept, "👍");
    await journey.matrix.editAs(bob, room, secret, "still secret");
    await journey.matrix.editAs(bob, room, kept, "before, mended");
    await journey.matrix.redactAs(bob, room, gone);
    await journey.matrix.sayAs(admin, room, "end");
    await until(() => texts(journey).includes("end"));
    const said = journey.remote.said.map(({ kind, text }) => `${kind} ${text}`);
    expect(said).toEqual(["message before", "message regret", "edit before, mended", "delete ", "message end"]);
    const keys = [0, 1, 2].flatMap((portal) => [`m/${secret}/${portal}`, `s/${secret}/${portal}`]);
    expect(await journey.store.journal.find(keys.map(jobKey))).toEqual([]);
    expect(await ask(journey, bob, room, "bridge-me")).toContain("You are not bridged");
    await ask(journey, bob, room, "bridge-me on");
    await journey.matrix.sayAs(bob, room, "again");
    await until(() => texts(journey).includes("again"));
  });

  test("on the network: the same, said to the bridge in private", async () => {
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    const kept = await journey.remote.says("#chat", "Carol", "before");
    const gone = await journey.remote.says("#chat", "Carol", "regret");
    await until(() => arrived(journey, room).length === 2);
    expect(await journey.remote.asks("Carol", "OptOut", { proven: false })).toContain(
      "nothing that you say is carried",
    );
    journey = await journey.restart();
    const secret = await journey.remote.says("#chat", "Carol", "secret");
    await journey.remote.edits("#chat", "Carol", secret, "still secret");
    await journey.remote.reacts("#chat", "Carol", kept, "👍");
    await journey.remote.edits("#chat", "Carol", kept, "before, mended");
    await journey.remote.deletes("#chat", "Carol", gone);
    await journey.remote.renames("Carol", "Caroline");
    await journey.remote.says("#chat", "Caroline", "secret under another name");
    await journey.remote.says("#chat", "Dave", "end");
    await until(() => arrived(journey, room).includes("end"));
    expect(arrived(journey, room)).toEqual(["before", "* before, mended", "end"]);
    expect(journey.matrix.eventsIn(room, "m.reaction")).toEqual([]);
    expect(JSON.stringify(journey.matrix.eventsIn(room))).not.toContain("Caroline");
    expect(await journey.remote.asks("Carol", "optin")).toContain("carried again");
    await journey.remote.says("#chat", "Carol", "again");
    await until(() => arrived(journey, room).includes("again"));
  });

  test("is not bridged as his account either", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await tie(journey, room, "Bobby");
    await ask(journey, bob, room, "bridge-me off");
    await journey.remote.says("#chat", "Bobby", "secret");
    await journey.remote.says("#chat", "Dave", "end");
    await until(() => arrived(journey, room).includes("end"));
    expect(arrived(journey, room)).toEqual(["end"]);
    expect(await journey.remote.asks("Bobby", "optin")).toContain("You said on Matrix");
  });

  test("is not among the members of a room either, and sets no topic by name", async () => {
    const journey = await startJourney({ settings: { members: "full" } });
    await linkedRoom(journey);
    const wanted: string[][] = [];
    const by: (string | undefined)[] = [];
    const { matrix, remote } = journey;
    Object.assign(matrix, {
      applyMembers: async (_room: RoomId, _network: string, members: readonly { readonly id: string }[]) =>
        void wanted.push(members.map(({ id }) => id)),
      applyRoom: async (_room: RoomId, _wanted: unknown, author?: { readonly id: string }) => void by.push(author?.id),
    });
    await remote.says("#chat", "Carol", "hi");
    await remote.says("#chat", "Dave", "hi");
    await remote.asks("Carol", "optout");
    const chat = remote.network.chatKey("#chat");
    await remote.emit({ kind: "members-changed", key: "m1", chat });
    await remote.changesTopic("#chat", "Carol", "hers");
    await remote.changesTopic("#chat", "Dave", "his");
    await until(() => wanted.length === 1 && by.length === 2);
    expect(wanted).toEqual([["dave"]]);
    expect(by).toEqual([undefined, "dave"]);
  });

  test("nobody is told", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await ask(journey, bob, room, "bridge-me off");
    const before = journey.matrix.noticesIn(room).length;
    await journey.matrix.sayAs(bob, room, "secret");
    await journey.matrix.sayAs(admin, room, "end");
    await until(() => texts(journey).includes("end"));
    expect(journey.matrix.noticesIn(room)).toHaveLength(before);
  });
});

describe("[P5] a chosen name", () => {
  test("is shown on the other side until it is taken back, also after a kill", async () => {
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    expect(await ask(journey, bob, room, "name  Robert  the Bruce")).toContain("You appear as Robert the Bruce");
    journey = await journey.restart();
    await journey.matrix.sayAs(bob, room, "one");
    await until(() => journey.remote.said.length === 1);
    await ask(journey, bob, room, "name off");
    await journey.matrix.sayAs(bob, room, "two");
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said.map(({ author }) => author)).toEqual(["Robert the Bruce", "bob"]);
  });

  test.each(["system", "FаkeBot", "\u200b", "Alice (@alice:test)", "Alice [via alice]"])(
    "[P6] %j is nobody's to choose",
    async (name) => {
      const journey = await startJourney();
      const room = await linkedRoom(journey);
      expect(await ask(journey, bob, room, `name ${name}`)).not.toContain("from now on");
      await journey.matrix.sayAs(bob, room, "one");
      await until(() => journey.remote.said.length === 1);
      expect(journey.remote.said[0]?.author).toBe("bob");
    },
  );
});

describe("[P5] what is kept of a person", () => {
  test("he can see, and have erased; his messages can still be deleted", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.joinAs(bob, room);
    const said = await journey.matrix.sayAs(bob, room, "something of mine");
    await until(() => journey.remote.said.length === 1);
    await tie(journey, room, "Bobby");
    await ask(journey, bob, room, "name Robert");
    const before = await ask(journey, bob, room, "my-data");
    expect(before).toMatch(/ids of 1, .* text of 1 /u);
    expect(before).toMatch(/Bobby on fakenet/u);
    expect(before).toContain("when you came: 1");
    expect(before).toContain("shown as Robert");
    expect(await ask(journey, bob, room, "erase-me")).toContain("erase-me everything");
    expect(await journey.store.messages.ofAuthor(bob)).toEqual({ messages: 1, texts: 1 });
    expect(await ask(journey, bob, room, "erase-me everything")).toContain("Erased");
    const after = await ask(journey, bob, room, "my-data");
    expect(after).toContain("text of 0 of them");
    expect(after).toContain("tied to you: none");
    expect(after).toContain("when you came: 0");
    expect(after).not.toContain("Robert");
    const kept = JSON.stringify([await journey.store.kv.list("joined/"), await journey.store.accounts.list()]);
    expect(kept).not.toContain(bob);
    await journey.matrix.redactAs(bob, room, said);
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said[1]?.kind).toBe("delete");
  });

  test("what was erased is quoted to nobody", async () => {
    const journey = await startJourney({ connector: { capabilities: { replies: false } } });
    const room = await linkedRoom(journey);
    const said = await journey.matrix.sayAs(bob, room, "something of mine");
    await until(() => journey.remote.said.length === 1);
    await ask(journey, bob, room, "erase-me everything");
    await journey.matrix.sayAs(admin, room, "what?", { replyTo: said });
    await until(() => journey.remote.said.length === 2);
    expect(texts(journey)[1]).toContain("what?");
    expect(texts(journey)[1]).not.toMatch(/something|bob/u);
  });

  test("of one network is not his namesake's on another", async () => {
    const connector = { network: createFakeNetwork(["fakenet", "othernet"]) };
    const journey = await startJourney({ connector });
    const room = await linkedRoom(journey, "fakenet #chat");
    const other = await linkedRoom(journey, "othernet #chat");
    await journey.remote.says("#chat", "Carol", "here");
    await journey.remote.says("#chat", "Carol", "there", { network: "othernet" });
    await until(() => arrived(journey, room).length === 1 && arrived(journey, other).length === 1);
    await until(() => journey.store.disk.messages.size === 2);
    await journey.remote.asks("Carol", "erase yes", { network: "othernet" });
    expect(await journey.remote.asks("Carol", "my data")).toContain("ids of 1 messages of yours, the text of 1");
    expect(await journey.remote.asks("Carol", "my data", { network: "othernet" })).toContain("the text of 0");
  });

  test("of what did not get across nothing is left either", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const refused = () => journey.remote.setDown("maintenance");
    await refused();
    await journey.matrix.sayAs(bob, room, "never sent");
    await journey.clock.advance(25 * 3_600_000);
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("too long")));
    expect(await ask(journey, bob, room, "my-data")).toContain("1 that did not get across");
    await ask(journey, bob, room, "erase-me everything");
    expect(await journey.store.journal.dead({ limit: 10 })).toEqual([]);
  });

  test("erasing ends what it began before a kill, and keeps that he is not to be bridged", async () => {
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    await tie(journey, room, "Bobby");
    await journey.remote.says("#chat", "Bobby", "mine as well");
    await until(() => arrived(journey, room).length === 1);
    await ask(journey, bob, room, "bridge-me off");
    const never = () => new Promise<never>(() => undefined);
    const { remove } = journey.store.accounts;
    Object.assign(journey.store.accounts, { remove: never });
    await journey.matrix.sayAs(bob, room, "!fake erase-me everything");
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(journey.matrix.noticesIn(room).at(-1)).not.toContain("Erased");
    Object.assign(journey.store.accounts, { remove });
    journey = await journey.restart();
    await until(() => journey.matrix.noticesIn(room).at(-1)?.startsWith("Erased") === true);
    expect(await journey.store.accounts.list()).toEqual([]);
    expect(await journey.store.messages.ofAuthor("bobby")).toMatchObject({ texts: 0 });
    expect(await ask(journey, bob, room, "my-data")).toContain("not to be bridged");
  });

  test("a quote shows him nothing from before he was erased: when he came is forgotten", async () => {
    const journey = await startJourney({ connector: { capabilities: { replies: false } } });
    const room = await linkedRoom(journey);
    const old = await journey.remote.says("#chat", "Carol", "before he came");
    await until(() => arrived(journey, room).length === 1);
    await journey.clock.advance(1_000);
    const late = "@late:test";
    await journey.matrix.joinAs(late, room);
    await journey.clock.advance(1_000);
    await ask(journey, late, room, "erase-me everything");
    await journey.matrix.sayAs(late, room, "what?", { replyTo: eventOf(journey, room, "before he came") });
    await until(() => journey.remote.said.length === 1);
    expect(old).not.toBe("");
    expect(texts(journey)[0]).not.toContain("before he came");
  });

  test("somebody of the network sees it and has it erased from there", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.remote.says("#chat", "Carol", "something of mine");
    await until(() => arrived(journey, room).length === 1);
    let kept = "";
    for (let turn = 0; turn < 20 && !kept.includes("ids of 1"); turn++)
      kept = await journey.remote.asks("Carol", "my data");
    expect(kept).toContain("ids of 1 messages of yours, the text of 1");
    expect(await journey.remote.asks("Carol", "erase")).toContain("erase yes");
    expect(await journey.remote.asks("Carol", "erase yes")).toContain("Erased");
    expect(await journey.remote.asks("Carol", "my data")).toContain("the text of 0");
    expect(await journey.remote.asks("Carol", "hello?")).toContain("optout");
  });
});

describe("[P6] nobody passes for somebody else", () => {
  const mallory = "@mallory:evil";
  const authors = ({ remote }: Journey) => remote.said.map(({ author }) => author);

  test.each([
    ["a member who has said nothing", async (_journey: Journey, _room: RoomId) => {}, "Bоb"],
    ["somebody of the network", (journey: Journey) => journey.remote.says("#chat", "Carol", "hi"), "Сarol"],
    ["the bot", async () => {}, "fakebot"],
    ["the bridge", async () => {}, "SYSTEM"],
  ])("as %s", async (_whom, before, name) => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await before(journey, room);
    // Whoever is there is asked for in the background, from the first message on.
    await journey.matrix.sayAs(admin, room, "first");
    await until(() => journey.remote.said.length === 1);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await journey.matrix.joinAs(mallory, room, name);
    await journey.matrix.sayAs(mallory, room, "trust me");
    await until(() => journey.remote.said.length === 2);
    expect(authors(journey)[1]).toBe(`${name} (${mallory})`);
  });

  test("also right after a restart, by what was said lately", async () => {
    let journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.remote.says("#chat", "Carol", "hi");
    await until(() => arrived(journey, room).length === 1);
    journey = await journey.restart();
    await journey.matrix.joinAs(mallory, room, "CAROL");
    await journey.matrix.sayAs(mallory, room, "trust me");
    await until(() => journey.remote.said.length === 1);
    expect(authors(journey)).toEqual([`CAROL (${mallory})`]);
  });

  test("who is both is not his own double", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.remote.says("#chat", "Bob", "hi");
    await journey.matrix.sayAs(bob, room, "not tied yet");
    await until(() => journey.remote.said.length === 1);
    await tie(journey, room, "Bob");
    await journey.matrix.sayAs(bob, room, "tied");
    await until(() => journey.remote.said.length === 2);
    expect(authors(journey)).toEqual([`bob (${bob})`, "bob"]);
  });

  test("a profile for one message is a name, never an identity, and never an account", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await tie(journey, room, "Bobby");
    await journey.remote.says("#chat", "Carol", "hi");
    await until(() => arrived(journey, room).length === 1);
    const profile = (displayname: string) => ({
      content: { "com.beeper.per_message_profile": { id: "p", displayname } },
    });
    await journey.matrix.sayAs(bob, room, "one", profile("Seraph"));
    await journey.matrix.sayAs(bob, room, "two", profile("carol"));
    await journey.matrix.sayAs(bob, room, "three", profile("system"));
    await until(() => journey.remote.said.length === 3);
    expect(authors(journey)).toEqual(["Seraph", `carol [via ${bob}]`, `system [via ${bob}]`]);
    expect(journey.remote.said.map(({ account }) => account)).toEqual([undefined, undefined, undefined]);
  });
});
