/** Life with a network: channels, kicks, outages, gaps, history, bounds, and several networks at once. */
import { type Connector, emptyLookup, networkId } from "@trestle/core";
import {
  allIrcFeatures,
  createHostilePeer,
  createSandboxIrc,
  type HostileScript,
  type SandboxIrc,
  type SandboxIrcFeatures,
} from "@trestle/sandbox";
import {
  alice,
  buildConnector,
  chatOf,
  type Core,
  createCore,
  isIn,
  isUp,
  networkConfig,
  pause,
  say,
  until,
} from "./harness.ts";

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const one = chatOf("#one");

async function serve(features: SandboxIrcFeatures = {}): Promise<SandboxIrc> {
  const server = await createSandboxIrc({ features });
  opened.push(() => server.stop());
  return server;
}
async function bridge(
  server: { port: number },
  core: Core = createCore(),
  config: Record<string, unknown> = {},
  chats = [one],
): Promise<{ connector: Connector; core: Core }> {
  const connector = buildConnector({ net: networkConfig(server.port, config) });
  opened.push(() => connector.stop());
  for (const chat of chats) connector.follow(chat);
  await connector.start(core.host);
  for (const chat of chats) await until(`in ${chat.id}`, () => isIn(connector, chat));
  return { connector, core };
}
/** As kill -9: the socket goes, nothing is said or written any more. The disk as it was then. */
async function crash(server: SandboxIrc, core: Core): Promise<Core> {
  core.storing = false;
  const disk = new Map(core.disk);
  await pause(0);
  server.kill("trestle", "crash");
  return createCore(disk);
}

