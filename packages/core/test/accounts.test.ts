import { BridgeError } from "@trestle/core";
import { admin, bob, type Journey, linkedRoom, startJourney, until } from "./journey.ts";

const carol = "@carol:test";

/** A direct chat of this person with the bot. */
async function directChat(journey: Journey, user: string) {
  const room = journey.matrix.makeRoom({ creator: user, members: [], direct: true });
  await journey.matrix.inviteBot(user, room, true);
  await until(() => journey.matrix.noticesIn(room).length === 1, "greeted");
  return room;
}

type Room = Awaited<ReturnType<typeof directChat>>;

/** Says something to the bot and gives its answer. */
async function ask({ matrix }: Journey, user: string, room: Room, text: string): Promise<string> {
  const before = matrix.noticesIn(room).length;
  await matrix.sayAs(user, room, text);
  await until(() => matrix.noticesIn(room).length > before, `an answer to ${text}`);
  return matrix.noticesIn(room).at(-1) ?? "";
}

const codeIn = (text: string): string => /tie ([0-9A-Z-]{19})/u.exec(text)?.[1] ?? `no code in ${text}`;

/** A chat of bob with the bot, in which he became `bobby` of the network. */
async function tiedBob(journey: Journey) {
  const direct = await directChat(journey, bob);
  const code = codeIn(await ask(journey, bob, direct, "account tie"));
  expect(await journey.remote.asks("Bobby", code)).toContain(bob);
  await until(() => journey.matrix.noticesIn(direct).some((text) => text.includes("You are Bobby on fakenet")));
  return direct;
}

const bodies = ({ matrix }: Journey, room: Room, text: string) =>
  matrix.bodiesIn(room).filter(({ body }) => body === text);

