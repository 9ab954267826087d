import { ircLineParser } from "irc-framework";
import { createChannelState } from "../src/channel-state.ts";
import { foldCase } from "../src/ids.ts";
import { defaultServerOptions, readServerOptions } from "../src/profiles.ts";

const isupport = "CASEMAPPING=rfc1459 PREFIX=(qaohv)~&@%+ CHANMODES=beI,k,l,imnt";

function build(sources = { tagged: true, told: true }) {
  const options = readServerOptions(defaultServerOptions, isupport.split(" "));
  const state = createChannelState((name) => foldCase(name, options.casemapping === "ascii" ? "ascii" : "rfc1459"));
  const take = (...lines: string[]) => {
    for (const line of lines) state.take(ircLineParser(line), "me", options, sources);
  };
  const members = (channel: string) =>
    Object.fromEntries([...(state.find(channel)?.members ?? [])].map(([{ nick }, prefix]) => [nick, prefix]));
  return { state, take, members };
}

describe("channel state", () => {
  it("[S1 irc] pitfall 14: members with all their prefixes, from NAMES with and without hosts, through modes", () => {
    const { take, members, state } = build();
    take(":me!u@h JOIN #A", ":srv 353 me = #a :me @+op!o@h ~&owner +voice plain");
    expect(members("#a")).toEqual({ me: "", op: "@+", owner: "~&", voice: "+", plain: "" });
    take(":op!o@h MODE #a +ov-v+k plain plain voice secret", ":op!o@h MODE #a +bl-o *!*@bad 50 op");
    expect(members("#a")).toMatchObject({ plain: "@+", voice: "", op: "+" });
    expect(state.find("#A")?.key).toBe("secret");
    expect(state.find("#A")?.modes.get("l")).toBe("50");
    take(":op!o@h MODE #a -kl *");
    expect(state.find("#A")?.key).toBeUndefined();
    expect(state.find("#A")?.modes.has("l")).toBe(false);
  });

  it("comes and goes: JOIN, PART, KICK, QUIT, NICK, across channels", () => {
    const { take, members, state } = build();
    take(":me!u@h JOIN #a", ":me!u@h JOIN #b", ":bob!b@h JOIN #a", ":BOB!b@h JOIN #b", ":eve!e@h JOIN #a");
    take(":bob!b@h NICK :[Bob]");
    expect(members("#b")).toEqual({ me: "", "[Bob]": "" });
    expect(state.find("#a")?.nicks.has("{bob}")).toBe(true);
    expect(state.person("{BOB}")?.nick).toBe("[Bob]");
    take(":[bob]!b@h PART #a", ":op!o@h KICK #a EVE :out", ":{bob}!b@h QUIT :x");
    expect([members("#a"), members("#b")]).toEqual([{ me: "" }, { me: "" }]);
    expect(state.person("[bob]")).toBeUndefined();
    take(":op!o@h KICK #a me :out");
    expect(state.isJoined("#a")).toBe(false);
    expect(state.isJoined("#B")).toBe(true);
    state.reset();
    expect(state.isJoined("#B")).toBe(false);
  });

  it("accounts by extended-join, account-notify, account-tag and WHOX", () => {
    const { take, state } = build();
    take(":me!u@h JOIN #a * :me", ":bob!b@h JOIN #a bobacc :Bob", ":eve!e@h JOIN #a * :Eve");
    expect(state.person("bob")?.account).toBe("bobacc");
    expect(state.person("eve")?.account).toBeUndefined();
    take(":eve!e@h ACCOUNT eveacc", "@account=new :bob!b@h PART #x", ":srv 354 me 742 #a eve 0");
    expect(state.person("eve")?.account).toBeUndefined();
    take(":bob!b@h ACCOUNT *");
    expect(state.person("bob")?.account).toBeUndefined();
    take(":srv 354 me 1 #a bob stranger", ":srv 354 me 742 #a bob bobacc");
    expect(state.person("bob")?.account).toBe("bobacc");
  });

  it("[S1 irc] an account is forgotten with its line, and not believed where its end would not be told", () => {
    const tagged = build({ tagged: true, told: false });
    tagged.take(":me!u@h JOIN #a", "@account=bobacc :bob!b@h JOIN #a", ":bob!b@h PRIVMSG #a :logged out by now");
    expect(tagged.state.person("bob")?.account).toBeUndefined();
    const untold = build({ tagged: false, told: false });
    untold.take(":me!u@h JOIN #a", ":bob!b@h JOIN #a bobacc :Bob", "@account=bobacc :bob!b@h PRIVMSG #a :x");
    untold.take(":srv 354 me 742 #a bob bobacc", ":bob!b@h ACCOUNT bobacc");
    expect(untold.state.person("bob")?.account).toBeUndefined();
    const told = build();
    told.take(":me!u@h JOIN #a", ":bob!b@h JOIN #a bobacc :Bob", ":bob!b@h QUIT :x", ":bob!e@evil JOIN #a * :Eve");
    expect(told.state.person("bob")?.account).toBeUndefined();
    told.take(":alice!a@h JOIN #a aliceacc :A", ":alice!a@h NICK gone", ":bob!e@evil NICK alice");
    expect([told.state.person("alice")?.account, told.state.person("gone")?.account]).toEqual([undefined, "aliceacc"]);
  });

  it("[S1 irc] hostile names and lines change nothing else", () => {
    const { take, members, state } = build();
    take(":me!u@h JOIN #a");
    for (const name of ["__proto__", "constructor", "toString"]) {
      take(`:${name}!x@y JOIN #a`, `:${name}!x@y NICK :${name}2`, `:${name}2!x@y QUIT :x`);
      take(`${name} #a x`);
    }
    take("JOIN", ":x JOIN", "MODE", "MODE #a", ":x MODE #a +o", "KICK #a", "353", "324 me", ":x NICK", "TOPIC");
    expect(members("#a")["me"]).toBe("");
    expect(state.joined()).toHaveLength(1);
    take(":bob!b@h JOIN #never-joined", ":srv 353 me = #never-joined :@bob");
    expect(state.find("#never-joined")).toBeUndefined();
  });
});

describe("what a server says of itself", () => {
  it("is read within bounds; nonsense leaves the defaults", () => {
    const options = readServerOptions(
      defaultServerOptions,
      "PREFIX=(ov)@ CHANTYPES= NICKLEN=-1 TOPICLEN=x CASEMAPPING= __proto__=1 CHANMODES= TARGMAX=JOIN:".split(" "),
    );
    expect(options).toEqual(defaultServerOptions);
    expect(
      readServerOptions(defaultServerOptions, [
        "NICKLEN=9",
        "CHANTYPES=#&+!",
        "TARGMAX=NAMES:1,JOIN:3",
        "PENALTY",
        "PREFIX=",
      ]),
    ).toMatchObject({ nickLength: 9, chantypes: "#&+!", joinTargets: 3, penalty: true, prefixes: [] });
    expect(readServerOptions(defaultServerOptions, ["NICKLEN=999999999"]).nickLength).toBe(128);
  });
});
