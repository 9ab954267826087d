/** Getting in and staying in, against peers that misbehave (irc.md section 3, pitfalls 3, 4, 6, 8, 9, 10, 12). */
import { type Connector, jobKey, partKey } from "@trestle/core";
import {
  createHostilePeer,
  createSandboxIrc,
  type HostilePeer,
  type HostileScript,
  hostileScripts,
} from "@trestle/sandbox";
import {
  alice,
  buildConnector,
  type Core,
  chatOf,
  createCore,
  isIn,
  isUp,
  networkConfig,
  pause,
  say,
  until,
} from "./harness.ts";

const author = alice;
const key = partKey(jobKey("k"), 0);
const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function face(
  script: HostileScript | HostileScript[],
  config: Record<string, unknown> = {},
  chats: readonly string[] = ["#one"],
): Promise<{ peer: HostilePeer; connector: Connector; core: Core }> {
  const peer = await createHostilePeer(script);
  const core = createCore();
  const connector = buildConnector({ net: networkConfig(peer.port, config) });
  opened.push(
    () => peer.stop(),
    () => connector.stop(),
  );
  for (const chat of chats) connector.follow(chatOf(chat));
  await connector.start(core.host);
  return { peer, connector, core };
}
const detailOf = (connector: Connector): string => connector.status()[0]?.detail ?? "";
const accept: HostileScript = async (peer) => {
  await peer.register();
  await peer.gone;
};

describe("coming back", () => {
  it("[L6 irc] pitfall 3: goes on trying a server that accepts and drops, with growing waits, and gets in at last", async () => {
    const slam = hostileScripts.slamsTheDoor;
    const { peer, connector } = await face([slam, slam, slam, slam, slam, slam, accept], {
      retryMinMs: 20,
      retryMaxMs: 100,
    });
    await until("let in", () => isUp(connector));
    expect(peer.connections).toBe(7);
    const waits = peer.connectedAtMs.slice(1).map((atMs, at) => atMs - (peer.connectedAtMs[at] ?? 0));
    expect(waits.at(-1)).toBeGreaterThan(60);
    expect(Math.max(...waits)).toBeLessThan(1_000);
  });

  it("[L6 irc] tells why and when it tries next", async () => {
    const { connector } = await face(hostileScripts.slamsTheDoor, { retryMinMs: 60_000, retryMaxMs: 60_000 });
    await until("down", () => connector.status()[0]?.state === "down");
    const status = connector.status()[0];
    expect(status?.detail).toMatch(/127\.0\.0\.1:\d+/);
    expect((status?.nextTryAtMs ?? 0) - Date.now()).toBeGreaterThan(40_000);
    await expect(
      connector.sendPart(chatOf("#one"), { command: "PRIVMSG", text: "x" }, author, key),
    ).rejects.toMatchObject({
      code: "network-down",
    });
  });

  it.each([
    ["Closing Link: (Throttled: Reconnecting too fast)", 40_000, 80_000, /Throttled/],
    ["Closing Link: you are K-Lined: spam", 1_400_000, 2_300_000, /banned/],
    ["Closing link: [Too many connections]", 40_000, 80_000, /Too many/],
    ["Closing Link: (Bad Password)", 230_000, 370_000, /password/],
  ])("[L6 irc] is patient after %j", async (reason, minMs, maxMs, detail) => {
    const { connector, peer } = await face(hostileScripts.errorWhileRegistering(reason));
    await until("down", () => connector.status()[0]?.state === "down");
    const waitMs = (connector.status()[0]?.nextTryAtMs ?? 0) - Date.now();
    expect(waitMs).toBeGreaterThan(minMs);
    expect(waitMs).toBeLessThan(maxMs);
    expect(detailOf(connector)).toMatch(detail);
    expect(peer.connections).toBe(1);
  });

  it("[L6 irc] gives up a server that never answers, or never lets in, after its time", async () => {
    const silent: HostileScript = (peer) => peer.gone;
    const { connector } = await face(silent, {
      registrationTimeoutMs: 100,
      connectTimeoutMs: 100,
      retryMinMs: 60_000,
      retryMaxMs: 60_000,
    });
    await until("down", () => connector.status()[0]?.state === "down");
    expect(detailOf(connector)).toContain("did not let the bridge in");
  });

  it("[L6 irc] takes a server that falls silent for dead and comes back", async () => {
    const mute: HostileScript = async (peer) => {
      await peer.register({ answerPings: false });
      await peer.gone;
    };
    const { connector, peer } = await face([mute, accept], { pingIntervalMs: 50, pingTimeoutMs: 200 });
    await until("came back", () => peer.connections >= 2 && isUp(connector));
    expect(peer.lines).toContain("PING :alive");
  });
});