describe("[P4] an account of the network and a person of Matrix", () => {
  test("are one after the account says the code; both are told", async () => {
    const journey = await startJourney();
    const direct = await tiedBob(journey);
    expect(await ask(journey, bob, direct, "account")).toContain("You are Bobby on fakenet");
    expect(await journey.remote.asks("Bobby", "whoami")).toContain(`tied to ${bob}`);
  });

  test("what he says from Matrix goes through his account, what others say does not", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await tiedBob(journey);
    await journey.matrix.sayAs(bob, room, "mine");
    await journey.matrix.sayAs(admin, room, "not his");
    await until(() => journey.remote.said.length === 2);
    expect(journey.remote.said.map(({ account }) => account)).toEqual(["bobby", undefined]);
  });

  test("the network must vouch for the account, and the code stays good", async () => {
    const journey = await startJourney();
    const direct = await directChat(journey, bob);
    const code = codeIn(await ask(journey, bob, direct, "account tie"));
    expect(await journey.remote.asks("Bobby", `tie ${code}`, { proven: false })).toContain("does not vouch");
    expect(await ask(journey, bob, direct, "account")).toContain("No account");
    expect(await journey.remote.asks("Bobby", `tie ${code.toLowerCase()}`)).toContain("Done");
  });

  test("a code holds once, for ten minutes, and on its own network", async () => {
    const journey = await startJourney();
    const direct = await directChat(journey, bob);
    const code = codeIn(await ask(journey, bob, direct, "account tie"));
    expect(await journey.remote.asks("Bobby", code)).toContain("Done");
    expect(await journey.remote.asks("Mallory", code)).toContain("no such code");
    const late = codeIn(await ask(journey, bob, direct, "account tie"));
    await journey.clock.advance(10 * 60_000);
    expect(await journey.remote.asks("Mallory", late)).toContain("no such code");
  });

  test("guesses are few", async () => {
    const journey = await startJourney();
    const direct = await directChat(journey, bob);
    const code = codeIn(await ask(journey, bob, direct, "account tie"));
    for (let n = 0; n < 5; n++)
      expect(await journey.remote.asks("Mallory", "0000-0000-0000-0000")).toContain("no such");
    expect(await journey.remote.asks("Mallory", code)).toContain("too many");
    expect(await journey.remote.asks("Bobby", code)).toContain("Done");
  });

  test("a code is never shown in a room that others read", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const direct = await directChat(journey, bob);
    expect(await ask(journey, bob, room, "!fake account tie")).toBe("I have written to you in a direct chat.");
    await until(() => journey.matrix.noticesIn(direct).some((text) => text.includes("tie ")));
    expect(journey.matrix.noticesIn(room).join("\n")).not.toMatch(/tie [0-9A-Z]{4}-/u);
    const code = codeIn(journey.matrix.noticesIn(direct).at(-1) ?? "");
    expect(await journey.remote.asks("Bobby", code)).toContain("Done");
  });

  test("the account is another's only with a new proof, and the former one is told", async () => {
    const journey = await startJourney();
    const direct = await tiedBob(journey);
    const other = await directChat(journey, carol);
    const code = codeIn(await ask(journey, carol, other, "account tie"));
    await journey.remote.asks("Bobby", code);
    await until(() => journey.matrix.noticesIn(direct).some((text) => text.includes(`it proved to be ${carol}`)));
    expect(await ask(journey, bob, direct, "account")).toContain("No account");
    expect(await ask(journey, carol, other, "account")).toContain("You are Bobby");
  });

  test("is untied from either side", async () => {
    const journey = await startJourney();
    const direct = await tiedBob(journey);
    expect(await ask(journey, bob, direct, "account forget nobody")).toContain("No such account");
    expect(await ask(journey, bob, direct, "account forget fakenet bobby")).toContain("no longer you");
    expect(await journey.remote.asks("Bobby", "whoami")).toContain("tied to nobody");
    const code = codeIn(await ask(journey, bob, direct, "account tie fakenet"));
    await journey.remote.asks("Bobby", code);
    await journey.remote.asks("Bobby", "erase yes", { proven: false });
    expect(await journey.remote.asks("Bobby", "whoami")).toContain(`tied to ${bob}`);
    await journey.remote.asks("Bobby", "erase yes");
    await until(() => journey.matrix.noticesIn(direct).some((text) => text.includes("undone from there")));
  });

  test("a question that is answered twice for want of an answer has one code", async () => {
    const journey = await startJourney();
    const direct = await directChat(journey, bob);
    journey.matrix.outcomeUnknown(direct);
    const code = codeIn(await ask(journey, bob, direct, "account tie"));
    await journey.clock.advance(120_000);
    await ask(journey, bob, direct, "help");
    expect(journey.matrix.matrix.duplicates).toHaveLength(1);
    expect(await journey.remote.asks("Bobby", code)).toContain("Done");
  });

  test("the code is still good after a kill", async () => {
    let journey = await startJourney();
    const direct = await directChat(journey, bob);
    const code = codeIn(await ask(journey, bob, direct, "account tie"));
    journey = await journey.restart();
    expect(await journey.remote.asks("Bobby", code)).toContain("Done");
    journey = await journey.restart();
    expect(await ask(journey, bob, direct, "account")).toContain("You are Bobby on fakenet");
  });

  test("a kill between the proof and the news: both are one, and he is told", async () => {
    let journey = await startJourney();
    const direct = await directChat(journey, bob);
    const code = codeIn(await ask(journey, bob, direct, "account tie"));
    // The code is marked as used, and no more.
    const put = journey.store.accounts.put;
    Object.assign(journey.store.accounts, { put: () => new Promise(() => undefined) });
    journey.remote.asks("Bobby", code).catch(() => undefined);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    Object.assign(journey.store.accounts, { put });
    journey = await journey.restart();
    await until(() => journey.matrix.noticesIn(direct).some((text) => text.includes("You are Bobby on fakenet")));
    expect(await journey.remote.asks("Mallory", code)).toContain("no such code");
    expect(await ask(journey, bob, direct, "account")).toContain("You are Bobby on fakenet");
  });
});

