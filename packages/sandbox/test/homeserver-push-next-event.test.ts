import { broken, createScene, numbered, ok, quiet, type Scene, until } from "./homeserver-appservice.ts";

/** What the sources of conduwuit, continuwuity and tuwunel say that they do. */
const family = ["conduwuit", "continuwuity", "tuwunel"] as const;
let scene: Scene;
afterEach(() => scene.close());

/** Answers 500 once, waits until it was tried, then answers well. */
async function failOnce(text: string): Promise<void> {
  scene.service.answer = () => broken;
  await scene.say(text);
  await until(() => scene.service.pushed.length === 1);
  await quiet();
  scene.service.answer = () => ok;
}

describe.each(family)("pushing as %s does", (profile) => {
  beforeEach(async () => {
    scene = await createScene(profile, { receive_ephemeral: true });
  });

  it("sends the token in header and query, one event, then up to 48 in the order they came", async () => {
    const other = await scene.newRoom();
    scene.service.pushed.length = 0;
    scene.service.answer = () => undefined;
    await scene.say("first");
    await until(() => scene.service.pushed.length === 1);
    for (let index = 0; index < 30; index++) {
      await scene.alice.say(other, `other ${index}`);
      await scene.say(`line ${index}`);
    }
    scene.service.answer = () => ok;
    await scene.clock.advance(35_000);
    await scene.clock.advance(35_000);
    await scene.say("wakes it");
    await until(() => scene.service.texts().length >= 63);
    expect(scene.service.pushed.map(({ texts }) => texts.length)).toEqual([1, 1, 48, 13]);
    expect(scene.service.texts().slice(2, 6)).toEqual(["other 0", "line 0", "other 1", "line 1"]);
    const [pushed] = scene.service.pushed;
    expect([pushed?.authorization, pushed?.url.includes("?access_token=hs-token")]).toEqual(["Bearer hs-token", true]);
  });

  it("a redirect is no delivery, an empty 204 is one", async () => {
    scene.service.answer = () => ({ status: 302, text: "" });
    await scene.say("kept");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    scene.service.answer = () => ({ status: 204, text: "" });
    await scene.clock.advance(60_000);
    await scene.say("next");
    await until(() => scene.service.texts().length === 3);
    expect(scene.service.texts()).toEqual(["kept", "kept", "next"]);
  });

  it("time alone releases nothing, and a restart everything", async () => {
    await failOnce("zero");
    await scene.clock.advance(7 * 24 * 3_600_000);
    expect(scene.service.pushed).toHaveLength(1);
    await scene.server.restart("kill");
    await until(() => scene.service.texts().length === 2);
  });

  it("what waited for an appservice that was down survives the server's restart, in order", async () => {
    await failOnce("zero");
    scene.service.answer = () => broken;
    await scene.say(...numbered(60));
    await scene.server.restart("term");
    await quiet();
    scene.service.answer = () => ok;
    scene.service.pushed.length = 0;
    await scene.server.restart("kill");
    await until(() => scene.service.texts().length === 61);
    expect(scene.service.texts()).toEqual(["zero", ...numbered(60)]);
  });
});

describe("when the next try comes", () => {
  it.each(["conduwuit", "tuwunel"] as const)(
    "%s tries again with every next event, without a wait",
    async (profile) => {
      scene = await createScene(profile);
      scene.service.answer = () => broken;
      await scene.say("zero");
      await until(() => scene.service.pushed.length === 1);
      for (const [index, text] of numbered(3).entries()) {
        await quiet(20);
        await scene.say(text);
        await until(() => scene.service.pushed.length === index + 2);
      }
      expect(scene.service.texts()).toEqual(["zero", "zero", "zero", "zero"]);
    },
  );

  it("continuwuity waits 10 seconds for each try, linearly", async () => {
    scene = await createScene("continuwuity");
    scene.service.answer = () => broken;
    await scene.say("zero");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    const tries: number[] = [];
    for (let second = 5; second <= 105; second += 5) {
      const before = scene.service.pushed.length;
      await scene.clock.advance(5_000);
      await scene.say(`at ${second}`);
      await quiet(20);
      if (scene.service.pushed.length > before) tries.push(second);
    }
    expect(tries).toEqual([10, 30, 60, 100]);
  });

  it.each([
    ["conduwuit", false],
    ["continuwuity", false],
    ["tuwunel", true],
  ] as const)("a ping that comes through to %s's appservice flushes the queue: %s", async (profile, flushes) => {
    scene = await createScene(profile);
    await failOnce("zero");
    expect((await scene.as("POST", "/v1/appservice/irc/ping", {})).status).toBe(200);
    await quiet();
    expect(scene.service.texts()).toEqual(flushes ? ["zero", "zero"] : ["zero"]);
  });
});

describe("typing", () => {
  it("goes to tuwunel's appservices under the stable key only, is kept while they are down, and equal bytes are an equal id", async () => {
    const flags = { receive_ephemeral: true, "de.sorunome.msc2409.push_ephemeral": true };
    scene = await createScene("tuwunel", flags);
    const edu = { type: "m.typing", room_id: scene.room, content: { user_ids: [scene.alice.userId] } };
    scene.service.answer = () => broken;
    await scene.alice.typing(scene.room, true);
    await until(() => scene.service.pushed.length === 1);
    expect(scene.service.pushed[0]?.body).toEqual({ events: [], ephemeral: [edu] });
    await quiet();
    scene.service.answer = () => ok;
    await scene.alice.typing(scene.room, false);
    await until(() => scene.service.pushed.length === 3);
    await scene.alice.typing(scene.room, true);
    await until(() => scene.service.pushed.length === 4);
    expect(scene.service.pushed[1]?.body).toEqual({ events: [], ephemeral: [edu] });
    expect(new Set(scene.service.pushed.map(({ txn }) => txn)).size).toBe(2);
  });

  it.each(["conduwuit", "continuwuity"] as const)("never goes to %s's", async (profile) => {
    scene = await createScene(profile, { receive_ephemeral: true });
    await scene.alice.typing(scene.room, true);
    await scene.say("only this");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    expect(scene.service.pushed.map(({ body }) => Object.keys(body))).toEqual([["events"]]);
  });
});
