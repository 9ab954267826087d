import { createSandboxIrc, type SandboxIrc, type SandboxIrcOptions } from "../src/index.ts";
import { connectClient, registerClient, type TestClient } from "./irc-test-client.ts";

const servers: SandboxIrc[] = [];
const clients: TestClient[] = [];
const serve = async (options?: SandboxIrcOptions): Promise<SandboxIrc> => {
  const server = await createSandboxIrc(options);
  servers.push(server);
  return server;
};
const enter = async (server: SandboxIrc, nick: string, caps?: string): Promise<TestClient> => {
  const client = await registerClient(server.port, nick, caps);
  clients.push(client);
  return client;
};

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

describe("registration", () => {
  it("welcomes with the ISUPPORT of its settings", async () => {
    const server = await serve({ features: { nickLen: 12, topicLen: 77, casemapping: "ascii" } });
    const client = await enter(server, "alice");
    expect(client.lines.find((line) => line.includes(" 001 alice "))).toContain("alice!~alice@127.0.0.1");
    const isupport = client.lines.filter((line) => line.includes(" 005 ")).join(" ");
    for (const token of ["NICKLEN=12", "TOPICLEN=77", "CASEMAPPING=ascii", "CHANTYPES=#&", "PREFIX=(ov)@+"])
      expect(isupport).toContain(token);
  });

  it.each([
    ["NICK", "431"],
    ["NICK 9lives", "432"],
    ["NICK waytoolongforthisserverofours12345", "432"],
    ["NICK Taken", "433"],
    ["NICK tAKEN", "433"],
    ["USER only two", "461"],
    ["PRIVMSG #a :early", "451"],
    ["CAP NONSENSE", "410"],
  ])("answers %s with %s", async (line, code) => {
    const server = await serve();
    await enter(server, "taken");
    const client = await connectClient(server.port);
    clients.push(client);
    client.send(line);
    await expect(client.next(/./)).resolves.toContain(` ${code} `);
  });

  it("refuses a wrong password with 464 and closes, and takes the right one", async () => {
    const server = await serve({ features: { password: "sesame" } });
    const wrong = await connectClient(server.port);
    wrong.send("PASS nope", "NICK a", "USER a 0 * :a");
    await wrong.next(/ 464 /);
    await wrong.next(/^ERROR /);
    await wrong.closed;
    const right = await connectClient(server.port);
    clients.push(right);
    right.send("PASS sesame", "NICK a", "USER a 0 * :a");
    await right.next(/ 001 /);
  });

  it("waits for CAP END, acknowledges all capabilities of a request or none", async () => {
    const server = await serve({ features: { messageTags: true, serverTime: true, relaymsg: true } });
    const client = await connectClient(server.port);
    clients.push(client);
    client.send("CAP LS 302", "NICK cap", "USER cap 0 * :cap");
    await expect(client.next(/ CAP \* LS /)).resolves.toMatch(/:.*message-tags.*server-time.*draft\/relaymsg=\//);
    client.send("CAP REQ :server-time nonsense");
    await client.next(/NAK :server-time nonsense/);
    client.send("CAP REQ :server-time");
    await client.next(/ACK :server-time/);
    client.send("CAP LIST");
    await expect(client.next(/ LIST /)).resolves.toMatch(/ LIST :server-time$/);
    expect(client.lines.some((line) => line.includes(" 001 "))).toBe(false);
    client.send("CAP END");
    await client.next(/^@time=.* 001 /);
  });

  it("logs in by SASL PLAIN, in pieces of 400 too, and refuses what is wrong", async () => {
    const long = "p".repeat(300);
    const server = await serve({ features: { sasl: { users: { bot: "pass word", big: long } } } });
    const login = async (mechanism: string, secret: string): Promise<TestClient> => {
      const client = await connectClient(server.port);
      clients.push(client);
      client.send("CAP REQ :sasl", `AUTHENTICATE ${mechanism}`);
      if (mechanism !== "PLAIN") return client;
      await client.next(/^AUTHENTICATE \+$/);
      const text = Buffer.from(secret).toString("base64");
      for (let at = 0; at < text.length; at += 400) client.send(`AUTHENTICATE ${text.slice(at, at + 400)}`);
      if (text.length % 400 === 0) client.send("AUTHENTICATE +");
      return client;
    };
    await (await login("PLAIN", "\0bot\0pass word")).next(/ 903 /);
    await (await login("PLAIN", `\0big\0${long}`)).next(/ 903 /);
    await (await login("PLAIN", "\0bot\0wrong")).next(/ 904 /);
    await (await login("PLAIN", "\0toString\0x")).next(/ 904 /);
    const other = await login("SCRAM-SHA-256", "");
    await other.next(/ 908 .* PLAIN /);
    await other.next(/ 904 /);
  });

  it("closes who registers too slowly, and pings out who is silent", async () => {
    const server = await serve({ registrationWithinMs: 30, pingAfterIdleMs: 30, pongWithinMs: 30 });
    const idle = await connectClient(server.port);
    await idle.next(/^ERROR .*Registration timed out/);
    const silent = await enter(server, "silent");
    await silent.next(/^PING /);
    await silent.next(/^ERROR .*Ping timeout/);
    await silent.closed;
    expect(server.counters.registered).toBe(1);
  });
});

describe("channels", () => {
  it("relays what is said to the others only, and shows who is there", async () => {
    const server = await serve();
    const [alice, bob] = [await enter(server, "alice"), await enter(server, "bob")];
    alice.send("JOIN #den");
    await alice.next(/353 .*:@alice/);
    bob.send("JOIN #DEN");
    await bob.next(/353 .*:@alice bob/);
    await alice.next(/^:bob!~bob@127.0.0.1 JOIN #den/);
    bob.send("PRIVMSG #den :hello there");
    await alice.next(/^:bob!~bob@127.0.0.1 PRIVMSG #den :hello there$/);
    expect((await bob.settle()).some((line) => line.includes("hello"))).toBe(false);
  });

  it.each([
    ["JOIN nohash", "403"],
    ["JOIN #key", "475"],
    ["JOIN #full", "471"],
    ["JOIN #invite", "473"],
    ["JOIN #ban", "474"],
    ["PART #key", "442"],
    ["PART #nowhere", "403"],
    ["KICK #mine ghost", "441"],
    ["KICK #theirs owner", "482"],
    ["TOPIC #theirs :mine now", "482"],
    ["MODE #theirs +m", "482"],
    ["MODE #mine +Z", "472"],
    ["PRIVMSG nobody :hi", "401"],
    ["PRIVMSG #nowhere :hi", "403"],
    ["PRIVMSG #key :from outside", "404"],
    ["PRIVMSG #moderated :hi", "404"],
    ["PRIVMSG #mine", "412"],
    ["PRIVMSG", "411"],
    ["INVITE me #mine", "443"],
    ["JOIN", "461"],
    ["PASS late", "462"],
    ["USER a b c d", "462"],
    ["FROBNICATE", "421"],
    ["@tag=1 PRIVMSG #mine :tagged on an old server", "421"],
  ])("answers %s with %s", async (line, code) => {
    const server = await serve();
    for (const channel of ["#key", "#full", "#invite", "#ban", "#theirs", "#moderated"]) server.join("owner", channel);
    server.mode("owner", "#key", "+k", "secret");
    server.mode("owner", "#full", "+l", "1");
    server.mode("owner", "#invite", "+i");
    server.mode("owner", "#ban", "+b", "me!*@*");
    server.mode("owner", "#moderated", "+m");
    const me = await enter(server, "me");
    me.send("JOIN #mine,#theirs");
    await me.settle();
    me.send(line);
    await expect(me.next(/./)).resolves.toContain(` ${code} me `);
  });

  it("carries topic, nick change, kick, mode, part and quit to everybody beside", async () => {
    const server = await serve();
    const [alice, bob] = [await enter(server, "alice"), await enter(server, "bob")];
    alice.send("JOIN #den");
    await alice.settle();
    bob.send("JOIN #den");
    alice.send("TOPIC #den :news", "MODE #den +vk bob key", "NICK alison", "KICK #den bob :out");
    await bob.next(/^:alice!\S+ TOPIC #den :news/);
    await bob.next(/^:alice!\S+ MODE #den \+vk bob key/);
    await bob.next(/^:alice!\S+ NICK :alison/);
    await bob.next(/^:alison!\S+ KICK #den bob :out/);
    bob.send("JOIN #den key", "PART #den :see you", "JOIN #den key", "QUIT :tired");
    await alice.next(/^:bob!\S+ PART #den :see you/);
    await alice.next(/^:bob!\S+ QUIT :Quit: tired/);
    expect(server.topic("#den")).toBe("news");
  });

  it("compares names by its casemapping", async () => {
    const rfc = await serve({ features: { casemapping: "rfc1459" } });
    rfc.join("Nick[a]", "#x{y}");
    expect(rfc.nicks("#X[Y]")).toEqual(["Nick[a]"]);
    const ascii = await serve({ features: { casemapping: "ascii" } });
    ascii.join("Nick[a]", "#x{y}");
    expect(ascii.nicks("#X[Y]")).toEqual([]);
    expect(ascii.nicks("#X{Y}")).toEqual(["Nick[a]"]);
  });

  it("answers WHO, WHOX, WHOIS, MONITOR and LIST", async () => {
    const server = await serve();
    server.join("carol", "#den", "carol-account");
    const me = await enter(server, "me");
    me.send("JOIN #den", "WHO #den", "WHO #den %tnaf,42", "WHOIS carol", "MONITOR + carol,dave", "LIST");
    await me.next(/ 352 me #den person people.sandbox.test irc.sandbox.test carol H@ /);
    await me.next(/ 354 me 42 carol H@ carol-account/);
    await me.next(/ 330 me carol carol-account /);
    await me.next(/ 730 me :carol!/);
    await me.next(/ 731 me :dave/);
    await me.next(/ 322 me #den 2 /);
    server.join("dave", "#other");
    server.quit("carol");
    await me.next(/ 731 me :carol/);
  });
});

describe("the wire", () => {
  it("closes the link on a line over 512 bytes and takes one of exactly 512", async () => {
    const server = await serve();
    const me = await enter(server, "me");
    me.send("JOIN #a");
    me.send(`PRIVMSG #a :${"x".repeat(512 - 2 - 12)}`);
    await me.settle();
    me.send(`PRIVMSG #a :${"x".repeat(512 - 2 - 11)}`);
    await me.next(/^ERROR .*Request too long/);
    await me.closed;
    expect(server.counters.overlong).toBe(1);
  });

  it("closes a link that never ends its line", async () => {
    const server = await serve();
    const me = await enter(server, "me");
    me.sendBytes(Buffer.alloc(200_000, 120));
    await me.closed;
  });

  it("cuts a relayed line to 512 bytes, prefix included", async () => {
    const server = await serve();
    const [me, you] = [await enter(server, "me"), await enter(server, "you")];
    you.send("JOIN #a");
    await you.settle();
    me.send("JOIN #a", `PRIVMSG #a :${"y".repeat(495)}`);
    const heard = await you.next(/PRIVMSG/);
    expect(heard.length).toBe(510);
    expect(server.counters.cut).toBe(1);
  });

  it("passes bytes that are no UTF-8 unharmed", async () => {
    const server = await serve();
    const [me, you] = [await enter(server, "me"), await enter(server, "you")];
    for (const client of [me, you]) {
      client.send("JOIN #a");
      await client.settle();
    }
    me.sendBytes(Buffer.from([...Buffer.from("PRIVMSG #a :"), 0xff, 0xe9, 0xfe, 13, 10]));
    expect(Buffer.from((await you.next(/PRIVMSG/)).slice(-3), "latin1")).toEqual(Buffer.from([0xff, 0xe9, 0xfe]));
  });

  it("spaces a burst, or kills for it, as its throttle says", async () => {
    const slow = await serve({ throttle: { burst: 5, linesPerSecond: 50, onExcess: "delay" } });
    const me = await enter(slow, "me");
    const began = Date.now();
    me.send("JOIN #a", ...Array.from({ length: 19 }, (_, at) => `PRIVMSG #a :${at}`));
    await me.settle();
    expect(Date.now() - began).toBeGreaterThan(200);
    expect(slow.messages("#a").map(({ text }) => text)).toEqual(Array.from({ length: 19 }, (_, at) => String(at)));
    const strict = await serve({ throttle: { burst: 5, linesPerSecond: 5, onExcess: "kill" } });
    const other = await enter(strict, "other");
    other.send("JOIN #a", ...Array.from({ length: 19 }, (_, at) => `PRIVMSG #a :${at}`));
    await other.next(/^ERROR .*Excess Flood/);
    expect(strict.messages("#a")).toHaveLength(4);
  });

  it("relays more than 30,000 lines a second", async () => {
    const server = await serve();
    const [me, you] = [await enter(server, "me"), await enter(server, "you")];
    for (const client of [me, you]) {
      client.send("JOIN #a");
      await client.settle();
    }
    const count = 30_000;
    const began = performance.now();
    me.sendBytes(Buffer.from("PRIVMSG #a :a line of some thirty bytes here\r\n".repeat(count)));
    me.send("PRIVMSG #a :last");
    await you.next(/:last$/, 10_000);
    const perSecond = count / ((performance.now() - began) / 1000);
    expect(you.lines.filter((line) => line.includes("thirty"))).toHaveLength(count);
    // three times the bar on a quiet machine; half of it leaves room for busy ones
    expect(perSecond).toBeGreaterThan(15_000);
  });
});