describe("[P3] a person as himself in Matrix", () => {
  const token = "syt_Ym9i_secretsecretsecret";

  test("his own line on the network appears once, as himself, and does not come back", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const direct = await tiedBob(journey);
    journey.matrix.puppets.allowToken(bob, token);
    expect(await ask(journey, bob, direct, `login-matrix ${token}`)).toContain("appears as yourself");
    await journey.remote.says("#chat", "Bobby", "it is me");
    await until(() => bodies(journey, room, "it is me").length > 0);
    await journey.clock.advance(60_000);
    expect(bodies(journey, room, "it is me")).toEqual([{ sender: bob, body: "it is me" }]);
    expect(journey.remote.said).toEqual([]);
    await journey.remote.says("#chat", "Bobb", "not me");
    await until(() => bodies(journey, room, "not me").length > 0);
    expect(bodies(journey, room, "not me")[0]?.sender).not.toBe(bob);
  });

  test("he may change from Matrix what he said on the network, and the other way round; nobody else may", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const direct = await tiedBob(journey);
    journey.matrix.puppets.allowToken(bob, token);
    await ask(journey, bob, direct, `login-matrix ${token}`);
    const there = await journey.remote.says("#chat", "Bobby", "frist");
    await until(() => bodies(journey, room, "frist").length > 0);
    const event = journey.matrix.eventsIn(room).find(({ content }) => content["body"] === "frist")?.event_id ?? "";
    await journey.matrix.editAs(admin, room, event, "hijacked");
    await journey.matrix.editAs(bob, room, event, "first");
    await until(() => journey.remote.said.length === 1);
    expect(journey.remote.said[0]).toMatchObject({ kind: "edit", text: "first", target: there });
    await journey.matrix.sayAs(bob, room, "secnod");
    await until(() => journey.remote.said.length === 2);
    const target = journey.remote.said[1]?.id ?? "";
    await journey.remote.edits("#chat", "Mallory", target, "hijacked");
    await journey.remote.edits("#chat", "Bobby", target, "second");
    await until(() => bodies(journey, room, "* second").length > 0);
    expect(bodies(journey, room, "* second")[0]?.sender).toBe(bob);
    expect(bodies(journey, room, "* hijacked").map(({ sender }) => sender)).toEqual([admin]);
  });
});

