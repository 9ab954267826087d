/** Life with a network: sending, topics, kicks, a core that cannot keep up, several networks at once. */
import { emptyLookup, networkId } from "@trestle/core";
import {
  alice,
  bridge,
  buildConnector,
  chatOf,
  closeOpened,
  createCore,
  isIn,
  isUp,
  networkConfig,
  one,
  opened,
  say,
  serve,
  until,
} from "./harness.ts";

afterEach(closeOpened);

describe("what cannot be sent", () => {
  it.each([
    ["moderated", "+m"],
    ["closed to the unregistered", "+M"],
  ])("says so when the channel is %s", async (_, modes) => {
    const server = await serve();
    server.join("op", "#one");
    server.mode("op", "#one", modes);
    const { connector } = await bridge(server);
    if (modes === "+M") server.mode("op", "#one", "+m");
    await expect(say(connector, one, "x")).rejects.toMatchObject({ code: "cannot-send" });
    server.mode("op", "#one", "-m");
    await say(connector, one, "again");
    expect(server.messages("#one").map(({ text }) => text)).toHaveLength(1);
  });

  it("[S1 irc] a stored plan that holds a line break, a second target or an unknown command never reaches the wire", async () => {
    const server = await serve();
    const lines: string[] = [];
    const { connector } = await bridge(server);
    server.onLine(({ line }) => lines.push(line));
    const parts = [
      { command: "PRIVMSG", text: "x\r\nQUIT :y" },
      { command: "PRIVMSG", text: "x\0" },
      { command: "NOTICE", text: "\x01VERSION x\x01\n" },
      { command: "RELAYMSG", text: "x", nick: "a b" },
      { command: "REDACT", text: "", target: "a b" },
      { command: "PRIVMSG", text: "y".repeat(600) },
      { command: "TAGMSG", text: "", tags: { "a b": "c" } },
      { command: "QUIT", text: "bye" },
    ];
    for (const part of parts) {
      const key = "k/0" as Parameters<typeof connector.sendPart>[3];
      await expect(connector.sendPart(one, part, alice, key)).rejects.toMatchObject({ retry: "never" });
    }
    await say(connector, one, "sync");
    expect(lines.filter((line) => !/^(PRIVMSG #one :<.*sync|PING|NAMES|MODE)/.test(line))).toEqual([]);
  });

  it("[S1 irc] refuses to follow what is no channel", async () => {
    const server = await serve();
    const { connector } = await bridge(server);
    for (const bad of ["#a\r\nQUIT", "#a,#b", "0", "nick", "#a b", "", "#\0"]) {
      expect(() => connector.follow(chatOf(bad))).toThrow(/not-supported/);
      expect(connector.parseChat(one.network, bad)).toHaveProperty("problem");
    }
  });
});

describe("topics", () => {
  it("[R4 irc] go both ways, are cut to what fits, and come back as no news", async () => {
    const server = await serve({ topicLen: 50 });
    server.join("op", "#one");
    const { connector, core } = await bridge(server);
    server.mode("op", "#one", "-t");
    server.setTopic("op", "#one", "from IRC");
    await until("told", () => core.of("chat-changed").length === 1);
    expect(core.of("chat-changed")[0]).toMatchObject({ chat: one, by: { name: "op" } });
    expect((await connector.describeChat(one)).topic).toBe("from IRC");
    await connector.applyChat(one, { topic: "from Matrix\r\nQUIT :x" }, alice);
    expect(server.topic("#one")).toBe("from Matrix QUIT :x");
    await connector.applyChat(one, { topic: "€".repeat(100) }, alice);
    expect(Buffer.byteLength(server.topic("#one") ?? "")).toBeLessThanOrEqual(50);
    await connector.applyChat(one, { topic: "" }, alice);
    expect(server.topic("#one") ?? "").toBe("");
    expect(core.of("chat-changed")).toHaveLength(1);
  });

  it("[R4 irc] a refused one is told", async () => {
    const server = await serve();
    server.join("op", "#one");
    server.mode("op", "#one", "+t");
    const { connector } = await bridge(server);
    await expect(connector.applyChat(one, { topic: "mine" }, alice)).rejects.toMatchObject({ code: "cannot-send" });
  });

  it("[R4 irc] one changed while we were away is told at the return, an unchanged one is not", async () => {
    const server = await serve();
    server.join("op", "#one");
    server.setTopic("op", "#one", "first");
    const { core, connector } = await bridge(server);
    await until("told", () => core.of("chat-changed").length === 1);
    await connector.stop();
    const again = await bridge(server, createCore(core.disk));
    await say(again.connector, one, "sync");
    expect(again.core.of("chat-changed")).toEqual([]);
    await again.connector.stop();
    server.setTopic("op", "#one", "second");
    const third = await bridge(server, createCore(core.disk));
    await until("told", () => third.core.of("chat-changed").length === 1);
  });
});

describe("kicked", () => {
  it("[L6 irc] is told with who and why, comes back, and announces what it missed once", async () => {
    const server = await serve();
    server.join("op", "#one");
    const { connector, core } = await bridge(server);
    server.kick("trestle", "#one", "go away\x02\x03", "op");
    await until("back", () => core.of("presence-in-chat").length === 2);
    expect(core.of("presence-in-chat")[0]).toMatchObject({ state: "out", reason: "kicked by op (go away)", chat: one });
    await until("gap", () => core.of("gap").length === 1);
    const gap = core.of("gap")[0];
    expect((gap?.toMs ?? 0) - (gap?.fromMs ?? 0)).toBeLessThan(2_000);
    await say(connector, one, "I am back");
  });

  it("[L6 irc] sends of that time wait as not-joined", async () => {
    const server = await serve();
    server.join("op", "#one");
    const { connector } = await bridge(server, createCore(), { rejoinMinMs: 60_000, rejoinMaxMs: 60_000 });
    server.kick("trestle", "#one", "x", "op");
    await until("out", async () => !(await isIn(connector, one)));
    await expect(say(connector, one, "x")).rejects.toMatchObject({ code: "not-joined", retry: "later" });
    expect((await connector.describeChat(one)).problem).toContain("kicked by op");
  });
});

describe("bounds", () => {
  it("a core that stores slowly stops nothing and loses nothing; order is kept", async () => {
    const server = await serve();
    const { core, connector } = await bridge(server);
    core.storing = false;
    for (let at = 0; at < 2000; at += 1) server.say("bob", "#one", `line ${at}`);
    await say(connector, one, "sending goes on");
    core.storing = true;
    await until("stored", () => core.texts().length === 2000);
    expect(core.texts()).toEqual(Array.from({ length: 2000 }, (_, at) => `line ${at}`));
  });

  it("a core that fails to store makes it leave with a reason, and the time since is announced as missed", async () => {
    const server = await serve();
    const { core, connector } = await bridge(server);
    server.say("bob", "#one", "fine");
    await until("heard", () => core.texts().length === 1);
    core.storing = "disk full";
    const failedAtMs = Date.now();
    server.say("bob", "#one", "lost");
    await until("left", () => !isUp(connector));
    expect(connector.status()[0]?.detail).toContain("disk full");
    await connector.stop();
    const after = createCore(core.disk);
    await bridge(server, after);
    await until("gap", () => after.of("gap").length === 1);
    expect(after.of("gap")[0]?.fromMs).toBeLessThanOrEqual(failedAtMs + 20);
  });
});

describe("several networks", () => {
  it("[L2] one that is black-holed, one that refuses and one that floods cost the others nothing", async () => {
    const good = await serve();
    const hole = await serve();
    const connector = buildConnector({
      good: networkConfig(good.port),
      hole: networkConfig(hole.port),
      refused: networkConfig(1),
    });
    opened.push(() => connector.stop());
    const core = createCore();
    const goodChat = chatOf("#one", networkId("good"));
    const holeChat = chatOf("#one", networkId("hole"));
    connector.follow(goodChat);
    connector.follow(holeChat);
    connector.follow(chatOf("#one", networkId("refused")));
    await connector.start(core.host);
    await until("in", async () => (await isIn(connector, goodChat)) && (await isIn(connector, holeChat)));
    hole.blackHole(true);
    const stuck = Array.from({ length: 20 }, () => say(connector, holeChat, "into the hole").catch(() => "down"));
    const times: number[] = [];
    for (let at = 0; at < 100; at += 1) {
      const startMs = performance.now();
      await say(connector, goodChat, `line ${at}`);
      times.push(performance.now() - startMs);
    }
    expect(times.sort((a, b) => a - b)[95]).toBeLessThan(50);
    expect(connector.status().map(({ state }) => state)).toEqual(["up", "up", "down"]);
    expect(connector.plan(goodChat, { kind: "typing", active: true }, alice, emptyLookup)).toEqual([]);
    hole.blackHole(false);
    await Promise.all(stuck);
  });
});
