/**
 * Whose words these are: an account makes a person speak as somebody of Matrix, so it counts only as the server vouches for it
 * at this very moment. Somebody else's is never had by a nick, by what was true a while ago, or by looking alike.
 */
import type { RemoteAction } from "@trestle/core";
import { allIrcFeatures, type SandboxIrc, type SandboxIrcFeatures } from "@trestle/sandbox";
import { createTestClock } from "@trestle/testing";
import { createVouching, provenAccount } from "../src/vouching.ts";
import { bridge, type Core, closeOpened, createCore, pause, serve, until } from "./harness.ts";

afterEach(closeOpened);

const speakers = (core: Core): string[] =>
  core
    .of("action")
    .filter((event: RemoteAction) => event.action.kind === "message")
    .map(({ sender }) => sender.id);

async function hear(
  features: SandboxIrcFeatures,
): Promise<{ server: SandboxIrc; core: Core; heard(): Promise<string[]> }> {
  const server = await serve(features);
  const { core } = await bridge(server);
  await until("known", () => core.of("members-changed").length > 0);
  let count = 0;
  return {
    server,
    core,
    async heard() {
      count += 1;
      server.say("last", "#one", `end ${count}`);
      await until("the end", () => core.texts().includes(`end ${count}`));
      return speakers(core)
        .filter((id) => id !== "last")
        .slice(0);
    },
  };
}

describe("[S1 irc] [P3 irc] the account of who speaks in a channel", () => {
  it.each<[NonNullable<SandboxIrcFeatures["accountTag"]>]>([
    [true],
    [["account-tag"]],
    [["account-tag", "extended-join"]],
  ])("is that of account-tag, and none when the tag is missing (%j)", async (accountTag) => {
    const { server, heard } = await hear({ messageTags: true, accountTag });
    server.join("alice", "#one", "aliceacc");
    server.say("alice", "#one", "1");
    server.login("alice", undefined);
    server.say("alice", "#one", "2");
    server.login("alice", "*");
    server.say("alice", "#one", "3");
    expect(await heard()).toEqual(["a:aliceacc", "alice", "alice"]);
  });

  it("is gone with the person: whoever takes the nick has it not", async () => {
    for (const accountTag of [true, ["account-notify", "extended-join"], ["account-tag"], []] as const) {
      const { server, heard } = await hear({ messageTags: true, accountTag });
      server.join("alice", "#one", "aliceacc");
      server.say("alice", "#one", "1");
      server.quit("alice", "Quit: bye");
      server.say("alice", "#one", "2");
      // behind a netsplit, and back as somebody else
      server.quit("alice", "hub.example.org leaf.example.org");
      server.join("alice", "#one");
      server.say("alice", "#one", "3");
      // under the nick that another has left
      server.join("ann", "#one", "annacc");
      server.rename("ann", "anna");
      server.say("ann", "#one", "4");
      const isKnown = accountTag === true || accountTag.length > 0;
      expect(await heard()).toEqual([isKnown ? "a:aliceacc" : "alice", "alice", "alice", "ann"]);
    }
  });

  it("is not believed from a JOIN or a WHO where a logout would not be told", async () => {
    const { server, heard } = await hear({ accountTag: ["extended-join"] });
    server.join("alice", "#one", "aliceacc");
    server.say("alice", "#one", "1");
    server.sendRaw("trestle", ":irc.sandbox.test 354 trestle 742 #one alice aliceacc");
    server.say("alice", "#one", "2");
    expect(await heard()).toEqual(["alice", "alice"]);
  });

  it("is not taken from a tag that the server never offered, nor from what a relay passes on", async () => {
    const bare = await hear({ messageTags: true });
    bare.server.sendRaw("trestle", "@account=aliceacc :mallory!m@evil PRIVMSG #one :1");
    expect(await bare.heard()).toEqual(["mallory"]);
    const relaying = await hear(allIrcFeatures);
    relaying.server.sendRaw("trestle", "@account=botacc;draft/relaymsg=otherbot :mallory/d!m@evil PRIVMSG #one :2");
    expect(await relaying.heard()).toEqual(["mallory/d"]);
  });

  it("of what was said long ago is not that of who has the nick now", async () => {
    const server = await serve({ ...allIrcFeatures, accountTag: ["account-notify", "extended-join"] });
    const { core } = await bridge(server);
    await until("known", () => core.of("members-changed").length > 0);
    server.kill("trestle");
    await until("away", () => !server.nicks("#one").includes("trestle"));
    server.say("alice", "#one", "an impostor's words");
    server.quit("alice");
    server.join("alice", "#one", "aliceacc");
    await until("heard late", () => core.texts().includes("an impostor's words"));
    server.say("alice", "#one", "her own");
    await until("heard", () => core.texts().includes("her own"));
    const [late] = core.of("action").filter(({ late }) => late === true);
    expect(late?.sender.id).toBe("alice");
  });

  it("in a playback is not that of who has the nick now, and a login that nobody asked to hear of is none", async () => {
    const notified = await hear({ messageTags: true, batch: true, accountTag: ["account-notify", "extended-join"] });
    notified.server.join("alice", "#one", "aliceacc");
    notified.server.sendRaw("trestle", "@batch=p1 :alice!x@evil PRIVMSG #one :long ago");
    notified.server.say("alice", "#one", "now");
    expect(await notified.heard()).toEqual(["alice", "a:aliceacc"]);
    const bare = await hear({});
    bare.server.join("alice", "#one");
    bare.server.sendRaw("trestle", ":alice!a@h ACCOUNT aliceacc");
    bare.server.say("alice", "#one", "now");
    expect(await bare.heard()).toEqual(["alice"]);
    expect(bare.core.of("user-changed")).toEqual([]);
  });

  it("that looks alike is another one", async () => {
    const { server, heard } = await hear({ messageTags: true, accountTag: true });
    server.join("a1", "#one", "alice");
    server.join("a2", "#one", "ALICE");
    for (const nick of ["a1", "a2"]) server.say(nick, "#one", "x");
    server.sendRaw("trestle", "@account=\u0430lice :a3!x@y PRIVMSG #one :x");
    server.sendRaw("trestle", "@account=al\u0131ce :a4!x@y PRIVMSG #one :x");
    expect(await heard()).toEqual(["a:alice", "a:alice", "a:\u0430lice", "a:al\u0131ce"]);
  });
});

