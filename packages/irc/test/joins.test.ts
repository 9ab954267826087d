/** Being in channels: many, refused, forced, forwarded, full of people. */
import { allIrcFeatures, createHostilePeer, type HostileScript } from "@trestle/sandbox";
import {
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
  pause,
  say,
  serve,
  until,
} from "./harness.ts";

afterEach(closeOpened);

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
    await until(
      "all in",
      async () => (await Promise.all(chats.map((chat) => isIn(connector, chat)))).every(Boolean),
      10_000,
    );
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

  it("[L6 irc] [R5 irc] a netsplit of a thousand that heals costs one event, by which the members are compared", async () => {
    const server = await serve();
    const nicks = Array.from({ length: 1000 }, (_, at) => `user${at}`);
    for (const nick of nicks) server.join(nick, "#one");
    const { connector, core } = await bridge(server);
    await until("named", () => core.of("members-changed").length === 1);
    expect(await connector.describeMembers(one)).toHaveLength(1000);
    const before = core.events.length;
    server.netsplit(nicks);
    await until("split", async () => (await connector.describeMembers(one)).length === 0);
    server.heal();
    await until("healed", async () => (await connector.describeMembers(one)).length === 1000);
    await until("told", () => core.events.length > before);
    await pause(20);
    expect(core.events.slice(before)).toMatchObject([{ kind: "members-changed", chat: one }]);
  });

  it("[R8 irc] says once that a channel can never be entered, goes on trying, and comes back if it can", async () => {
    const server = await serve();
    const bad = chatOf("#bad");
    server.forbid("#bad", true);
    const { connector, core } = await bridge(server);
    let tries = 0;
    server.onLine(({ line }) => {
      if (line === "JOIN #bad") tries += 1;
    });
    connector.follow(bad);
    await until("tried again", () => tries > 2);
    expect(core.of("chat-gone")).toMatchObject([
      { chat: bad, reason: "the channel's name is refused (Illegal channel name)" },
    ]);
    server.forbid("#bad", false);
    await until("in", () => isIn(connector, bad));
    server.forbid("#bad", true);
    server.kick("trestle", "#bad");
    await until("said again", () => core.of("chat-gone").length === 2);
  });

  it("[R8 irc] a name that the server takes for none is the end of a chat, also when it says only that there is none", async () => {
    const peer = await createHostilePeer(async (connection) => {
      await connection.register({ isupport: "CHANTYPES=& CHANNELLEN=30" });
      await connection.expect(/^JOIN #one/);
      connection.line(":hostile.test 403 trestle #one :No such channel");
      await connection.gone;
    });
    opened.push(() => peer.stop());
    const core = createCore();
    const connector = buildConnector({ net: networkConfig(peer.port) });
    opened.push(() => connector.stop());
    connector.follow(one);
    await connector.start(core.host);
    await until("told", () => core.of("chat-gone").length === 1);
  });

  it.each<[string, string, boolean]>([
    ["403", "No such channel", false],
    ["479", "Cannot join channel (channel has become +L linked)", false],
    ["479", "Channel is forbidden", true],
    ["476", "Bad channel mask", true],
    ["448", "Cannot join: forbidden by the network", true],
    ["437", "Nick/channel is temporarily unavailable", false],
    ["471", "Cannot join channel (+l)", false],
    ["473", "Cannot join channel (+i)", false],
    ["474", "Cannot join channel (+b)", false],
    ["477", "You need a registered nick", false],
    ["405", "You have joined too many channels", false],
  ])("[R8 irc] %s %s is the end of a chat: %p", async (numeric, text, isEnd) => {
    const peer = await createHostilePeer(async (connection) => {
      await connection.register();
      await connection.expect(/^JOIN #one/);
      connection.line(`:hostile.test ${numeric} trestle #one :${text}`);
      await connection.gone;
    });
    opened.push(() => peer.stop());
    const core = createCore();
    const connector = buildConnector({ net: networkConfig(peer.port, { rejoinMinMs: 60_000, rejoinMaxMs: 60_000 }) });
    opened.push(() => connector.stop());
    connector.follow(one);
    await connector.start(core.host);
    await until("refused", () => core.of("presence-in-chat").length === 1);
    await pause(20);
    expect(core.of("chat-gone")).toHaveLength(isEnd ? 1 : 0);
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

describe("what waits for a channel", () => {
  it("[L5 irc] goes as soon as we are in: the core is told, and what came a moment too early is not refused", async () => {
    const server = await serve(allIrcFeatures);
    const core = createCore();
    const connector = buildConnector({ net: networkConfig(server.port) });
    opened.push(() => connector.stop());
    connector.follow(one);
    await connector.start(core.host);
    // neither connected nor in
    await say(connector, one, "early");
    expect(core.of("joined").map(({ chat }) => chat)).toEqual([one]);
    const two = chatOf("#two");
    connector.follow(two);
    await say(connector, two, "also early");
    server.kick("trestle", "#one");
    await until("in again", () => core.of("joined").filter(({ chat }) => chat.id === "#one").length === 2);
    await say(connector, one, "back");
    expect(server.messages("#one").map(({ text }) => text)).toEqual(["early", "back"]);
  });

  it("[L5 irc] is refused at once where nobody knows when: not followed, refused, gone, stopped", async () => {
    const server = await serve();
    server.mode("op", "#one", "+b", "trestle!*@*");
    const { connector } = await bridge(server, createCore(), {}, [chatOf("#two")]);
    const startMs = Date.now();
    const codeOf = (chat = one): Promise<unknown> => say(connector, chat, "x").catch((error) => error.code);
    expect(await codeOf()).toBe("not-joined");
    connector.follow(one);
    expect(await codeOf()).toBe("not-joined");
    const waiting = codeOf(chatOf("#two"));
    connector.unfollow(chatOf("#two"), "done");
    await waiting;
    await connector.stop();
    expect(await codeOf()).toBe("network-down");
    expect(Date.now() - startMs).toBeLessThan(1_500);
  });

  it.each([
    ["-m", []],
    ["-b", ["trestle!*@*"]],
    ["+v", ["trestle"]],
  ])("[L5 irc] goes when we may speak again: %s", async (modes, args) => {
    const server = await serve();
    const { core } = await bridge(server);
    await until("told", () => core.of("joined").length === 1);
    server.sendRaw("trestle", ":op!o@h MODE #one +m");
    server.sendRaw("trestle", `:op!o@h MODE #one ${[modes, ...args].join(" ")}`);
    server.say("bob", "#one", "sync");
    await until("told", () => core.texts().length === 1);
    expect(core.of("joined")).toHaveLength(2);
  });
});
