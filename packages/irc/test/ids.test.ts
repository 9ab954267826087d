import { networkId, remoteMessageId, remoteUserId } from "@trestle/core";
import fc from "fast-check";
import {
  accountProblem,
  type CaseMapping,
  caseMappingOf,
  channelProblem,
  decodeRemoteUser,
  encodeRemoteUser,
  foldCase,
  ircChatKey,
  isMsgid,
  keyProblem,
  localMessageId,
  msgidOf,
  nickProblem,
  parseHostmask,
} from "../src/ids.ts";

const mappings: readonly CaseMapping[] = ["ascii", "rfc1459", "rfc1459-strict"];

describe("folding by CASEMAPPING", () => {
  // https://modern.ircdocs.horse/#casemapping-parameter and RFC 1459 2.2
  it.each<[CaseMapping, string, string]>([
    ["ascii", "ALICE[]\\~", "alice[]\\~"],
    ["ascii", "{}|^", "{}|^"],
    ["rfc1459", "ALICE[]\\~", "alice{}|^"],
    ["rfc1459", "#Trestle[m]", "#trestle{m}"],
    ["rfc1459-strict", "ALICE[]\\~", "alice{}|~"],
    ["rfc1459-strict", "^", "^"],
    ["ascii", "ÄÖÜ", "ÄÖÜ"],
    ["rfc1459", "İ", "İ"],
  ])("folds by %s: %s is %s", (mapping, text, folded) => {
    expect(foldCase(text, mapping)).toBe(folded);
  });

  it("folds once and for all, and keeps the length", () => {
    fc.assert(
      fc.property(fc.constantFrom(...mappings), fc.string({ unit: "binary" }), (mapping, text) => {
        const folded = foldCase(text, mapping);
        expect(foldCase(folded, mapping)).toBe(folded);
        expect(folded).toHaveLength(text.length);
      }),
    );
  });

  it.each<[string | undefined, CaseMapping]>([
    [undefined, "rfc1459"],
    ["", "rfc1459"],
    ["rfc1459", "rfc1459"],
    ["RFC1459", "rfc1459"],
    ["strict-rfc1459", "rfc1459-strict"],
    ["rfc1459-strict", "rfc1459-strict"],
    ["ascii", "ascii"],
    ["rfc7613", "ascii"],
    ["rfc8265", "ascii"],
  ])("reads the token %s as %s", (token, mapping) => {
    expect(caseMappingOf(token)).toBe(mapping);
  });

  it("[S1] makes one chat of two spellings, and two of two names (GHSA-xvqg-mv25-rwvw)", () => {
    const network = networkId("libera");
    expect(ircChatKey(network, "#Trestle[]", "rfc1459")).toEqual(ircChatKey(network, "#trestle{}", "rfc1459"));
    expect(ircChatKey(network, "#a[]", "ascii")).not.toEqual(ircChatKey(network, "#a{}", "ascii"));
    expect(ircChatKey(network, "#ẞ", "rfc1459")).not.toEqual(ircChatKey(network, "#ss", "rfc1459"));
  });
});

describe("[S1 irc] names that would shift or end a line", () => {
  const broken = [
    "\r",
    "\n",
    "\0",
    "\r\nQUIT :bye",
    " ",
    "\t",
    "\x07",
    "\x7f",
    "\x01",
    "\u0085",
    "\ud83d",
    "\ufffd",
    "\u2028",
  ];

  it.each(broken)("are refused as channel, nick, key and account: %j", (part) => {
    expect(channelProblem(`#a${part}b`)).toBeDefined();
    expect(nickProblem(`a${part}b`)).toBeDefined();
    expect(keyProblem(`a${part}b`)).toBeDefined();
    expect(accountProblem(`a${part}b`)).toBeDefined();
  });

  it.each(["", "trestle", "!x", "#a,#b", "0", `#${"x".repeat(64)}`, "@#ops"])("are no channels: %j", (name) => {
    expect(channelProblem(name)).toBeDefined();
  });

  it.each(["#a", "&local", "#", "##c++", "#a:b", "#日本語", "#[m]", `#${"x".repeat(63)}`])(
    "but these are: %s",
    (name) => {
      expect(channelProblem(name)).toBeUndefined();
    },
  );

  it("go by the network's CHANTYPES and CHANNELLEN", () => {
    expect(channelProblem("&a", { chantypes: "#" })).toBe("A channel of this network starts with #.");
    expect(channelProblem("+a", { chantypes: "#+" })).toBeUndefined();
    expect(channelProblem("#aé", { bytesMax: 3 })).toBe("A channel's name has at most 3 bytes here.");
  });

  it.each(["", "1a", "-a", "#a", "@a", "+a", "a!b", "a@b", "a.b", "a:b", "a,b", "a*", "x".repeat(31)])(
    "are no nicks: %j",
    (nick) => {
      expect(nickProblem(nick)).toBeDefined();
    },
  );

  it.each(["alice", "a1", "[m]", "`^{|}", "_-", "Ünïcode"])("but these are: %s", (nick) => {
    expect(nickProblem(nick)).toBeUndefined();
  });

  it("hold for keys and accounts", () => {
    expect(keyProblem(":k")).toBeDefined();
    expect(keyProblem("")).toBeDefined();
    expect(keyProblem("x".repeat(65))).toBeDefined();
    expect(keyProblem("pass;word:!")).toBeUndefined();
    expect(accountProblem("*")).toBeDefined();
    expect(accountProblem("")).toBeDefined();
    expect(accountProblem(":a")).toBeDefined();
    expect(accountProblem("alice")).toBeUndefined();
  });
});

