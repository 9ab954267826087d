import { broken, createScene, numbered, ok, quiet, type Scene, until } from "./homeserver-appservice.ts";

/** What a real Conduit 0.11 did in the same situations. */
describe("pushing as Conduit does", () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await createScene("conduit", { receive_ephemeral: true });
  });
  afterEach(() => scene.close());

  it("sends the token in header and query, the transaction id of every sender, and never typing", async () => {
    await scene.alice.typing(scene.room, true);
    await scene.alice.say(scene.room, "hello", "her-txn");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    expect(scene.service.pushed).toHaveLength(1);
    const [pushed] = scene.service.pushed;
    expect([pushed?.authorization, pushed?.url.includes("?access_token=hs-token")]).toEqual(["Bearer hs-token", true]);
    expect(Object.keys(pushed?.body ?? {})).toEqual(["events"]);
    const [event] = (pushed?.body["events"] ?? []) as Record<string, unknown>[];
    expect(event?.["unsigned"]).toEqual({ transaction_id: "her-txn" });
    expect(event).not.toHaveProperty("age");
  });

  it("sends one event, then 30 at a time, sorted by room and then by time", async () => {
    const other = await scene.newRoom();
    scene.service.pushed.length = 0;
    scene.service.answer = () => undefined;
    await scene.say("first");
    await until(() => scene.service.pushed.length === 1);
    for (let index = 0; index < 40; index++) {
      await scene.alice.say(other, `other ${index}`);
      await scene.say(`line ${index}`);
    }
    scene.service.answer = () => ok;
    await scene.clock.advance(30_000);
    await scene.clock.advance(30_000);
    await scene.say("wakes it");
    await until(() => scene.service.texts().length >= 83);
    expect(scene.service.pushed.map(({ texts }) => texts.length)).toEqual([1, 1, 30, 30, 21]);
    expect(scene.service.texts().slice(2)).toEqual([...numbered(40), "wakes it", ...numbered(40, "other")]);
  });

  it.each([
    ["a redirect is taken for delivered", { status: 302, text: "" }],
    ["an odd body is taken for delivered", { status: 204, text: "" }],
  ])("%s: the event is gone", async (_what, answer) => {
    scene.service.answer = () => answer;
    await scene.say("swallowed");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    scene.service.answer = () => ok;
    await scene.clock.advance(3_600_000);
    await scene.say("next");
    await until(() => scene.service.pushed.length === 2);
    expect(scene.service.texts()).toEqual(["swallowed", "next"]);
  });

  it("tries again only with the next event, 30 and then 120 and then 270 seconds later", async () => {
    scene.service.answer = () => broken;
    await scene.say("zero");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    const tries: number[] = [];
    for (let second = 10; second <= 450; second += 10) {
      const before = scene.service.pushed.length;
      await scene.clock.advance(10_000);
      await scene.say(`at ${second}`);
      await quiet(40);
      if (scene.service.pushed.length > before) tries.push(second);
    }
    expect(tries).toEqual([30, 150, 420]);
    expect(scene.service.texts()).toEqual(["zero", "zero", "zero", "zero"]);
    expect(new Set(scene.service.pushed.map(({ txn }) => txn)).size).toBe(1);
  }, 15_000);

  it("no time and no ping releases what waits", async () => {
    scene.service.answer = () => broken;
    await scene.say("zero");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    scene.service.answer = () => ok;
    await scene.clock.advance(24 * 3_600_000);
    expect((await scene.as("POST", "/v1/appservice/irc/ping", {})).status).toBe(200);
    await quiet();
    expect(scene.service.pushed).toHaveLength(1);
  });

  it.each(["term", "kill"] as const)(
    "after a restart (%s) everything comes by itself, the open transaction first",
    async (kind) => {
      scene.service.answer = () => undefined;
      await scene.say("open");
      await until(() => scene.service.pushed.length === 1);
      await scene.say(...numbered(40));
      scene.service.answer = () => ok;
      scene.service.pushed.length = 0;
      await scene.server.restart(kind);
      await until(() => scene.service.texts().length === 41);
      expect(scene.service.texts()).toEqual(["open", ...numbered(40)]);
    },
  );
});
