import { type MatrixAuthor, skeleton, userId } from "@trestle/core";
import { hostileText } from "@trestle/testing";
import fc from "fast-check";
import { type ChannelNames, relayName, relayNick } from "../src/names.ts";

const author = (name: string, id = "@alice:example.org"): MatrixAuthor => ({ userId: userId(id), name });
const channel: ChannelNames = { nicks: new Set(["bob", "carol{m}", "root"]), mapping: "rfc1459", ownNick: "trestle" };
/** What a reader sees. */
const seen = (name: string) => name.replaceAll("\u200b", "");

describe("[P2 irc] the name before a relayed line", () => {
  it.each<[string, string, string]>([
    ["stays as it is", "Alice", "Alice"],
    ["keeps spaces and other scripts", "Ålice Ünïcode 日本", "Ålice Ünïcode 日本"],
    ["loses control bytes", "Al\0i\x01c\x7fe", "Alice"],
    ["loses line breaks", "Alice\r\nQUIT :bye", "Alice QUIT :bye"],
    ["loses format codes", "\x02A\x0304lice\x0f", "A04lice"],
    ["loses direction overrides", "\u202eecilA\u202c", "ecilA"],
    ["loses the invisible", "A\u200bl\u200di\u2060c\ufeffe\u00ad", "Alice"],
    ["has its spaces collapsed", "  Alice \t of  Wonderland ", "Alice of Wonderland"],
    ["is the localpart when empty", "", "alice"],
    ["is the localpart when nothing of it can be seen", " \u200b\u202e\ufeff", "alice"],
    ["is the localpart when it is only sigils", "@+%", "alice"],
    ["has no rank in front", "@+Alice", "Alice"],
    ["is no channel", "#trestle", "trestle[m]"],
    ["cannot end its own brackets", "Alice> I am root <x", "Alice› I am root ‹x"],
    ["is no server notice", "-NickServ-", "NickServ-[m]"],
    ["does not begin an emote", "* Bob", "Bob[m]"],
    ["is no template", "$NICK $& $1", "NICK $& $1"],
    ["has its stacked marks thinned", `A${"\u0301".repeat(50)}`, "A\u0301\u0301\u0301".normalize()],
  ])("%s", (_, name, shown) => {
    expect(seen(relayName(author(name), [], channel)).normalize()).toBe(shown.normalize());
  });

  it("is cut at 32 graphemes and 64 bytes", () => {
    expect(seen(relayName(author("x".repeat(100)), []))).toBe(`${"x".repeat(31)}…`);
    const wide = seen(relayName(author("日".repeat(100)), []));
    expect(wide).toBe(`${"日".repeat(20)}…`);
    expect(Buffer.byteLength(wide)).toBeLessThanOrEqual(64);
  });

  it("never calls anybody: a zero-width space stands behind the first character", () => {
    expect(relayName(author("Alice"), [])).toBe("A\u200blice");
    expect(relayName(author("e\u0301mile"), [])).toBe("e\u0301\u200bmile");
  });
});

