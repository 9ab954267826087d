import { type EventId, eventId, type RoomId, userId } from "@trestle/core";
import { admin, bob, type Journey, linkedRoom, startJourney, until } from "./journey.ts";

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const shown = ({ remote }: Journey, kind: string) => remote.said.filter((line) => line.kind === kind);

const types = ({ matrix }: Journey, room: RoomId, ...users: string[]) =>
  matrix.tellEphemeral({ kind: "typing", room, users: users.map(userId) });
const reads = ({ matrix }: Journey, room: RoomId, user: string, upTo: EventId) =>
  matrix.tellEphemeral({ kind: "read", room, user: userId(user), upTo });

/** Bob is `bobby` of the network, and we may act for him. */
async function tiedBob(journey: Journey): Promise<void> {
  const direct = journey.matrix.makeRoom({ creator: bob, members: [], direct: true });
  const code = () => /tie ([0-9A-Z-]{19})/u.exec(journey.matrix.noticesIn(direct).join("\n"))?.[1];
  await journey.matrix.inviteBot(bob, direct, true);
  await journey.matrix.sayAs(bob, direct, "account tie");
  await until(() => code() !== undefined);
  await journey.remote.asks("Bobby", code() ?? "");
  journey.matrix.puppets.allowToken(bob, "good-token");
  await journey.matrix.sayAs(bob, direct, "login-matrix good-token");
  await until(() => journey.matrix.puppets.has(userId(bob)));
}

describe("[C16] typing in Matrix", () => {
  test("is shown on the network when it begins and when it ends, and not stored", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    types(journey, room, bob);
    types(journey, room, bob);
    await until(() => shown(journey, "typing").length === 1);
    types(journey, room);
    await until(() => shown(journey, "typing").length === 2);
    await turns(20);
    const parts = shown(journey, "typing").map(({ part, userId: who }) => [who, part["active"]]);
    expect(parts).toEqual([
      [bob, true],
      [bob, false],
    ]);
    expect(await journey.store.journal.counts()).toMatchObject({ queued: 0, parked: 0, dead: 0 });
  });

  test("of a ghost, of the bot, of who is not bridged or not permitted is nothing", async () => {
    const settings = {
      permissions: [
        { actor: "@blocked:test", level: "block" as const },
        { actor: "*", level: "admin" as const },
      ],
    };
    const journey = await startJourney({ settings });
    const room = await linkedRoom(journey);
    await journey.remote.says("#chat", "Carol", "hi");
    const ghost = () => journey.matrix.bodiesIn(room).find(({ body }) => body === "hi")?.sender;
    await until(() => ghost() !== undefined);
    await journey.matrix.sayAs(bob, room, "!fake bridge-me off");
    await until(() => journey.matrix.noticesIn(room).some((text) => text.includes("From now on")));
    for (const who of [ghost() ?? "", journey.matrix.userId, bob, "@blocked:test"]) {
      types(journey, room, who);
      await turns(10);
      types(journey, room);
      await turns(10);
    }
    expect(shown(journey, "typing")).toEqual([]);
  });

  test("where the network knows none, nobody is asked", async () => {
    const journey = await startJourney({ connector: { capabilities: { actions: new Set(["message"] as const) } } });
    const room = await linkedRoom(journey);
    types(journey, room, bob);
    await turns(20);
    expect(journey.remote.said).toEqual([]);
  });

  test("a slow network gets the newest when it is ready, and no message waits for it", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const { sendPart } = journey.remote;
    const release: (() => void)[] = [];
    let sent = 0;
    const slow: typeof sendPart = async (...args) => {
      if (args[1]["kind"] === "typing") {
        sent += 1;
        await new Promise<void>((resolve) => release.push(resolve));
      }
      return sendPart(...args);
    };
    Object.assign(journey.remote, { sendPart: slow });
    for (const active of [true, false, true, false, true]) {
      if (active) types(journey, room, bob);
      else types(journey, room);
    }
    await turns(20);
    expect(sent).toBe(1);
    await journey.matrix.sayAs(bob, room, "said meanwhile");
    await until(() => shown(journey, "message").length === 1);
    release[0]?.();
    await until(() => sent === 2);
    release[1]?.();
    await turns(20);
    expect(sent).toBe(2);
    expect(shown(journey, "typing").map(({ part }) => part["active"])).toEqual([true, true]);
  });

  test("one that never ends holds up the next for ten seconds, not for ever", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    const { sendPart } = journey.remote;
    let stuck = true;
    const once: typeof sendPart = (...args) => {
      if (!stuck) return sendPart(...args);
      stuck = false;
      return new Promise(() => undefined);
    };
    Object.assign(journey.remote, { sendPart: once });
    types(journey, room, bob);
    await turns(10);
    types(journey, room);
    await turns(10);
    expect(shown(journey, "typing")).toEqual([]);
    await journey.clock.advance(10_000);
    await until(() => shown(journey, "typing").length === 1);
  });
});

