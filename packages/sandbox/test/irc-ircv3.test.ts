import { allIrcFeatures, createSandboxIrc, type SandboxIrc, type SandboxIrcOptions } from "../src/index.ts";
import { registerClient, type TestClient } from "./irc-test-client.ts";

const caps =
  "message-tags server-time batch echo-message labeled-response account-tag extended-join draft/chathistory draft/message-redaction draft/relaymsg";
let server: SandboxIrc;
const clients: TestClient[] = [];

const open = async (options: SandboxIrcOptions = {}): Promise<void> => {
  await server?.stop();
  server = await createSandboxIrc({ features: allIrcFeatures, ...options });
};
const enter = async (nick: string, wanted = caps, channel = "#den"): Promise<TestClient> => {
  const client = await registerClient(server.port, nick, wanted);
  clients.push(client);
  client.send(`JOIN ${channel}`);
  await client.settle();
  return client;
};

beforeEach(() => open());
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop();
});

describe("tags, echoes and labels", () => {
  it("echoes with the label and the id that the others see", async () => {
    const [me, you] = [await enter("me"), await enter("you")];
    me.send("@label=k1;+draft/reply=abc;secret=1 PRIVMSG #den :hello");
    const echo = await me.next(/PRIVMSG #den :hello/);
    const heard = await you.next(/PRIVMSG #den :hello/);
    expect(echo).toMatch(/^@label=k1;time=\d{4}-\d\d-\d\dT[\d:.]+Z;msgid=[^;]+;\+draft\/reply=abc :me!~me@127.0.0.1 /);
    expect(heard).toBe(echo.replace("label=k1;", ""));
    expect(heard).not.toContain("secret");
  });

  it("gives a client without capabilities the bare line", async () => {
    const [me, plain] = [await enter("me"), await enter("plain", "")];
    me.send("@+typing=active TAGMSG #den", "@+draft/react=x PRIVMSG #den :bare");
    await expect(plain.next(/PRIVMSG/)).resolves.toBe(":me!~me@127.0.0.1 PRIVMSG #den :bare");
    expect(plain.lines.some((line) => line.includes("TAGMSG"))).toBe(false);
  });

  it("acknowledges a labelled command without answer, and wraps several answers in a batch", async () => {
    const me = await enter("me");
    me.send("@label=a PONG x", "@label=b PING y", "@label=c WHOIS me", "@label=d JOIN nowhere");
    await expect(me.next(/label=a/)).resolves.toBe(`@label=a :${server.name} ACK`);
    await expect(me.next(/label=b/)).resolves.toContain(" PONG ");
    const opened = await me.next(/label=c/);
    const batch = /BATCH \+(\S+) labeled-response/.exec(opened)?.[1] as string;
    expect(batch).toBeDefined();
    await me.next(new RegExp(`batch=${batch}.* 311 `));
    await me.next(new RegExp(`BATCH -${batch}`));
    await expect(me.next(/label=d/)).resolves.toContain(" 403 ");
  });

  it("shows accounts in extended joins and tags", async () => {
    const me = await enter("me");
    server.join("carol", "#den", "carol-account");
    await me.next(/:carol!\S+ JOIN #den carol-account :carol/);
    server.say("carol", "#den", "hi");
    await me.next(/account=carol-account.* :hi/);
  });

  it("tells logins and logouts, tags every line of who is logged in, and says it in WHOIS", async () => {
    const me = await enter("me", `${caps} account-notify`);
    server.join("carol", "#den");
    server.login("carol", "carol-account");
    await me.next(/:carol!\S+ ACCOUNT carol-account$/);
    server.dress("carol", "c", "carols.host");
    server.whisper("carol", "me", "psst");
    await me.next(/account=carol-account :carol!c@carols.host PRIVMSG me :psst/);
    me.send("WHOIS carol");
    await me.next(/ 330 me carol carol-account :is logged in as/);
    server.login("carol", undefined);
    await me.next(/:carol!\S+ ACCOUNT \*$/);
    server.say("carol", "#den", "nobody now");
    expect(await me.next(/ :nobody now/)).not.toContain("account=");
    server.login("carol", "again");
    server.part("carol", "#den");
    expect(await me.next(/ PART /)).toContain("account=again");
  });

  it("offers only what it is asked for of accounts", async () => {
    await open({ features: { ...allIrcFeatures, accountTag: ["account-notify"] } });
    const me = await enter("me", "message-tags account-notify");
    server.join("carol", "#den", "carol-account");
    server.say("carol", "#den", "hi");
    expect(me.lines.some((line) => / ACK :message-tags account-notify/.test(line))).toBe(true);
    await expect(me.next(/:carol!\S+ JOIN #den$/)).resolves.not.toContain("account");
    await expect(me.next(/ :hi/)).resolves.not.toContain("account");
  });

  it("passes typing on and does not keep it", async () => {
    const [me, you] = [await enter("me"), await enter("you")];
    me.send("@+typing=active TAGMSG #den", "@+draft/react=x;+draft/reply=1 TAGMSG #den");
    await you.next(/\+typing=active :me!\S+ TAGMSG #den/);
    await you.next(/react/);
    expect(server.messages("#den").map(({ tags }) => tags)).toEqual(["+draft/react=x;+draft/reply=1"]);
  });

  it("drops the reactions it denies", async () => {
    await open({ features: { ...allIrcFeatures, react: false } });
    const [me, you] = [await enter("me"), await enter("you")];
    expect(me.lines.some((line) => line.includes("CLIENTTAGDENY=draft/react"))).toBe(true);
    me.send("@+draft/react=x;+draft/reply=1 TAGMSG #den");
    await expect(you.next(/TAGMSG/)).resolves.not.toContain("react");
  });
});

describe("CHATHISTORY", () => {
  const said = (lines: readonly string[]): string[] =>
    lines.filter((line) => / PRIVMSG /.test(line)).map((line) => line.replace(/^.* PRIVMSG #den :/, ""));
  const ask = async (client: TestClient, request: string): Promise<string[]> => {
    client.send(`CHATHISTORY ${request}`);
    const lines = await client.settle();
    expect(lines[0]).toMatch(/BATCH \+\S+ chathistory #den|FAIL/);
    return lines;
  };

  it("gives what was said before, after, between and last, oldest first", async () => {
    let now = Date.parse("2026-01-01T00:00:00.000Z");
    await open({ now: () => now });
    const ids = [];
    for (let number = 0; number < 10; number++) {
      now += 1000;
      ids.push(server.say("carol", "#den", String(number)).msgid);
    }
    const me = await enter("me");
    expect(said(await ask(me, "LATEST #den * 3"))).toEqual(["7", "8", "9"]);
    expect(said(await ask(me, `LATEST #den msgid=${ids[7]} 50`))).toEqual(["8", "9"]);
    expect(said(await ask(me, `AFTER #den msgid=${ids[4]} 3`))).toEqual(["5", "6", "7"]);
    expect(said(await ask(me, "AFTER #den timestamp=2026-01-01T00:00:08.000Z 50"))).toEqual(["8", "9"]);
    expect(said(await ask(me, `BEFORE #den msgid=${ids[4]} 2`))).toEqual(["2", "3"]);
    expect(said(await ask(me, `BETWEEN #den msgid=${ids[2]} msgid=${ids[6]} 50`))).toEqual(["3", "4", "5"]);
    expect(said(await ask(me, `BETWEEN #den msgid=${ids[6]} msgid=${ids[2]} 2`))).toEqual(["4", "5"]);
    expect(said(await ask(me, `AROUND #den msgid=${ids[5]} 4`))).toEqual(["3", "4", "5", "6"]);
    expect(said(await ask(me, "AFTER #den msgid=unknown 5"))).toEqual([]);
    const first = (await ask(me, "LATEST #den * 1"))[1];
    expect(first).toMatch(/^@batch=\S+;time=2026-01-01T00:00:10.000Z;msgid=.* :carol!/);
  });

  it("gives at most its limit, and keeps everything over a restart that should", async () => {
    await open({ features: { ...allIrcFeatures, chathistory: { limit: 5 } } });
    for (let number = 0; number < 20; number++) server.say("carol", "#den", String(number));
    await server.restart();
    const me = await enter("me");
    expect(me.lines.some((line) => line.includes("CHATHISTORY=5"))).toBe(true);
    expect(said(await ask(me, "LATEST #den * 1000"))).toEqual(["15", "16", "17", "18", "19"]);
    await server.restart({ keepHistory: false });
    const again = await enter("again");
    expect(said(await ask(again, "LATEST #den * 5"))).toEqual([]);
  });

  it.each([
    ["LATEST #den * none", "INVALID_PARAMS"],
    ["LATEST #den nonsense=1 5", "INVALID_PARAMS"],
    ["FROM #den * 5", "INVALID_PARAMS"],
    ["LATEST #elsewhere * 5", "INVALID_TARGET"],
  ])("refuses %s with %s", async (request, code) => {
    const me = await enter("me");
    expect((await ask(me, request))[0]).toContain(`FAIL CHATHISTORY ${code}`);
  });

  it("carries the label on the batch", async () => {
    server.say("carol", "#den", "one");
    const me = await enter("me");
    me.send("@label=h CHATHISTORY LATEST #den * 5");
    await expect(me.next(/label=h/)).resolves.toMatch(/BATCH \+\S+ chathistory #den/);
  });
});

describe("redaction and relayed names", () => {
  it("lets authors and ops delete, and nobody else", async () => {
    const { msgid } = server.say("carol", "#den", "secret");
    const [me, you] = [await enter("me"), await enter("you")];
    me.send(`REDACT #den ${msgid} :oops`, "REDACT #den unknown", `REDACT #nowhere ${msgid}`);
    await me.next(/FAIL REDACT REDACT_FORBIDDEN/);
    await me.next(/FAIL REDACT UNKNOWN_MSGID/);
    await me.next(/FAIL REDACT INVALID_TARGET/);
    me.send("PRIVMSG #den :mine");
    const mine = /msgid=([^; ]+)/.exec(await me.next(/:mine/))?.[1];
    me.send(`REDACT #den ${mine} :oops`);
    await you.next(new RegExp(`^\\S+ :me!\\S+ REDACT #den ${mine} :oops$`));
    server.redact("carol", "#den", msgid);
    await you.next(new RegExp(`REDACT #den ${msgid}`));
    expect(server.messages("#den")).toEqual([]);
  });

  it("relays under a name with a separator, tells who relayed, and refuses other names", async () => {
    const [me, you] = [await enter("me"), await enter("you")];
    me.send("@label=r RELAYMSG #den alice/m :from far away");
    await expect(me.next(/label=r/)).resolves.toContain("draft/relaymsg=me :alice/m!relay@");
    await you.next(/draft\/relaymsg=me :alice\/m!relay@\S+ PRIVMSG #den :from far away/);
    for (const nick of ["you", "a!b/m", "/"]) {
      me.send(`RELAYMSG #den ${nick} :x`);
      await me.next(/FAIL RELAYMSG INVALID_NICK/);
    }
  });
});