describe("getting in", () => {
  it("[L6 irc] pitfall 4: a taken nick leads to another, and is regained when it is free", async () => {
    const server = await createSandboxIrc();
    const connector = buildConnector({ net: networkConfig(server.port) });
    opened.push(
      () => server.stop(),
      () => connector.stop(),
    );
    server.join("trestle", "#one");
    connector.follow(chatOf("#one"));
    await connector.start(createCore().host);
    await until("in", () => isIn(connector, chatOf("#one")));
    expect(server.nicks("#one").sort()).toEqual(["trestle", "trestle_"]);
    expect(detailOf(connector)).toContain("trestle_");
    server.quit("trestle");
    await until("regained", () => server.nicks("#one").includes("trestle"));
    await until("known", () => detailOf(connector) === "");
    await say(connector, chatOf("#one"), "still confirmed");
  });

  it("[L6 irc] pitfall 4: when every nick is taken it says so and waits, rather than hang", async () => {
    // no nick is tried twice, even if chance says the same each time
    const chance = jest.spyOn(Math, "random").mockReturnValue(0.5);
    opened.push(async () => chance.mockRestore());
    const { connector, peer } = await face(hostileScripts.nickStorm);
    await until("down", () => connector.status()[0]?.state === "down");
    expect(detailOf(connector)).toContain("trestle and its alternatives are taken");
    const nicks = peer.lines.filter((line) => line.startsWith("NICK "));
    expect(new Set(nicks).size).toBe(nicks.length);
    expect(nicks.length).toBeLessThanOrEqual(9);
  });

  it("[L6 irc] pitfall 4: an invalid nick is shortened, and when nothing helps the config is blamed", async () => {
    const strict: HostileScript = async (peer) => {
      for (;;) {
        const nick = (await peer.expect(/^NICK /)).split(" ")[1] ?? "";
        peer.line(`:hostile.test 432 * ${nick} :Erroneous Nickname`);
      }
    };
    const { connector, peer } = await face(strict, { nick: "averylongnickname" });
    await until("down", () => connector.status()[0]?.state === "down");
    expect(peer.lines.filter((line) => line.startsWith("NICK "))).toEqual(["NICK averylongnickname", "NICK averylong"]);
    expect(detailOf(connector)).toContain("does not accept the nick averylongnickname");
  });

  it("[S1 irc] pitfall 8: one refused capability does not lose the others", async () => {
    const picky: HostileScript = async (peer) => {
      await peer.expect(/^CAP LS/);
      peer.line(":hostile.test CAP * LS * :server-time away-notify echo-message");
      peer.line(":hostile.test CAP * LS :batch labeled-response message-tags");
      const asked = (await peer.expect(/^CAP REQ/)).replace("CAP REQ :", "");
      expect(asked).not.toContain("away-notify");
      peer.line(`:hostile.test CAP * NAK :${asked}`);
      for (const _ of asked.split(" ")) {
        const one = (await peer.expect(/^CAP REQ/)).replace("CAP REQ :", "");
        peer.line(`:hostile.test CAP * ${one === "server-time" ? "NAK" : "ACK"} :${one}`);
      }
      await peer.expect(/^CAP END/);
      peer.line(":hostile.test 001 trestle :Welcome");
      peer.line(":hostile.test 422 trestle :no");
      peer.line(":trestle!t@h JOIN #one");
      const said = await peer.expect(/PRIVMSG/);
      const label = /label=(\w+)/.exec(said)?.[1];
      peer.line(`@label=${label};msgid=abc :trestle!t@h PRIVMSG #one :x`);
      await peer.gone;
    };
    const { connector } = await face(picky);
    await until("in", () => isIn(connector, chatOf("#one")));
    expect(await say(connector, chatOf("#one"), "x")).toBe("abc");
  });

  it("[S1 irc] pitfall 8: when all are refused it gets in without any", async () => {
    const { connector } = await face(hostileScripts.refusesCaps);
    await until("let in", () => isUp(connector));
  });

  it("[S1 irc] pitfall 9: a server password is never used as a SASL password", async () => {
    const { peer } = await face(
      async (peer) => {
        await peer.register({ caps: "sasl=PLAIN server-time" });
        await peer.gone;
      },
      { password: "hunter2" },
    );
    await until("registered", () => peer.lines.includes("CAP END"));
    expect(peer.lines).toContain("PASS :hunter2".replace(":", ""));
    expect(peer.lines.join("\n")).not.toMatch(/AUTHENTICATE|sasl/);
  });

  const sasl = { sasl: { account: "bridge", password: "hunter2" } };
  const cap =
    (offer: string, after: HostileScript): HostileScript =>
    async (peer) => {
      await peer.expect(/^CAP LS/);
      peer.line(`:hostile.test CAP * LS :${offer}`);
      await after(peer);
    };
  const ack: HostileScript = async (peer) => {
    const asked = (await peer.expect(/^CAP REQ/)).replace(/^CAP REQ :?/, "");
    peer.line(`:hostile.test CAP * ACK :${asked}`);
  };
  const welcome: HostileScript = async (peer) => {
    peer.line(":hostile.test 001 trestle :Welcome");
    peer.line(":hostile.test 422 trestle :no");
    await peer.gone;
  };
  it.each<[string, HostileScript]>([
    ["refuses the login", hostileScripts.refusesSasl],
    ["does not offer it", cap("server-time", welcome)],
    ["offers nothing", cap("", welcome)],
    ["does not know capabilities at all", welcome],
    ["offers another mechanism only", cap("sasl=EXTERNAL,SCRAM-SHA-256", welcome)],
    [
      "refuses the capability",
      cap("sasl=PLAIN server-time", async (peer) => {
        for (;;) peer.line(`:hostile.test CAP * NAK :${(await peer.expect(/^CAP REQ/)).replace(/^CAP REQ :?/, "")}`);
      }),
    ],
    [
      "welcomes in the middle of it",
      cap("sasl=PLAIN", async (peer) => {
        await ack(peer);
        await peer.expect(/^AUTHENTICATE/);
        await welcome(peer);
      }),
    ],
    [
      "answers with an odd challenge",
      cap("sasl=PLAIN", async (peer) => {
        await ack(peer);
        await peer.expect(/^AUTHENTICATE/);
        peer.line("AUTHENTICATE abc");
        await welcome(peer);
      }),
    ],
    [
      "says logged in, then failed",
      cap("sasl=PLAIN", async (peer) => {
        await ack(peer);
        await peer.expect(/^AUTHENTICATE/);
        peer.line("AUTHENTICATE +");
        peer.line(":hostile.test 900 * *!*@* other :You are now logged in");
        peer.line(":hostile.test 904 * :failed");
        await welcome(peer);
      }),
    ],
  ])("[S1 irc] pitfall 9: never enters unauthenticated when the server %s", async (_, script) => {
    const { connector, peer, core } = await face(script, sasl);
    await until("down", () => connector.status()[0]?.state === "down");
    expect(detailOf(connector)).toContain("the login as the configured account failed");
    expect(core.of("connection").map(({ state }) => state)).toEqual(["down"]);
    expect(peer.lines.join("\n")).not.toContain("JOIN");
    expect(core.log.text() + detailOf(connector)).not.toContain("hunter2");
  });

  it("[L6 irc] SASL PLAIN: logs in once, ends the negotiation only when the server said success", async () => {
    const server = await createSandboxIrc({ features: { sasl: { users: { bridge: "hunter2" } }, accountTag: true } });
    const heard: string[] = [];
    server.onLine(({ line }) => heard.push(line));
    const connector = buildConnector({ net: networkConfig(server.port, sasl) });
    opened.push(
      () => server.stop(),
      () => connector.stop(),
    );
    connector.follow(chatOf("#one"));
    await connector.start(createCore().host);
    await until("in", () => isIn(connector, chatOf("#one")));
    expect(heard.filter((line) => line.startsWith("AUTHENTICATE"))).toHaveLength(2);
  });

  it("[L6 irc] a refused server password is told as one", async () => {
    const server = await createSandboxIrc({ features: { password: "right" } });
    const connector = buildConnector({ net: networkConfig(server.port, { password: "wrong" }) });
    opened.push(
      () => server.stop(),
      () => connector.stop(),
    );
    await connector.start(createCore().host);
    await until("down", () => connector.status()[0]?.state === "down");
    expect(detailOf(connector)).toContain("refused the server password");
    await expect(
      connector.sendPart(chatOf("#one"), { command: "PRIVMSG", text: "x" }, author, key),
    ).rejects.toMatchObject({
      code: "network-down",
    });
  });
});