describe("[C16] read marks of Matrix", () => {
  test("cross as the person's own, for messages that crossed, and for nobody who has no account there", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await tiedBob(journey);
    const said = await journey.remote.says("#chat", "Carol", "read me");
    const event = () => journey.matrix.eventsIn(room).find(({ content }) => content["body"] === "read me")?.event_id;
    await until(() => event() !== undefined);
    reads(journey, room, admin, event() ?? eventId(""));
    await turns(20);
    reads(journey, room, bob, eventId("$never-crossed"));
    await turns(20);
    expect(shown(journey, "read")).toEqual([]);
    reads(journey, room, bob, event() ?? eventId(""));
    await until(() => shown(journey, "read").length === 1);
    expect(shown(journey, "read")[0]).toMatchObject({ target: said, account: "bobby" });
  });
});

describe("[C16] typing and read marks of the network", () => {
  const seen = ({ matrix }: Journey) => matrix.matrix.ephemeral.map(({ user, what }) => `${what} ${user}`);

  test("typing is shown by a ghost that is there, and makes none", async () => {
    const journey = await startJourney();
    await linkedRoom(journey);
    await journey.remote.acts("#chat", "Carol", { kind: "typing", active: true });
    await turns(20);
    expect(journey.matrix.matrix.ephemeral).toEqual([]);
    await journey.remote.says("#chat", "Carol", "hi");
    await turns(20);
    await journey.remote.acts("#chat", "Carol", { kind: "typing", active: true });
    await until(() => seen(journey).length === 1);
    expect(seen(journey)[0]).toContain("typing @_fake_fakenet_carol");
    expect([...journey.matrix.matrix.registered]).toHaveLength(2);
  });

  test("what is repeated is shown again only when it would be over, and a message ends it", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await journey.remote.says("#chat", "Carol", "hi");
    await until(() => journey.matrix.bodiesIn(room).some(({ body }) => body === "hi"));
    for (let second = 0; second < 18; second += 3) {
      await journey.remote.acts("#chat", "Carol", { kind: "typing", active: true });
      await journey.clock.advance(3_000);
    }
    await until(() => seen(journey).length === 2);
    await journey.remote.says("#chat", "Carol", "there");
    await until(() => seen(journey).length === 3);
    await journey.remote.says("#chat", "Carol", "no more of it");
    await journey.remote.acts("#chat", "Carol", { kind: "typing", active: false });
    await turns(30);
    expect(seen(journey)).toHaveLength(3);
  });

  test("read marks are shown only of a person himself", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await tiedBob(journey);
    await journey.remote.says("#chat", "Carol", "hi");
    await journey.matrix.sayAs(admin, room, "read me");
    await until(() => journey.remote.said.length === 1);
    await turns(20);
    const upTo = journey.remote.said[0]?.id;
    if (upTo === undefined) throw new Error("nothing was said");
    await journey.remote.acts("#chat", "Carol", { kind: "read", upTo });
    await turns(20);
    expect(seen(journey)).toEqual([]);
    await journey.remote.acts("#chat", "Bobby", { kind: "read", upTo });
    await until(() => seen(journey).length === 1);
    expect(seen(journey)).toEqual([`read ${bob}`]);
  });

  test("what we show as a person himself does not go back to the network when the homeserver tells of it", async () => {
    const journey = await startJourney();
    const room = await linkedRoom(journey);
    await tiedBob(journey);
    await journey.matrix.sayAs(admin, room, "read me");
    await until(() => journey.remote.said.length === 1);
    await turns(20);
    const [line] = journey.remote.said;
    const event = journey.matrix.eventsIn(room).find(({ content }) => content["body"] === "read me")?.event_id;
    if (line === undefined || event === undefined) throw new Error("nothing was said");
    await journey.remote.acts("#chat", "Bobby", { kind: "read", upTo: line.id });
    await journey.remote.acts("#chat", "Bobby", { kind: "typing", active: true });
    await until(() => seen(journey).length === 2);
    types(journey, room, bob);
    reads(journey, room, bob, event);
    types(journey, room);
    await turns(30);
    expect(journey.remote.said).toHaveLength(1);
  });

  test("nothing of it is stored", async () => {
    const journey = await startJourney();
    await linkedRoom(journey);
    await journey.remote.says("#chat", "Carol", "hi");
    let appended = 0;
    const { append } = journey.store.journal;
    Object.assign(journey.store.journal, {
      append: (jobs: Parameters<typeof append>[0]) => {
        appended += jobs.length;
        return append(jobs);
      },
    });
    await journey.remote.acts("#chat", "Carol", { kind: "typing", active: true });
    await until(() => seen(journey).length === 1);
    expect(appended).toBe(0);
  });
});
