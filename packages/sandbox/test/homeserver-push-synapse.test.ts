import { broken, createScene, numbered, ok, quiet, type Scene, until } from "./homeserver-appservice.ts";

/** What a real Synapse 1.163 did in the same situations. */
describe("pushing as Synapse does", () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await createScene("synapse", { receive_ephemeral: true, "de.sorunome.msc2409.push_ephemeral": true });
  });
  afterEach(() => scene.close());
  const sizes = () => scene.service.pushed.map(({ texts }) => texts.length);

  it("sends the token in the header only, with `age` and `user_id` beside each event", async () => {
    await scene.say("hello");
    await until(() => scene.service.pushed.length === 1);
    const [pushed] = scene.service.pushed;
    expect([pushed?.authorization, pushed?.url.includes("?")]).toEqual(["Bearer hs-token", false]);
    const [event] = (pushed?.body["events"] ?? []) as Record<string, unknown>[];
    expect(event).toMatchObject({ user_id: scene.alice.userId, sender: scene.alice.userId, room_id: scene.room });
    expect(event).toHaveProperty("age");
    expect(event?.["unsigned"]).not.toHaveProperty("transaction_id");
  });

  it("has one transaction under way, and at most 100 events in the next", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    scene.service.answer = () => undefined;
    await scene.say("first");
    await until(() => scene.service.pushed.length === 1);
    await scene.say(...numbered(150));
    await quiet();
    expect(sizes()).toEqual([1]);
    release();
    await held;
    scene.service.answer = () => ok;
    await scene.clock.advance(60_000);
    await scene.clock.advance(2_000);
    await until(() => scene.service.texts().length >= 152);
    expect(sizes()).toEqual([1, 1, 100, 50]);
    expect(scene.service.texts().slice(2)).toEqual(numbered(150));
  });

  it.each([
    ["204 without a body", { status: 204, text: "" }, 2],
    ["an empty 200", { status: 200, text: "" }, 2],
    ["a 200 that says ok", { status: 200, text: "ok" }, 2],
    ["a redirect", { status: 302, text: "{}" }, 2],
    ["201 with JSON", { status: 201, text: "{}" }, 1],
  ])("%s", async (_what, answer, tries) => {
    scene.service.answer = () => answer;
    await scene.say("x");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    scene.service.answer = () => ok;
    await scene.clock.advance(2_000);
    expect(scene.service.pushed).toHaveLength(tries);
    expect(new Set(scene.service.pushed.map(({ txn }) => txn)).size).toBe(1);
  });

  it("tries again after 2, 4, 8 and 16 seconds, with the same transaction as it was first grouped", async () => {
    scene.service.answer = () => broken;
    await scene.say("one");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    await scene.say("two");
    const tries: number[] = [];
    for (let second = 1; second <= 31; second++) {
      const before = scene.service.pushed.length;
      await scene.clock.advance(1_000);
      if (scene.service.pushed.length > before) tries.push(second);
    }
    expect(tries).toEqual([2, 6, 14, 30]);
    expect(scene.service.texts()).toEqual(["one", "one", "one", "one", "one"]);
    scene.service.answer = () => ok;
    await scene.clock.advance(32_000);
    expect(scene.service.texts().slice(5)).toEqual(["one", "two"]);
  });

  it("puts typing under both keys, and drops it from the retry", async () => {
    scene.service.answer = () => broken;
    await scene.alice.typing(scene.room, true);
    await until(() => scene.service.pushed.length === 1);
    const edu = { type: "m.typing", room_id: scene.room, content: { user_ids: [scene.alice.userId] } };
    expect(scene.service.pushed[0]?.body).toEqual({
      events: [],
      ephemeral: [edu],
      "de.sorunome.msc2409.ephemeral": [edu],
      "de.sorunome.msc2409.to_device": [],
    });
    await quiet();
    await scene.clock.advance(2_000);
    expect(scene.service.pushed[1]).toMatchObject({ txn: scene.service.pushed[0]?.txn, body: { events: [] } });
    expect(scene.service.pushed[1]?.body).not.toHaveProperty("ephemeral");
  });

  it("cuts a transaction that hangs after 60 seconds and sends it again 2 seconds later", async () => {
    scene.service.answer = () => undefined;
    await scene.say("x");
    await until(() => scene.service.pushed.length === 1);
    await scene.clock.advance(59_000);
    await scene.clock.advance(1_500);
    expect(scene.service.pushed).toHaveLength(1);
    await scene.clock.advance(2_000);
    expect(scene.service.pushed).toHaveLength(2);
  });

  it("a ping that comes through ends the back-off at once", async () => {
    scene.service.answer = () => broken;
    await scene.say("x");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    scene.service.answer = () => ok;
    expect((await scene.as("POST", "/v1/appservice/irc/ping", { transaction_id: "p" })).status).toBe(200);
    await until(() => scene.service.pushed.length === 2);
  });

  it("after SIGTERM with a transaction open, only that one is left, and waits for the next event", async () => {
    scene.service.answer = () => undefined;
    await scene.say("open");
    await until(() => scene.service.pushed.length === 1);
    await scene.say(...numbered(40));
    await scene.server.restart("term");
    await quiet();
    scene.service.answer = () => ok;
    scene.service.pushed.length = 0;
    await scene.clock.advance(60_000);
    expect((await scene.as("POST", "/v1/appservice/irc/ping", {})).status).toBe(200);
    await scene.clock.advance(60_000);
    expect(scene.service.pushed).toHaveLength(0);
    await scene.say("canary");
    await scene.clock.advance(2_000);
    await until(() => scene.service.texts().length >= 2);
    await quiet();
    expect(scene.service.texts()).toEqual(["open", "canary"]);
  });

  it("after SIGKILL with a transaction open, it comes only after a later failure, behind newer events", async () => {
    scene.service.answer = () => undefined;
    await scene.say("open");
    await until(() => scene.service.pushed.length === 1);
    await scene.say(...numbered(40));
    await scene.server.restart("kill");
    await quiet();
    scene.service.answer = () => ok;
    scene.service.pushed.length = 0;
    await scene.say("canary");
    await until(() => scene.service.texts().length === 1);
    await scene.clock.advance(600_000);
    expect(scene.service.texts()).toEqual(["canary"]);
    scene.service.answer = () => broken;
    await scene.say("newer");
    await until(() => scene.service.pushed.length === 2);
    await quiet();
    scene.service.answer = () => ok;
    await scene.clock.advance(2_000);
    await until(() => scene.service.texts().length === 4);
    expect(scene.service.texts()).toEqual(["canary", "newer", "open", "newer"]);
  });

  it("what waited for an appservice that was down survives a restart, and waits for the next event", async () => {
    scene.service.answer = () => broken;
    await scene.say("zero");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    await scene.say(...numbered(40));
    await scene.server.restart("kill");
    await quiet();
    scene.service.answer = () => ok;
    scene.service.pushed.length = 0;
    await scene.clock.advance(120_000);
    expect(scene.service.pushed).toHaveLength(0);
    await scene.say("canary");
    await scene.clock.advance(2_000);
    await until(() => scene.service.texts().length === 42);
    expect(scene.service.texts()).toEqual(["zero", ...numbered(40), "canary"]);
  });

  it("inviting an unknown ghost asks the appservice, and all delivery stops meanwhile", async () => {
    scene.service.answer = ({ txn }) => (txn === "" ? undefined : ok);
    await scene.alice.invite(scene.room, "@_irc_unknown:test");
    await until(() => scene.service.asked.length === 1);
    expect(scene.service.asked[0]).toBe("/_matrix/app/v1/users/%40_irc_unknown%3Atest");
    await scene.say("waits");
    await quiet();
    expect(scene.service.pushed).toHaveLength(0);
    await scene.clock.advance(60_000);
    await until(() => scene.service.texts().includes("waits"));
  });
});