describe("channels", () => {
  it("[R8 irc] joins a thousand channels in a few lines, each within 512 bytes", async () => {
    const server = await serve();
    const lines: string[] = [];
    server.onLine(({ line }) => lines.push(line));
    const chats = Array.from({ length: 1000 }, (_, at) => chatOf(`#channel-with-a-name-${at}`));
    const startMs = Date.now();
    const connector = buildConnector({ net: networkConfig(server.port) });
    opened.push(() => connector.stop());
    for (const chat of chats) connector.follow(chat);
    await connector.start(createCore().host);
    await until("all in", async () => (await Promise.all(chats.map((chat) => isIn(connector, chat)))).every(Boolean), 10_000);
    expect(Date.now() - startMs).toBeLessThan(5_000);
    const joins = lines.filter((line) => line.startsWith("JOIN"));
    expect(Math.max(...joins.map((line) => Buffer.byteLength(line)))).toBeLessThanOrEqual(510);
    expect(joins.length).toBeLessThan(70);
  });

  it("[R8 irc] follows and leaves at any time; leaving stops what is heard", async () => {
    const server = await serve();
    const { connector, core } = await bridge(server);
    const two = chatOf("#two");
    connector.follow(two);
    connector.follow(two);
    await until("in two", () => isIn(connector, two));
    connector.unfollow(one, "unlinked by @alice\r\nQUIT :x");
    await until("left", () => !server.nicks("#one").includes("trestle"));
    server.say("bob", "#one", "not for us");
    server.say("bob", "#two", "for us");
    await until("heard", () => core.texts().length > 0);
    expect(core.texts()).toEqual(["for us"]);
    expect(isUp(connector)).toBe(true);
  });

  it("[S1 irc] leaves a channel that it was forced into and does not follow", async () => {
    const server = await serve();
    const { connector, core } = await bridge(server);
    server.sendRaw("trestle", ":trestle!t@h JOIN #stranger");
    await pause(30);
    server.sendRaw("trestle", ":eve!e@h PRIVMSG #stranger :psst");
    await say(connector, one, "sync");
    expect(core.texts()).toEqual([]);
  });

  it("knows two thousand members, their renames and their going", async () => {
    const server = await serve();
    for (let at = 0; at < 2000; at += 1) server.join(`user${at}`, "#one");
    const { connector, core } = await bridge(server);
    await until("named", async () => (await connector.describeMembers(one)).length === 2000);
    server.rename("user7", "renamed");
    server.quit("user8");
    server.part("user9", "#one");
    server.kick("user10", "#one");
    await until("changed", async () => (await connector.describeMembers(one)).length === 1997);
    expect((await connector.describeMembers(one)).map(({ name }) => name)).toContain("renamed");
    expect(core.of("user-changed").map(({ user, was }) => [user.name, was])).toEqual([["renamed", "user7"]]);
  });

  it("[L6 irc] a netsplit of a thousand costs no event at all", async () => {
    const server = await serve();
    const nicks = Array.from({ length: 1000 }, (_, at) => `user${at}`);
    for (const nick of nicks) server.join(nick, "#one");
    const { connector, core } = await bridge(server);
    await until("named", async () => (await connector.describeMembers(one)).length === 1000);
    const before = core.events.length;
    server.netsplit(nicks);
    await until("split", async () => (await connector.describeMembers(one)).length === 0);
    server.heal();
    await until("healed", async () => (await connector.describeMembers(one)).length === 1000);
    expect(core.events.slice(before)).toEqual([]);
  });

  it("[S1 irc] pitfall 15: compares names as the network does", async () => {
    for (const [casemapping, isSame] of [
      ["rfc1459", true],
      ["ascii", false],
    ] as const) {
      const server = await serve({ casemapping });
      const { connector, core } = await bridge(server, createCore(), {}, [chatOf("#a[b]")]);
      server.sendRaw("trestle", ":bob!b@h PRIVMSG #A{B} :folded");
      server.sendRaw("trestle", ":bob!b@h PRIVMSG #A[b] :plain");
      await until("heard", () => core.texts().includes("plain"));
      expect(core.texts()).toEqual(isSame ? ["folded", "plain"] : ["plain"]);
      expect(core.of("action").every(({ chat }) => chat.id === "#a[b]")).toBe(true);
      await connector.stop();
    }
  });

  it.each([403, 405, 437, 471, 473, 474, 475, 476, 477, 480, 489, 520])(
    "[S1 irc] pitfall 10: a JOIN refused by %i is told once in the room, tried again, and its return told",
    async (numeric) => {
      const script: HostileScript = async (peer) => {
        await peer.register();
        for (let at = 0; at < 3; at += 1) {
          await peer.expect(/^JOIN #one/);
          peer.line(`:hostile.test ${numeric} trestle #one :Cannot join channel`);
        }
        await peer.acceptJoin();
        await peer.gone;
      };
      const peer = await createHostilePeer(script);
      opened.push(() => peer.stop());
      const core = createCore();
      const { connector } = await bridge(peer, core);
      await until("back", () => core.of("presence-in-chat").length === 2);
      expect(core.of("presence-in-chat").map(({ state }) => state)).toEqual(["out", "back"]);
      expect(core.of("presence-in-chat")[0]?.reason).toContain("Cannot join channel");
      expect((await connector.describeChat(one)).problem).toBeUndefined();
      expect(core.of("gap")).toEqual([]);
    },
  );

  it("[S1 irc] pitfall 10: a forward to another channel is not accepted", async () => {
    const peer = await createHostilePeer(async (connection) => {
      await connection.register();
      await connection.expect(/^JOIN #one/);
      connection.line(":hostile.test 470 trestle #one ##elsewhere :Forwarding to another channel");
      connection.line(":trestle!t@h JOIN ##elsewhere");
      await connection.gone;
    });
    opened.push(() => peer.stop());
    const core = createCore();
    const connector = buildConnector({ net: networkConfig(peer.port, { rejoinMinMs: 60_000, rejoinMaxMs: 60_000 }) });
    opened.push(() => connector.stop());
    connector.follow(one);
    await connector.start(core.host);
    await until("left", () => peer.lines.some((line) => line.startsWith("PART ##elsewhere")));
    expect((await connector.describeChat(one)).problem).toContain("forwards to ##elsewhere");
    expect(core.of("presence-in-chat")).toHaveLength(1);
    await expect(say(connector, one, "x")).rejects.toMatchObject({ code: "not-joined" });
  });
});

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

describe("gaps", () => {
  it("announces nothing at the very first join", async () => {
    const server = await serve();
    const { core, connector } = await bridge(server);
    await say(connector, one, "sync");
    expect(core.of("gap")).toEqual([]);
  });

  it("after an outage each chat gets one window, from the last heard to the rejoin", async () => {
    const server = await serve();
    const { core, connector } = await bridge(server, createCore(), {}, [one, chatOf("#two")]);
    server.say("bob", "#one", "before");
    await until("heard", () => core.texts().length === 1);
    const lastMs = Date.now();
    await server.restart({ downMs: 150 });
    await until("both", () => core.of("gap").length === 2);
    server.say("bob", "#one", "after");
    await until("heard", () => core.texts().length === 2);
    await pause(50);
    const gaps = core.of("gap");
    expect(gaps.map(({ chat }) => chat.id).sort()).toEqual(["#one", "#two"]);
    for (const gap of gaps) {
      expect(gap.fromMs).toBeLessThanOrEqual(lastMs + 50);
      expect(gap.toMs - gap.fromMs).toBeGreaterThan(100);
    }
    expect(core.events.findIndex(({ kind }) => kind === "gap")).toBeLessThan(core.events.length - 1);
    expect(core.texts()).toEqual(["before", "after"]);
    expect(isUp(connector)).toBe(true);
  });

  it("[L6 irc] a crash at any moment leaves exactly one announcement per window, each line inside a window or stored", async () => {
    const server = await serve();
    let disk = new Map<string, string>();
    const spoken: { text: string; atMs: number }[] = [];
    const stored = new Set<string>();
    const windows: { fromMs: number; toMs: number; key: string }[] = [];
    let speaking = true;
    const speaker = (async () => {
      for (let at = 0; speaking; at += 1) {
        const text = `line ${at}`;
        server.say("bob", "#one", text);
        spoken.push({ text, atMs: Date.now() });
        await pause(3);
      }
    })();
    for (let round = 0; round < 8; round += 1) {
      const core = createCore(disk);
      const { connector } = await bridge(server, core);
      await pause([0, 5, 20, 60, 150, 300, 10, 400][round] ?? 0);
      const next = await crash(server, core);
      disk = next.disk;
      for (const text of core.texts()) {
        expect(stored.has(text)).toBe(false);
        stored.add(text);
      }
      windows.push(...core.of("gap"));
      core.storing = true;
      await connector.stop();
    }
    const last = createCore(disk);
    await bridge(server, last);
    await pause(100);
    speaking = false;
    await speaker;
    await until("quiet", () => last.texts().includes(spoken.at(-1)?.text ?? ""));
    for (const text of last.texts()) stored.add(text);
    windows.push(...last.of("gap"));
    const keys = windows.map(({ key }) => key);
    const firstHeard = spoken.findIndex(({ text }) => stored.has(text));
    const lost = spoken.slice(firstHeard).filter(({ text }) => !stored.has(text));
    expect(lost.length).toBeGreaterThan(0);
    for (const { text, atMs } of lost) {
      const covering = windows.filter(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs + 5);
      expect([text, covering.length > 0]).toEqual([text, true]);
    }
    // a window told twice must be known by its key
    expect(new Set(keys).size).toBeGreaterThanOrEqual(8);
  });

  it("a window whose announcement was not stored is announced by the same key after a crash", async () => {
    const server = await serve();
    const first = await bridge(server);
    await first.connector.stop();
    await pause(20);
    const second = createCore(first.core.disk);
    second.storing = false;
    const { connector } = await bridge(server, second);
    await until("written down", () => [...second.disk.values()].some((value) => value.includes("gap/net/#one/")));
    const third = await crash(server, second);
    await connector.stop().catch(() => undefined);
    await bridge(server, third);
    await until("announced", () => third.of("gap").length === 2);
    const [before, after] = third.of("gap");
    expect([...second.disk.values()].join()).toContain(before?.key);
    expect(after?.fromMs).toBeGreaterThanOrEqual(before?.toMs ?? 0);
    expect([...third.disk.values()].join()).not.toContain(before?.key);
  });
});

describe("history", () => {
  it("fills an outage from the server: nothing missing, nothing doubled, marked late, in order", async () => {
    const server = await serve({ ...allIrcFeatures, chathistory: { limit: 10 } });
    const { core, connector } = await bridge(server);
    for (let at = 0; at < 5; at += 1) server.say("bob", "#one", `before ${at}`);
    await until("heard", () => core.texts().length === 5);
    await say(connector, one, "our own");
    await server.halt();
    for (let at = 0; at < 35; at += 1) server.say("bob", "#one", `meanwhile ${at}`);
    await server.start();
    await until("in again", () => isUp(connector));
    await until("in again", () => isIn(connector, one));
    for (let at = 0; at < 5; at += 1) server.say("bob", "#one", `after ${at}`);
    await until("all", () => core.texts().length === 45);
    await pause(50);
    expect(core.texts()).toEqual([
      ...Array.from({ length: 5 }, (_, at) => `before ${at}`),
      ...Array.from({ length: 35 }, (_, at) => `meanwhile ${at}`),
      ...Array.from({ length: 5 }, (_, at) => `after ${at}`),
    ]);
    expect(core.of("action").filter(({ late }) => late === true).length).toBeGreaterThanOrEqual(35);
    expect(core.of("gap")).toEqual([]);
  });

  it("what the server no longer has is announced as a gap", async () => {
    const server = await serve({ ...allIrcFeatures, chathistory: { limit: 10 } });
    const { core, connector } = await bridge(server, createCore(), { historyLinesMax: 20 });
    server.say("bob", "#one", "before");
    await until("heard", () => core.texts().length === 1);
    await server.halt();
    for (let at = 0; at < 60; at += 1) server.say("bob", "#one", `meanwhile ${at}`);
    await server.start();
    await until("in again", async () => isUp(connector) && (await isIn(connector, one)));
    await until("gap", () => core.of("gap").length === 1);
    expect(core.texts().length).toBeGreaterThanOrEqual(20);
    expect(core.texts().length).toBeLessThan(60);
  });

  it("[S1 irc] history that nobody asked for is not taken for news", async () => {
    const server = await serve(allIrcFeatures);
    const { core, connector } = await bridge(server);
    server.sendRaw("trestle", ":srv BATCH +x chathistory #one");
    server.sendRaw("trestle", "@batch=x;msgid=old1 :bob!b@h PRIVMSG #one :replayed");
    server.sendRaw("trestle", ":srv BATCH -x");
    server.say("bob", "#one", "live");
    await until("heard", () => core.texts().length > 0);
    await say(connector, one, "sync");
    expect(core.texts()).toEqual(["live"]);
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

  it("past ten thousand unstored lines reading pauses, and after 5 s it says goodbye rather than swell", async () => {
    const server = await serve();
    const goodbyes: string[] = [];
    server.onLine(({ line }) => {
      if (line.startsWith("QUIT")) goodbyes.push(line);
    });
    const { core, connector } = await bridge(server, createCore(), { retryMinMs: 60_000, retryMaxMs: 60_000 });
    core.storing = false;
    const startMs = Date.now();
    for (let at = 0; at < 12_000; at += 1) server.say("bob", "#one", `line ${at}`);
    await until("gave up", () => !isUp(connector), 9_000);
    expect(Date.now() - startMs).toBeGreaterThan(4_500);
    expect(connector.status()[0]?.detail).toContain("cannot store");
    expect(goodbyes).toHaveLength(1);
    core.storing = true;
  }, 15_000);

  it("a core that fails to store makes it leave with a reason, and the time since is announced as missed", async () => {
    const server = await serve();
    const { core, connector } = await bridge(server, createCore());
    server.say("bob", "#one", "fine");
    await until("heard", () => core.texts().length === 1);
    core.storing = "disk full";
    const failedAtMs = Date.now();
    server.say("bob", "#one", "lost");
    await until("left", () => !isUp(connector));
    expect(connector.status()[0]?.detail).toContain("disk full");
    core.storing = true;
    await until("gap", () => core.of("gap").length === 1, 12_000);
    expect(core.of("gap")[0]?.fromMs).toBeLessThanOrEqual(failedAtMs + 20);
  }, 15_000);
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