describe("staying in", () => {
  it("[S1 irc] pitfall 12: a PING's token comes back whole", async () => {
    const { peer } = await face(async (peer) => {
      await peer.register();
      peer.line("PING :a token with spaces");
      peer.line(":srv PING x");
      peer.line("PING ::colon");
      await peer.gone;
    });
    await until("answered", () => peer.lines.some((line) => line === "PONG ::colon"));
    expect(peer.lines.filter((line) => line.startsWith("PONG"))).toEqual([
      "PONG :a token with spaces",
      "PONG :x",
      "PONG ::colon",
    ]);
  });

  it("[S1 irc] pitfall 12: queries are answered with the contact, thrice in ten seconds at most", async () => {
    const { peer } = await face(
      async (peer) => {
        await peer.register();
        for (let at = 0; at < 50; at += 1) peer.line(":eve!e@h PRIVMSG trestle :\x01VERSION\x01");
        peer.line(":eve!e@h PRIVMSG #one :\x01VERSION\x01");
        peer.line(":eve!e@h NOTICE trestle :\x01VERSION\x01");
        peer.line("PING :end");
        await peer.gone;
      },
      { contact: "admin@example.org" },
    );
    await until("answered", () => peer.lines.includes("PONG :end"));
    await pause(20);
    const answers = peer.lines.filter((line) => line.startsWith("NOTICE"));
    expect(answers).toHaveLength(3);
    expect(answers[0]).toContain("contact: admin@example.org");
    expect(peer.lines.find((line) => line.startsWith("USER"))).toContain("admin@example.org");
  });

  it("[S1 irc] CTCP PING with spaces, odd bytes or a nick that is none answers harmlessly", async () => {
    const { peer } = await face(async (peer) => {
      await peer.register();
      peer.line(":a,b!e@h PRIVMSG trestle :\x01PING 1\x01");
      peer.line(":$$*!e@h PRIVMSG trestle :\x01PING 1\x01");
      peer.line(`:eve!e@h PRIVMSG trestle :\x01PING ${"9".repeat(400)}\x01`);
      peer.line("PING :end");
      await peer.gone;
    });
    await until("answered", () => peer.lines.includes("PONG :end"));
    await pause(20);
    const answers = peer.lines.filter((line) => line.startsWith("NOTICE"));
    expect(answers).toEqual([`NOTICE eve :\x01PING ${"9".repeat(64)}\x01`]);
  });

  it.each<[string, HostileScript]>([
    ["lines of 60 kB", hostileScripts.longLines()],
    ["invalid UTF-8", hostileScripts.invalidUtf8],
    ["halves of lines", hostileScripts.halfLines],
    ["broken numerics", hostileScripts.brokenNumerics],
    ["forged PONGs", hostileScripts.forgedPongs],
  ])("[S1 irc] lives through %s", async (_, script) => {
    const { peer, connector, core } = await face(async (hostile) => {
      void hostile.expect(/PING :t1/).then(() => hostile.line(":hostile.test PONG hostile.test :t1"));
      await script(hostile);
    });
    await until("in", () => isIn(connector, chatOf("#one")));
    await pause(50);
    await say(connector, chatOf("#one"), "still alive");
    expect(peer.connections).toBe(1);
    expect(core.of("connection")).toHaveLength(1);
  });

  it("[S1 irc] pitfall 6: 20 MB without a newline cost no memory to speak of", async () => {
    const before = process.memoryUsage().rss;
    const { peer } = await face(hostileScripts.hugeLine());
    await until("sent", () => peer.bytesSent > 20_000_000, 15_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000);
  });

  it("[L6 irc] a nick forced on the bridge is followed, and its own lines are still recognised", async () => {
    const { connector, core } = await face(async (peer) => {
      await peer.register();
      await peer.acceptJoin();
      peer.line(":trestle!t@h NICK :Guest1");
      peer.line(":Guest1!t@h PRIVMSG #one :an echo");
      peer.line(":trestle!other@h JOIN #one");
      peer.line(":trestle!other@h PRIVMSG #one :somebody else now");
      await peer.gone;
    });
    await until("heard", () => core.texts().length > 0);
    expect(core.texts()).toEqual(["somebody else now"]);
    expect(detailOf(connector)).toContain("Guest1");
  });
});