describe("[P6 irc] a name that could be taken for another's", () => {
  it.each<[string, string]>([
    ["Bob", "Bob[m]"],
    ["BOB", "BOB[m]"],
    ["Carol[m]", "Carol[m][m]"],
    ["Вob", "Вob[m]"],
    ["ｂｏｂ", "ｂｏｂ[m]"],
    ["bób", "bób[m]"],
    ["Trestle", "Trestle[m]"],
    ["Tresт1e", "Tresт1e[m]"],
    ["NickServ", "NickServ[m]"],
    ["N1ckServ", "N1ckServ[m]"],
    ["Chan Serv", "Chan Serv[m]"],
    ["irc.example.org", "irc.example.org[m]"],
    ["Global", "Global[m]"],
    ["Bobby", "Bobby"],
  ])("%s is %s", (name, shown) => {
    expect(seen(relayName(author(name), [], channel))).toBe(shown);
  });

  it("is told apart from another Matrix person's by the localpart, then the server", () => {
    const one = author("Alice", "@alice:a.example");
    const two = author("alice", "@al2:b.example");
    const three = author("ALICE", "@alice:b.example");
    expect(seen(relayName(one, [two]))).toBe("Alice (alice)");
    expect(seen(relayName(two, [one]))).toBe("alice (al2)");
    expect(seen(relayName(one, [two, three]))).toBe("Alice (alice:a.example)");
    expect(seen(relayName(three, [one, two]))).toBe("ALICE (alice:b.example)");
    expect(seen(relayName(one, [one]))).toBe("Alice");
  });

  it("is told apart from what another one's tagged name would be", () => {
    const mallory = author("Alice (alice)", "@mallory:m.example");
    expect(seen(relayName(mallory, [author("Alice")]))).toBe("Alice (alice) (mallory)");
  });

  it("is told apart when only long ids differ", () => {
    const long = "x".repeat(200);
    const [one, two] = [author("Alice", `@${long}:a.example`), author("Alice", `@${long}:b.example`)];
    const names = [relayName(one, [two]), relayName(two, [one])];
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThan(128);
  });

  it("[S1 irc] is harmless and never two people's, whatever they call themselves", () => {
    const person = (id: string) => hostileText(5).map((name) => author(name, id));
    fc.assert(
      fc.property(
        person("@alice:a.example"),
        person("@alice:b.example"),
        person("@bob:a.example"),
        (one, two, three) => {
          const all = [one, two, three];
          const names = all.map((who) => relayName(who, all, channel));
          expect(new Set(names.map((name) => skeleton(seen(name)))).size).toBe(3);
          for (const name of names) {
            // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
            expect(name).not.toMatch(/[\u0000-\u001f\u007f-\u009f<>\u202a-\u202e\u2066-\u2069]|^[@+%~&!#$*:]/u);
            expect(name.isWellFormed()).toBe(true);
            expect(name).toContain("\u200b");
            expect(Buffer.byteLength(name)).toBeLessThan(160);
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe("[P2 irc] the nick for RELAYMSG (https://ircv3.net/specs/extensions/relaymsg)", () => {
  const nick = (name: string, others: MatrixAuthor[] = [], bytesMax = 30) =>
    relayNick(author(name), others, { separator: "/", bytesMax });

  it.each<[string, string]>([
    ["Alice", "Alice/m"],
    ["Alice Liddell", "Alice_Liddell/m"],
    ["Älicé", "Alice/m"],
    ["Алиса", "alice/m"],
    ["日本", "alice/m"],
    ["", "alice/m"],
    ["a!b@c:d*e,f.g#h$i\"j'k?l+m%n&o/p", "abcdefghijklmnop/m"],
    ["1st", "_1st/m"],
    ["-x-", "_-x-/m"],
    ["a\r\nb\0c\x01", "a_bc/m"],
    ["alice[away]", "alice[away]/m"],
    ["💥", "alice/m"],
  ])("of %j is %s", (name, relayed) => {
    expect(nick(name)).toBe(relayed);
  });

  it("is of the length that the server takes", () => {
    expect(nick("x".repeat(100))).toBe(`${"x".repeat(28)}/m`);
    expect(nick("x".repeat(100), [], 12)).toBe(`${"x".repeat(10)}/m`);
  });

  it("is nobody else's", () => {
    const other = author("alice", "@other:b.example");
    const mine = nick("Alice", [other]);
    expect(mine).toMatch(/^Alice-[0-9a-f]{6}\/m$/);
    expect(relayNick(other, [author("Alice")], { separator: "/" })).not.toBe(mine.toLowerCase());
  });

  it("of a nameless one is made up, and stays the same", () => {
    const nameless = author("💥", "@:x");
    expect(relayNick(nameless, [], { separator: "/" })).toMatch(/^user-[0-9a-f]{6}\/m$/);
    expect(relayNick(nameless, [], { separator: "/" })).toBe(relayNick(nameless, [], { separator: "/" }));
  });

  it("holds nothing but what every server takes, whatever the name", () => {
    fc.assert(
      fc.property(hostileText(8), (name) => {
        expect(nick(name)).toMatch(/^[A-Za-z_[\]\\^{}|`][A-Za-z0-9_[\]\\^{}|`-]*\/m$/);
        expect(nick(name).length).toBeLessThanOrEqual(30);
      }),
    );
  });
});