describe("[P1 irc] ids of people", () => {
  it.each<[string, string | undefined, string]>([
    ["Alice", undefined, "alice"],
    ["Alice[m]", undefined, "alice{m}"],
    ["Alice", "Wonder", "a:wonder"],
    ["Alice_", "WONDER", "a:wonder"],
    ["a:b", undefined, "n:a:b"],
    ["x:y", undefined, "n:x:y"],
    ["alice", "*", "alice"],
    ["alice", "not an account", "alice"],
    ["日本", undefined, "日本"],
  ])("%s with account %s is %s", (nick, account, id) => {
    expect(encodeRemoteUser({ nick, account }, "rfc1459")).toBe(id);
  });

  it("never give two people one id, whatever a server calls them", () => {
    const name = fc.oneof(fc.constantFrom("a:x", "n:x", "x", ":", "a:", "n:"), fc.string({ minLength: 1 }));
    const person = fc.record({ nick: name, account: fc.option(name, { nil: undefined }) });
    const identity = ({ nick, account }: { nick: string; account?: string | undefined }) =>
      account !== undefined && accountProblem(account) === undefined
        ? `account ${foldCase(account, "ascii")}`
        : `nick ${foldCase(nick, "ascii")}`;
    fc.assert(
      fc.property(person, person, (one, other) => {
        const ids = [one, other].map((who) => encodeRemoteUser(who, "ascii"));
        expect(ids[0] === ids[1]).toBe(identity(one) === identity(other));
      }),
    );
  });

  it("lead back to account or nick", () => {
    expect(decodeRemoteUser(remoteUserId("a:wonder"))).toEqual({ account: "wonder" });
    expect(decodeRemoteUser(remoteUserId("alice"))).toEqual({ nick: "alice" });
    expect(decodeRemoteUser(remoteUserId("n:a:b"))).toEqual({ nick: "a:b" });
  });
});

describe("ids of messages", () => {
  it("of our own making are never taken for the server's (message-ids: a msgid starts with no colon)", () => {
    const own = localMessageId("01JD4X0000000000000000000");
    expect(msgidOf(own)).toBeUndefined();
    expect(msgidOf(remoteMessageId("63E1033A051D4B41B1AB1FA3CF4B243E"))).toBe("63E1033A051D4B41B1AB1FA3CF4B243E");
  });

  it.each(["", ":a", "a b", "a\r\nQUIT", "a\0", "\x01", "x".repeat(257)])("cannot be %j", (text) => {
    expect(isMsgid(text)).toBe(false);
  });
});

describe("hostmasks", () => {
  // RFC 2812 2.3.1: prefix = servername / ( nickname [ [ "!" user ] "@" host ] )
  it.each([
    [":nick!user@host", { nick: "nick", ident: "user", host: "host" }],
    ["nick!~u@2001:db8::1", { nick: "nick", ident: "~u", host: "2001:db8::1" }],
    ["nick@host", { nick: "nick", host: "host" }],
    ["nick", { nick: "nick" }],
    ["irc.example.org", { nick: "irc.example.org" }],
    ["n!u!v@w@h", { nick: "n", ident: "u!v@w", host: "h" }],
    ["", { nick: "" }],
    ["n!u@gateway/web/x", { nick: "n", ident: "u", host: "gateway/web/x" }],
  ])("%s", (source, mask) => {
    expect(parseHostmask(source)).toEqual(mask);
  });
});