describe("[P3] an access token said to the bot", () => {
  const token = "syt_Ym9i_secretsecretsecret";
  /** Everything of ours that could hold it: what the server has, what is stored, what was logged. */
  const traces = (journey: Journey) => {
    const events = [...journey.matrix.matrix.rooms.values()].flatMap((room) => room.events);
    return JSON.stringify([events, journey.log.entries]);
  };
  const journalOf = async (journey: Journey) => {
    const keys = [...journey.matrix.matrix.rooms.values()].flatMap((room) =>
      room.events.map((e) => `m/${e.event_id}/0`),
    );
    return JSON.stringify(await journey.store.journal.find(keys as never));
  };

  test.each([
    ["that is good", token, "appears as yourself"],
    ["that is another's", "syt_other_secretsecretsecret", "is not yours"],
    ["at which the login breaks", "boom_secretsecretsecret", "did not work"],
    ["that looks like none", "justsomething", "is not yours"],
  ])("%s is taken out of sight, and stands nowhere", async (_what, said, answer) => {
    const journey = await startJourney();
    const direct = await directChat(journey, bob);
    await journey.matrix.setPower(direct, { users: { [bob]: 100, [journey.matrix.userId]: 100 } });
    journey.matrix.puppets.allowToken(bob, token);
    const told = await ask(journey, bob, direct, `login-matrix ${said}`);
    expect(told).toContain(answer);
    expect(told).toContain("taken your message back");
    expect(journey.matrix.puppets.tried).toEqual([said]);
    expect(traces(journey)).not.toContain(said);
    expect(await journalOf(journey)).not.toContain(said);
    expect(await journey.store.secrets.list("said/")).toEqual([]);
  });

  test("is no job's body while it waits, and a kill in between changes nothing", async () => {
    let journey = await startJourney();
    const direct = await directChat(journey, bob);
    journey.matrix.puppets.allowToken(bob, token);
    Object.assign(journey.matrix.puppets, { login: () => new Promise(() => undefined) });
    await journey.matrix.sayAs(bob, direct, `login-matrix ${token}`);
    expect(await journalOf(journey)).not.toContain(token);
    expect(await journey.store.secrets.list("said/")).toHaveLength(1);
    journey = await journey.restart();
    await until(() => journey.matrix.noticesIn(direct).some((text) => text.includes("appears as yourself")));
    expect(await journey.store.secrets.list("said/")).toEqual([]);
    expect(traces(journey)).not.toContain(token);
  });

  test("in a room is taken back, not used, and called known to all", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.setPower(room, { users: { [admin]: 100, [journey.matrix.userId]: 50 } });
    journey.matrix.puppets.allowToken(bob, token);
    expect(await ask(journey, bob, room, `!fake login-matrix ${token}`)).toContain("does not belong in a room");
    expect(journey.matrix.puppets.tried).toEqual([]);
    expect(traces(journey)).not.toContain(token);
    expect(journey.remote.said).toEqual([]);
  });

  test("where the bot may not take it back, he himself does, or is asked to", async () => {
    const journey = await startJourney();
    const direct = await directChat(journey, bob);
    journey.matrix.puppets.allowToken(bob, token);
    expect(await ask(journey, bob, direct, "login-matrix wrong")).toContain("please delete it yourself");
    expect(await ask(journey, bob, direct, `login-matrix ${token}`)).toContain("taken your message back");
    expect(traces(journey)).not.toContain(token);
  });

  test("in an edit of a command, or behind a misspelt one, crosses to nobody", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.matrix.setPower(room, { users: { [admin]: 100, [journey.matrix.userId]: 50 } });
    const first = await journey.matrix.sayAs(bob, room, "!fake help");
    await journey.matrix.editAs(bob, room, first, `!fake login-matrix ${token}`);
    await journey.matrix.sayAs(bob, room, `!fake login-martix ${token}`);
    await journey.matrix.editAs(bob, room, first, "!fake status");
    await journey.matrix.sayAs(bob, room, "end");
    await until(() => journey.remote.said.length === 1);
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("edited command")));
    expect(journey.remote.said.map(({ text }) => text)).toEqual(["end"]);
    expect(traces(journey)).not.toContain(token);
  });

  test("of a command that fails for good stands in no dead letter, and is forgotten at the next start", async () => {
    let journey = await startJourney();
    const direct = await directChat(journey, bob);
    const { notify } = journey.matrix;
    Object.assign(journey.matrix, { notify: () => Promise.reject(new BridgeError("homeserver-refused", "no")) });
    await journey.matrix.sayAs(bob, direct, `login-matrix ${token}`);
    await until(() => journey.log.entries.some(({ message }) => message === "a message did not get across"));
    Object.assign(journey.matrix, { notify });
    const dead = await journey.store.journal.dead({ limit: 10 });
    expect(dead).toHaveLength(1);
    expect(JSON.stringify(dead)).not.toContain(token);
    journey = await journey.restart();
    expect(await journey.store.secrets.list("said/")).toEqual([]);
  });

  test("that comes again when it was dealt with is not kept again", async () => {
    const journey = await startJourney();
    const direct = await directChat(journey, bob);
    const said = await journey.matrix.sayAs(bob, direct, `login-matrix ${token}`);
    const event = journey.matrix.eventsIn(direct).find((one) => one.event_id === said);
    if (event === undefined) throw new Error("the event is not in the room");
    await until(() => journey.matrix.noticesIn(direct).some((text) => text.includes("is not yours")));
    await until(() => journey.store.disk.secrets.size === 0);
    await journey.matrix.pushEvents([event]);
    expect(await journey.store.secrets.list("said/")).toEqual([]);
    expect(journey.matrix.puppets.tried).toHaveLength(1);
  });

  test("that cannot be sealed is not kept, and he is told", async () => {
    const journey = await startJourney();
    const direct = await directChat(journey, bob);
    Object.assign(journey.store.secrets, { put: () => Promise.reject(new Error("no key")) });
    expect(await ask(journey, bob, direct, `login-matrix ${token}`)).toContain("no key to seal it with");
    expect(await journalOf(journey)).not.toContain(token);
  });
});

