import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSandboxHomeserver, type SandboxHomeserver } from "../src/homeserver/homeserver.ts";
import { loginPerson, registerPerson } from "../src/homeserver/person.ts";
import { createScene, quiet, registrationOf, type Scene, until } from "./homeserver-appservice.ts";

const enc = encodeURIComponent;

describe.each(["synapse", "conduit"] as const)("whom the %s profile tells what", (profile) => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await createScene(profile);
  });
  afterEach(() => scene.close());

  it("a room with nobody of the appservice is not pushed, an invitation of its bot is, nothing said before the join is", async () => {
    const other = await scene.alice.createRoom({ preset: "private_chat" });
    await scene.alice.say(other, "unheard");
    await scene.alice.invite(other, "@bot:test");
    await scene.alice.say(other, "still unheard");
    await until(() => scene.service.pushed.length === 1);
    await quiet();
    expect(scene.service.pushed[0]?.body["events"]).toEqual([
      expect.objectContaining({ type: "m.room.member", state_key: "@bot:test" }),
    ]);
    expect(scene.service.texts()).toEqual([]);
  });

  it("its own events come back to it, and none after its last user left", async () => {
    const sent = await scene.as("PUT", `/v3/rooms/${enc(scene.room)}/send/m.room.message/t1`, {
      msgtype: "m.text",
      body: "own",
    });
    expect(sent.status).toBe(200);
    await until(() => scene.service.texts().includes("own"));
    await scene.as("POST", `/v3/rooms/${enc(scene.room)}/leave`, {});
    await scene.say("unheard");
    await quiet();
    expect(scene.service.texts()).toEqual(["own"]);
  });

  it("asks for an alias of its namespace when somebody wants to join by it", async () => {
    scene.service.answer = ({ url }) => ({ status: url.includes("/rooms/") ? 404 : 200, text: "{}" });
    await expect(scene.alice.join("#_irc_x:test")).rejects.toThrow(/404 M_NOT_FOUND/);
    expect(scene.service.asked.map((url) => url.split("?")[0])).toEqual(["/_matrix/app/v1/rooms/%23_irc_x%3Atest"]);
    scene.service.answer = () => ({ status: 200, text: "{}" });
    await expect(scene.alice.join("#_irc_x:test")).rejects.toThrow(profile === "conduit" ? /500/ : /404/);
  });

  it("a ping of an appservice that does not answer is told apart", async () => {
    await scene.service.close();
    expect(await scene.as("POST", "/v1/appservice/irc/ping", {})).toMatchObject({
      status: 502,
      body: { errcode: "M_CONNECTION_FAILED" },
    });
    expect((await scene.as("POST", "/v1/appservice/other/ping", {})).status).toBe(403);
  });
});