describe("[P4 irc] [S1 irc] who writes in private", () => {
  const answers = (server: SandboxIrc): string[] => {
    const lines: string[] = [];
    server.onLine(({ line }) => {
      if (/^(?:NOTICE|PRIVMSG) /.test(line)) lines.push(line);
    });
    return lines;
  };
  const open = async (features: SandboxIrcFeatures = {}, answer: Core["answer"] = "yes") => {
    const server = await serve(features);
    const core = createCore();
    core.answer = answer;
    const { connector } = await bridge(server, core);
    const answered = answers(server);
    return { server, core, connector, answered };
  };
  const whoisAsked = (server: SandboxIrc, act: () => void): void => {
    const stop = server.onLine(({ line }) => {
      if (!line.startsWith("WHOIS ")) return;
      stop();
      act();
    });
  };

  it("is asked for and answered by a notice: proven by account-tag, without asking more", async () => {
    const { server, core, answered } = await open({ messageTags: true, accountTag: true });
    const asked: string[] = [];
    server.onLine(({ line }) => asked.push(line));
    server.login("alice", "AliceAcc");
    server.whisper("alice", "trestle", "\x02help\x02 me");
    server.whisper("bob", "trestle", "hello");
    await until("answered", () => answered.length === 2);
    expect(core.asked).toEqual(["a:aliceacc proven: help me", "bob unproven: hello"]);
    expect(answered).toEqual(["NOTICE alice :yes", "NOTICE bob :yes"]);
    expect(asked.filter((line) => line.startsWith("WHOIS"))).toEqual([]);
    expect(core.texts()).toEqual([]);
  });

  it("is proven by WHOIS, asked anew each time, where lines carry no account", async () => {
    const { server, core } = await open();
    server.login("alice", "aliceacc");
    server.whisper("alice", "trestle", "1");
    await until("once", () => core.asked.length === 1);
    server.login("alice", undefined);
    server.whisper("alice", "trestle", "2");
    await until("twice", () => core.asked.length === 2);
    server.login("alice", "other");
    server.whisper("alice", "trestle", "3");
    await until("thrice", () => core.asked.length === 3);
    expect(core.asked).toEqual(["a:aliceacc proven: 1", "alice unproven: 2", "a:other proven: 3"]);
  });

  it.each<[string, (server: SandboxIrc) => void]>([
    [
      "who went before the owner of the nick came back",
      (server) => {
        server.quit("alice");
        server.login("alice", "aliceacc");
        server.dress("alice", "alice", "her.own.host");
      },
    ],
    ["who is not there any more", (server) => server.quit("alice")],
    ["whose nick was seen to change hands, from the same host", (server) => swap(server)],
    [
      "who logged in only after he wrote",
      (server) => {
        server.join("alice", "#one");
        server.login("alice", "aliceacc");
      },
    ],
    [
      "about whom another's WHOIS says something",
      (server) => server.sendRaw("trestle", ":irc.sandbox.test 330 trestle alice aliceacc :is logged in as"),
    ],
  ])("is not proven %s", async (_, act) => {
    const { server, core } = await open({ accountTag: ["account-notify"] });
    server.dress("alice", "mallory", "evil.host");
    whoisAsked(server, () => act(server));
    server.whisper("alice", "trestle", "I am alice");
    await until("asked", () => core.asked.length === 1);
    expect(core.asked).toEqual(["alice unproven: I am alice"]);
  });

  it("is nobody's words: notices, CTCP, servers, services, playback, ourselves", async () => {
    const { server, core, answered } = await open({ messageTags: true, echoMessage: true, batch: true });
    server.whisper("eve", "trestle", "\x01ACTION waves\x01");
    server.whisper("eve", "trestle", "\x01DCC SEND x 1 2 3\x01");
    server.whisper("NickServ", "trestle", "This nickname is registered.");
    const raw = (line: string) => server.sendRaw("trestle", line);
    raw(":N\u0456ckServ!e@h PRIVMSG trestle :You are now identified");
    raw(":eve!e@h NOTICE trestle :hello");
    raw(":irc.sandbox.test PRIVMSG trestle :hello");
    raw(":irc.sandbox.test NOTICE trestle :hello");
    raw("@batch=x :eve!e@h PRIVMSG trestle :an old one");
    raw(":trestle!u@h PRIVMSG trestle :our own");
    raw(":eve!e@h PRIVMSG trestle");
    raw(":eve!e@h PRIVMSG trestle :\x02\u200b");
    raw(":eve!e@h PRIVMSG $$* :to all");
    server.whisper("eve", "trestle", "hello");
    await until("asked", () => core.asked.length > 0);
    await pause(20);
    expect(core.asked).toEqual(["eve unproven: hello"]);
    expect(answered).toEqual(["NOTICE eve :yes"]);
  });

  it("gets an answer of several lines, each whole and harmless, no more than twelve", async () => {
    const { server, answered } = await open({}, `one\r\nQUIT :x\x01VERSION\x01\n\n${"word ".repeat(2_000)}`);
    server.whisper("alice", "trestle", "help");
    await until("answered", () => answered.length === 12);
    await pause(20);
    expect(answered.slice(0, 2)).toEqual(["NOTICE alice :one", "NOTICE alice :QUIT :xVERSION"]);
    expect(answered).toHaveLength(12);
    for (const line of answered) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(510);
  });

  it("gets a few answers a minute and is told so once; others are answered all the same", async () => {
    const { server, core, answered } = await open();
    for (let at = 0; at < 40; at += 1) server.whisper("eve", "trestle", `${at}`);
    server.dress("bob", "bob", "bobs.host");
    server.whisper("bob", "trestle", "and me?");
    await until("answered", () => core.asked.some((text) => text.includes("and me?")) && answered.length >= 8);
    await pause(20);
    expect(core.asked).toHaveLength(7);
    expect(answered.filter((line) => line.startsWith("NOTICE eve"))).toHaveLength(7);
    expect(answered).toContain("NOTICE eve :That is too much at once: please wait a minute.");
  });

  it("is bounded for a crowd under ever new names", async () => {
    const { server, core } = await open();
    for (let at = 0; at < 100; at += 1) {
      server.dress(`n${at}`, `u${at}`, `h${at}.example`);
      server.whisper(`n${at}`, "trestle", "x");
    }
    await until("asked", () => core.asked.length === 30);
    await pause(30);
    expect(core.asked).toHaveLength(30);
  });

  it("is told when it did not work, and nothing when there is nothing to say", async () => {
    const { server, core, answered } = await open({}, new Error("no disk"));
    server.whisper("alice", "trestle", "1");
    await until("answered", () => answered.length === 1);
    expect(answered).toEqual(["NOTICE alice :That did not work; please try again later."]);
    core.answer = undefined;
    server.whisper("alice", "trestle", "2");
    await until("asked", () => core.asked.length === 2);
    await pause(20);
    expect(answered).toHaveLength(1);
  });

  it("is followed through a change of nick, and not answered once he is gone", async () => {
    const { server, core, answered } = await open({ accountTag: ["account-notify"] });
    server.join("alice", "#one");
    server.join("bob", "#one");
    whoisAsked(server, () => {
      server.rename("alice", "alicia");
      server.join("alice", "#one");
    });
    server.whisper("alice", "trestle", "1");
    await until("answered", () => answered.length === 1);
    expect(answered).toEqual(["NOTICE alicia :yes"]);
    whoisAsked(server, () => server.quit("bob"));
    server.whisper("bob", "trestle", "2");
    server.whisper("alicia", "trestle", "3");
    await until("answered again", () => answered.length === 2);
    expect([core.asked.length, answered[1]]).toEqual([2, "NOTICE alicia :yes"]);
  });
});

function swap(server: SandboxIrc): void {
  server.join("alice", "#one");
  server.rename("alice", "mallory");
  server.join("alice", "#one");
  server.dress("alice", "mallory", "evil.host");
  server.login("alice", "aliceacc");
}

describe("[S1 irc] what can prove anything", () => {
  it.each<[string | undefined, string | undefined]>([
    ["alice", "alice"],
    ["Alice[m]", "Alice[m]"],
    ["*", undefined],
    ["0", undefined],
    ["", undefined],
    [undefined, undefined],
    [":alice", undefined],
    ["al ice", undefined],
    ["alice\u200b", undefined],
    ["\u0430lice", undefined],
    // the UTF-8 of one account's name read as Latin-1 is another's
    ["\u00e4lice", undefined],
    ["x".repeat(101), undefined],
  ])("%j: %j", (account, proven) => {
    expect(provenAccount(account)).toBe(proven);
  });

  it("is nothing when the server never answers", async () => {
    const clock = createTestClock();
    const vouching = createVouching({ clock, fold: (name) => name, send: () => undefined });
    const answer = vouching.accountOf({ nick: "alice", ident: "a", hostname: "h" });
    await clock.advance(15_000);
    await expect(answer).resolves.toBeUndefined();
  });
});