describe("[P3] logging in without a token, out, and being thrown out", () => {
  test("by a grant: address and code, then how it went", async () => {
    const journey = await startJourney();
    journey.matrix.puppets.offerGrants();
    const direct = await directChat(journey, bob);
    expect(await ask(journey, bob, direct, "login-matrix")).toContain(
      "https://test/device and enter the code WDJB-MJHT",
    );
    journey.matrix.puppets.endGrant(bob, { ok: true, way: "oauth", problems: [] });
    await until(() => journey.matrix.noticesIn(direct).some((text) => text.startsWith("You are logged in")));
    expect(await ask(journey, bob, direct, "ping-matrix")).toContain("I can act as you");
    expect(await ask(journey, bob, direct, "logout-matrix")).toContain("no longer act as you");
    expect(await ask(journey, bob, direct, "ping-matrix")).toContain("There is no token. Say `login-matrix`.");
  });

  test("a grant that a kill ended is said to be over", async () => {
    let journey = await startJourney();
    journey.matrix.puppets.offerGrants();
    const direct = await directChat(journey, bob);
    await ask(journey, bob, direct, "login-matrix");
    journey = await journey.restart();
    await until(() => journey.matrix.noticesIn(direct).some((text) => text.includes("was interrupted")));
    journey = await journey.restart();
    await journey.clock.advance(1_000);
    expect(journey.matrix.noticesIn(direct).filter((text) => text.includes("was interrupted"))).toHaveLength(1);
  });

  test("without grants: how to get a token, and only in a direct chat", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    expect(await ask(journey, bob, room, "!fake login-matrix")).toContain("in a direct chat");
    const direct = await directChat(journey, bob);
    expect(await ask(journey, bob, direct, "login-matrix")).toContain("access token");
  });

  test("a lost login is said once, also across a kill, and again after a new login", async () => {
    let journey = await startJourney();
    const direct = await directChat(journey, bob);
    const lost = () => journey.matrix.noticesIn(direct).filter((text) => text.startsWith("I can no longer act as you"));
    journey.matrix.losePuppet(bob, "the token was refused");
    journey.matrix.losePuppet(bob, "the token was refused");
    await until(() => lost().length === 1);
    journey = await journey.restart();
    journey.matrix.losePuppet(bob, "the token was refused");
    await journey.clock.advance(60_000);
    expect(lost()).toHaveLength(1);
    journey.matrix.puppets.allowToken(bob, "good-token");
    await ask(journey, bob, direct, "login-matrix good-token");
    journey.matrix.losePuppet(bob, "it was refused again");
    await until(() => lost().length === 2);
  });

  test("who has left the direct chat is invited to another", async () => {
    const journey = await startJourney();
    const direct = await directChat(journey, bob);
    await journey.matrix.leaveAs(bob, direct);
    journey.matrix.losePuppet(bob, "the token was refused");
    const other = () => [...journey.matrix.matrix.rooms.values()].find((room) => room.direct && room.id !== direct);
    await until(() =>
      journey.matrix.noticesIn(other()?.id ?? direct).some((text) => text.startsWith("I can no longer")),
    );
    expect(other()).toBeDefined();
    expect(journey.matrix.noticesIn(direct)).toHaveLength(1);
  });

  test("who has no direct chat is invited to one", async () => {
    const journey = await startJourney();
    journey.matrix.losePuppet(carol, "the token was refused");
    await until(() => [...journey.matrix.matrix.rooms.values()].some(({ direct }) => direct));
    const room = [...journey.matrix.matrix.rooms.values()].find(({ direct }) => direct);
    await until(() => room !== undefined && journey.matrix.noticesIn(room.id).length === 1);
  });
});
