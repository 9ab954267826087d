import { broken, createScene, numbered, ok, quiet, type Scene, until } from "./homeserver-appservice.ts";

/** What a real Dendrite 0.15.2 did in the same situations. */
describe("pushing as Dendrite does", () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await createScene("dendrite", { receive_ephemeral: true });
  });
  afterEach(() => scene.close());
  const sizes = () => scene.service.pushed.map(({ texts }) => texts.length);

  it("sends the token in the header only, events without `unsigned`, and never typing", async () => {
    await scene.alice.typing(scene.room, true);
    await scene.say("hello");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    const [pushed] = scene.service.pushed;
    expect([pushed?.authorization, pushed?.url.includes("?"), scene.service.pushed.length]).toEqual([
      "Bearer hs-token",
      false,
      1,
    ]);
    expect(Object.keys(pushed?.body ?? {})).toEqual(["events"]);
    const [event] = (pushed?.body["events"] ?? []) as Record<string, unknown>[];
    expect(event).toMatchObject({ sender: scene.alice.userId, room_id: scene.room });
    expect(event).not.toHaveProperty("unsigned");
    expect(event).not.toHaveProperty("age");
  });

  it("a held transaction, then 50 at a time", async () => {
    scene.service.answer = ({ texts }) => (texts.length === 1 && scene.service.pushed.length === 1 ? undefined : ok);
    await scene.say("first");
    await until(() => scene.service.pushed.length === 1);
    await scene.say(...numbered(110));
    await scene.clock.advance(30_000);
    await scene.clock.advance(2_000);
    await until(() => scene.service.texts().length >= 112);
    expect(sizes()).toEqual([1, 50, 50, 11]);
    expect(scene.service.texts().slice(1)).toEqual(["first", ...numbered(110)]);
  });

  it.each([
    ["201", { status: 201, text: "{}" }, 2],
    ["204", { status: 204, text: "" }, 2],
    ["200 with any body", { status: 200, text: "nonsense" }, 1],
  ])("%s", async (_what, answer, tries) => {
    scene.service.answer = () => answer;
    await scene.say("x");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    scene.service.answer = () => ok;
    await scene.clock.advance(2_000);
    expect(scene.service.pushed).toHaveLength(tries);
  });

  it("tries again after 2, 4, 8 and 16 seconds under the same id, with what came meanwhile", async () => {
    scene.service.answer = () => broken;
    await scene.say("one");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    const tries: number[] = [];
    for (let second = 1; second <= 31; second++) {
      const before = scene.service.pushed.length;
      if (second < 20) await scene.say(`at ${second}`);
      await scene.clock.advance(1_000);
      if (scene.service.pushed.length > before) tries.push(second);
    }
    expect(tries).toEqual([2, 6, 14, 30]);
    expect(sizes()).toEqual([1, 3, 7, 15, 20]);
    expect(new Set(scene.service.pushed.map(({ txn }) => txn)).size).toBe(1);
    scene.service.answer = () => ok;
    await scene.clock.advance(32_000);
    expect(scene.service.pushed.at(-1)?.texts.slice(0, 3)).toEqual(["one", "at 1", "at 2"]);
  });

  it.each(["term", "kill"] as const)(
    "after a restart (%s) with a transaction open, the others come at once and that one 30 seconds later, behind newer ones",
    async (kind) => {
      scene.service.answer = () => undefined;
      await scene.say("open");
      await until(() => scene.service.pushed.length === 1);
      await scene.say(...numbered(39));
      scene.service.answer = () => ok;
      scene.service.pushed.length = 0;
      await scene.server.restart(kind);
      await until(() => scene.service.texts().length === 39);
      await scene.say("newer");
      await until(() => scene.service.texts().length === 40);
      await scene.clock.advance(30_000);
      await until(() => scene.service.texts().length === 41);
      expect(scene.service.texts()).toEqual([...numbered(39), "newer", "open"]);
    },
  );

  it("never pushes a redaction, which the event itself and the history show", async () => {
    const event = await scene.alice.say(scene.room, "regretted");
    await scene.alice.redact(scene.room, event);
    await scene.say("after");
    await until(() => scene.service.texts().includes("after"));
    const types = scene.service.pushed.flatMap(({ body }) =>
      (body["events"] as { type: string }[]).map(({ type }) => type),
    );
    expect(types).toEqual(["m.room.message", "m.room.message"]);
    const shown = await scene.as(
      "GET",
      `/v3/rooms/${encodeURIComponent(scene.room)}/event/${encodeURIComponent(event)}`,
    );
    expect(shown.body["unsigned"]).toHaveProperty("redacted_because");
    const page = await scene.as("GET", `/v3/rooms/${encodeURIComponent(scene.room)}/messages?dir=b&limit=5`);
    expect((page.body["chunk"] as { type: string }[]).map(({ type }) => type)).toContain("m.room.redaction");
  });

  it("never pushes an invite from another server, which the bot's own /sync shows", async () => {
    const room = scene.server.inviteFromAfar("@eve:far.test", "@bot:test");
    await scene.say("after");
    await until(() => scene.service.texts().includes("after"));
    expect(scene.service.pushed).toHaveLength(1);
    const { body } = await scene.as("GET", "/v3/sync?timeout=0");
    expect(Object.keys((body["rooms"] as { invite: object }).invite)).toEqual([room]);
  });

  it("has no ping, and asks about a ghost when its profile is looked at, not when it is invited", async () => {
    expect(await scene.as("POST", "/v1/appservice/irc/ping", {})).toMatchObject({
      status: 404,
      body: { errcode: "M_UNRECOGNIZED" },
    });
    await scene.alice.invite(scene.room, "@_irc_unknown:test");
    expect(scene.service.asked).toEqual([]);
    await scene.as("GET", `/v3/profile/${encodeURIComponent("@_irc_other:test")}`);
    expect(scene.service.asked).toEqual(["/_matrix/app/v1/users/%40_irc_other%3Atest"]);
  });
});