describe("what is forgotten at a restart", () => {
  it.each([
    ["synapse", 2],
    ["conduit", 1],
  ] as const)("the same transaction id after a restart of %s makes %i events of one", async (profile, events) => {
    const scene = await createScene(profile);
    try {
      const send = async () =>
        (
          await scene.as("PUT", `/v3/rooms/${enc(scene.room)}/send/m.room.message/t1`, {
            msgtype: "m.text",
            body: "twice",
          })
        ).body["event_id"];
      const first = await send();
      expect(await send()).toBe(first);
      await scene.server.restart("kill");
      await quiet();
      await send();
      const history = await scene.alice.history(scene.room);
      expect(history.filter(({ content }) => content["body"] === "twice")).toHaveLength(events);
    } finally {
      await scene.close();
    }
  });

  it("Synapse forgets transaction ids after an hour, and keeps them with a device", async () => {
    const scene = await createScene("synapse");
    try {
      const send = async (device: string) =>
        (
          await scene.as(
            "PUT",
            `/v3/rooms/${enc(scene.room)}/send/m.room.message/${device}?user_id=@bot:test${device}`,
            { msgtype: "m.text", body: "x" },
          )
        ).body["event_id"];
      await scene.as("PUT", "/v3/devices/DEV?user_id=@bot:test", {});
      const [plain, kept] = [await send(""), await send("&device_id=DEV")];
      await scene.clock.advance(20 * 60_000);
      expect(await send("")).toBe(plain);
      await scene.clock.advance(61 * 60_000);
      await scene.as("PUT", `/v3/rooms/${enc(scene.room)}/send/m.room.message/other`, { msgtype: "m.text", body: "y" });
      await scene.clock.advance(61 * 60_000);
      expect(await send("")).not.toBe(plain);
      await scene.server.restart("kill");
      await quiet();
      expect(await send("&device_id=DEV")).toBe(kept);
      expect((await scene.as("GET", "/v3/joined_rooms?user_id=@bot:test&device_id=NONE")).body["errcode"]).toBe(
        "M_UNKNOWN_DEVICE",
      );
    } finally {
      await scene.close();
    }
  });

  it("rooms, people, tokens, names, redactions survive the process when they are kept in a folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "trestle-sandbox-"));
    const options = { profile: "synapse", serverName: "test", persistence: folder } as const;
    try {
      const first = await createSandboxHomeserver(options);
      const alice = await registerPerson(first.url, "alice", "secret");
      await alice.setName("Alice");
      const room = await alice.createRoom({ preset: "public_chat", room_alias_name: "here" });
      const kept = await alice.say(room, "kept");
      await alice.redact(room, await alice.say(room, "taken back"));
      await first.stop();
      const second = await createSandboxHomeserver(options);
      const again = await loginPerson(second.url, "alice", "secret");
      expect(await again.join("#here:test")).toBe(room);
      const history = await again.history(room);
      expect(history.find(({ event_id }) => event_id === kept)?.content["body"]).toBe("kept");
      expect(JSON.stringify(history)).not.toContain("taken back");
      expect(await again.getState(room, "m.room.member", again.userId)).toMatchObject({ displayname: "Alice" });
      await again.say(room, "goes on");
      expect(new Set((await again.history(room)).map(({ event_id }) => event_id)).size).toBe(history.length + 1);
      await second.stop();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("faults", () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await createScene("synapse");
  });
  afterEach(() => scene.close());
  const bodies = async () =>
    (await scene.alice.history(scene.room)).flatMap(({ content }) =>
      content["body"] === undefined ? [] : [content["body"]],
    );

  it("a send is committed and its connection dies without an answer", async () => {
    scene.server.faults.answerThenDie();
    await expect(scene.alice.say(scene.room, "unheard", "t")).rejects.toThrow();
    expect(await bodies()).toEqual(["unheard"]);
    await scene.alice.say(scene.room, "unheard", "t");
    expect(await bodies()).toEqual(["unheard"]);
  });

  it("fails the next requests with what was asked for, without effect", async () => {
    scene.server.faults.failNext(429, { count: 2, retryAfterMs: 1500, match: { method: "PUT" } });
    await expect(scene.say("x")).rejects.toThrow(/429 M_LIMIT_EXCEEDED/);
    await expect(scene.say("x")).rejects.toThrow(/429/);
    await scene.say("x");
    expect(await bodies()).toEqual(["x"]);
  });

  it("holds the requests of one room, with or without their effect, and no other's", async () => {
    const other = await scene.newRoom();
    const before = scene.server.faults.hang({ room: scene.room, method: "PUT" });
    const first = scene.say("held");
    await scene.alice.say(other, "free");
    expect(await bodies()).toEqual([]);
    before.release();
    await first;
    const after = scene.server.faults.hang({ room: scene.room, method: "PUT" }, { commit: true });
    let answered = false;
    const second = scene.say("done unheard").then(() => {
      answered = true;
    });
    await quiet();
    expect([await bodies(), answered]).toEqual([["held", "done unheard"], false]);
    after.release();
    await second;
  });

  it("is late as a whole or for one room, by the clock", async () => {
    scene.server.faults.slowRoom(scene.room, 500);
    const slow = scene.say("slow");
    await quiet();
    scene.server.faults.slowRoom(scene.room, 0);
    expect(await bodies()).toEqual([]);
    await scene.clock.advance(500);
    await slow;
    expect(await bodies()).toEqual(["slow"]);
  });

  it("stops and comes back on the same port, with the connections cut", async () => {
    const { url } = scene.server;
    const reader = await scene.alice.follow();
    await scene.server.stop("kill");
    await expect(scene.say("x")).rejects.toThrow();
    await scene.server.start();
    expect(scene.server.url).toBe(url);
    await scene.say("back");
    await reader.waitForText("back");
    reader.stop();
  });
});

describe("limits", () => {
  it("an appservice that is rate limited sends 9 of 60 at once on Synapse, and is told when to go on", async () => {
    const scene = await createScene("synapse", { rate_limited: true });
    try {
      const answers = [];
      for (let index = 0; index < 60; index++)
        answers.push(
          await scene.as("PUT", `/v3/rooms/${enc(scene.room)}/send/m.room.message/t${index}`, {
            msgtype: "m.text",
            body: "x",
          }),
        );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(9);
      expect(answers.at(-1)).toMatchObject({
        status: 429,
        body: { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 5000 },
      });
      await scene.clock.advance(5_000);
      expect(
        (
          await scene.as("PUT", `/v3/rooms/${enc(scene.room)}/send/m.room.message/later`, {
            msgtype: "m.text",
            body: "x",
          })
        ).status,
      ).toBe(200);
    } finally {
      await scene.close();
    }
  });

  it("one that is not rate limited sends as it likes", async () => {
    const scene = await createScene("synapse");
    try {
      for (let index = 0; index < 60; index++)
        expect(
          (
            await scene.as("PUT", `/v3/rooms/${enc(scene.room)}/send/m.room.message/t${index}`, {
              msgtype: "m.text",
              body: "x",
            })
          ).status,
        ).toBe(200);
    } finally {
      await scene.close();
    }
  });
});

describe("a lean server", () => {
  let server: SandboxHomeserver;
  afterEach(() => server.stop());

  it("holds 10,000 rooms, keeps a short tail of each, and counts", async () => {
    server = await createSandboxHomeserver({
      profile: "synapse",
      serverName: "test",
      lean: true,
      registrations: [registrationOf(null)],
    });
    const rooms = Array.from({ length: 10_000 }, () => server.seedRoom("@bot:test", ["@_irc_a:test"]));
    expect(new Set(rooms).size).toBe(10_000);
    const path = (index: number) =>
      `${server.url}/_matrix/client/v3/rooms/${enc(rooms[0] ?? "")}/send/m.room.message/t${index}?user_id=${enc("@_irc_a:test")}`;
    for (let index = 0; index < 300; index++) {
      const body = JSON.stringify({ msgtype: "m.text", body: `line ${index}` });
      await fetch(path(index), { method: "PUT", body, headers: { authorization: "Bearer as-token" } });
    }
    expect(server.counts()).toMatchObject({ rooms: 10_000, events: 10_000 * 8 + 300 });
    const page = await fetch(`${server.url}/_matrix/client/v3/rooms/${enc(rooms[0] ?? "")}/messages?dir=b&limit=500`, {
      headers: { authorization: "Bearer as-token" },
    });
    const { chunk } = (await page.json()) as { chunk: { content: { body?: string } }[] };
    expect(chunk.length).toBeLessThan(130);
    expect(chunk[0]?.content.body).toBe("line 299");
  });
});
