/**
 * IRC's format codes on the way in. Sources: (M) https://modern.ircdocs.horse/formatting, by its section; (R) RFC 2812; (A) adjacency,
 * nesting and damage that the page leaves to the reader.
 */
import type { Lookup } from "@trestle/core";
import {
  code,
  color,
  type Inline,
  type InlineLike,
  inlines,
  link,
  type Mention,
  mention,
  paragraph,
  spoiler,
  styled,
} from "@trestle/richtext";
import { ircCodec } from "../src/markup.ts";

const [B, C, H, O, M, R, I, S, U] = ["\x02", "\x03", "\x04", "\x0f", "\x11", "\x16", "\x1d", "\x1e", "\x1f"];

const person = (id: string): Mention => ({ side: "remote", what: "user", id });
const present = new Set(["alice", "bob", "al", "x-ray", "[m]", "max", "carol", "dave", "erin", "frank", "alice/m"]);
const lookup: Lookup = {
  nameOf: () => undefined,
  findByName: (name) => (present.has(name.toLowerCase()) ? person(name.toLowerCase()) : undefined),
};

type Row = readonly [what: string, wire: string, ...expected: InlineLike[]];

function table(title: string, rows: readonly Row[]): void {
  describe(`[C1 irc] reading ${title}`, () => {
    if (rows.length < 8) throw new Error(`${title}: ${rows.length} rows`);
    it.each(rows.map(([what, wire, ...expected]) => ({ what, wire, expected })))("$what", ({ wire, expected }) => {
      const children: readonly Inline[] = inlines(...expected);
      expect(ircCodec.parse(wire, lookup)).toEqual(children.length === 0 ? [] : [paragraph(...children)]);
    });
  });
}

function toggle(name: string, byte: string, wrap: (...children: InlineLike[]) => Inline): void {
  table(name, [
    ["(M Characters) is switched on and off", `a ${byte}b${byte} c`, "a ", wrap("b"), " c"],
    ["(M Characters) holds to the end of the line", `a ${byte}b c`, "a ", wrap("b c")],
    ["(M Reset) ends with a reset", `${byte}a${O}b`, wrap("a"), "b"],
    ["(A) switched twice is nothing", `a${byte}${byte}b`, "ab"],
    ["(A) alone is nothing", byte],
    ["(A) at the end of the line is nothing", `a${byte}`, "a"],
    ["(A) three times is on", `${byte}${byte}${byte}a`, wrap("a")],
    ["(A) starts anew with the next line of a batch", `${byte}a\nb`, wrap("a"), { kind: "break" }, "b"],
    ["(A) goes on behind a control byte that is dropped", `${byte}a\x07b`, wrap("ab")],
  ]);
}

toggle("bold", B, (...children) => styled("bold", ...children));
toggle("italics", I, (...children) => styled("italic", ...children));
toggle("underline", U, (...children) => styled("underline", ...children));
toggle("strikethrough", S, (...children) => styled("strike", ...children));
toggle("monospace", M, (...children) => code(children.join("")));
toggle("reverse", R, (...children) => color({ foreground: "#ffffff", background: "#000000" }, ...children));

const red = { foreground: "#ff0000" };
const redOnBlue = { foreground: "#ff0000", background: "#00007f" };

table("colours", [
  ["(M Forms) one digit", `${C}4a`, color(red, "a")],
  ["(M Forms) two digits", `${C}04a`, color(red, "a")],
  ["(M Forms) foreground and background", `${C}4,2a`, color(redOnBlue, "a")],
  ["(M Forms) no digits take both back", `${C}4,2a${C}b`, color(redOnBlue, "a"), "b"],
  ["(M Forms) a comma without a digit is text", `${C}4,a`, color(red, ",a")],
  ["(M Forms) a bare code before a comma", `${C}4a${C},b`, color(red, "a"), ",b"],
  [
    "(M Forms) the background stays with a new foreground",
    `${C}3,2a${C}4b`,
    color({ background: "#00007f" }, color({ foreground: "#009300" }, "a"), color(red, "b")),
  ],
  ["(M Mistaken Eating) the third digit is text", `${C}0412`, color(red, "12")],
  ["(M Mistaken Eating) a toggle pair shields a comma", `${C}4${B}${B},2`, color(red, ",2")],
  [
    "(M Examples) `13,8,6`",
    `5${C}13,8,6${C},7,8`,
    "5",
    color({ foreground: "#ff00ff", background: "#ffff00" }, ",6"),
    ",7,8",
  ],
  ["(M Colors 16-98) 52", `${C}52a`, color(red, "a")],
  ["(M Colors 16-98) 16", `${C}16a`, color({ foreground: "#470000" }, "a")],
  ["(M Colors 16-98) 98", `${C}98a`, color({ foreground: "#ffffff" }, "a")],
  ["(M Colors) 99 is the default", `${C}4a${C}99b`, color(red, "a"), "b"],
  ["(M Colors) 99 as a background", `${C}4,2a${C}4,99b`, color(red, color({ background: "#00007f" }, "a"), "b")],
  ["(A) a bare code alone", C],
  ["(A) ten commas", `${C},,,,,,,,,,`, ",,,,,,,,,,"],
]);

table("hexadecimal colours", [
  ["(M Hex Color) six digits", `${H}FF0000a`, color(red, "a")],
  ["(M Hex Color) lower case", `${H}ff0000a`, color(red, "a")],
  ["(M Hex Color) with a background", `${H}ff0000,00007fa`, color(redOnBlue, "a")],
  ["(M Hex Color) bare takes both back", `${H}ff0000a${H}b`, color(red, "a"), "b"],
  ["(A) five digits are text", `${H}ff000 a`, "ff000 a"],
  ["(A) not a digit among them", `${H}ff00g0`, "ff00g0"],
  ["(A) a comma and too few digits are text", `${H}ff0000,00a`, color(red, ",00a")],
  ["(A) a seventh digit is text", `${H}ff00001`, color(red, "1")],
  ["(A) mixed with a numbered one", `${H}ff0000a${C}03b`, color(red, "a"), color({ foreground: "#009300" }, "b")],
  ["(A) bare alone", H],
]);

table("resets and reversal among colours", [
  [
    "(M Examples) `great`",
    `IRC ${B}is ${C}4,12so ${R}great${O}!`,
    "IRC ",
    styled(
      "bold",
      "is ",
      color({ foreground: "#ff0000", background: "#0000fc" }, "so "),
      color({ foreground: "#0000fc", background: "#ff0000" }, "great"),
    ),
    "!",
  ],
  [
    "(M Examples) `best protocol ever`",
    `I love ${C}3IRC! ${C}It is the ${C}7best protocol ever!`,
    "I love ",
    color({ foreground: "#009300" }, "IRC! "),
    "It is the ",
    color({ foreground: "#fc7f00" }, "best protocol ever!"),
  ],
  [
    "(M Examples) `cool message`",
    `This is a ${I}${C}13,9cool ${C}message`,
    "This is a ",
    styled("italic", color({ foreground: "#ff00ff", background: "#00fc00" }, "cool "), "message"),
  ],
  [
    "(M Reset) takes everything",
    `${B}${I}${U}${C}4a${O}b`,
    color(red, styled("bold", styled("italic", styled("underline", "a")))),
    "b",
  ],
  ["(M Reset) without anything on", `a${O}b`, "ab"],
  ["(M Reverse) only a foreground", `${C}4${R}a`, color({ foreground: "#ffffff", background: "#ff0000" }, "a")],
  ["(A) a reset ends the reversal", `${R}a${O}b`, color({ foreground: "#ffffff", background: "#000000" }, "a"), "b"],
  ["(A) many resets", `${O}${O}${O}`],
  ["(A) a colour on its own ground is a spoiler", `${C}01,01a${O}b`, spoiler("a"), "b"],
  ["(A) in any colour", `${C}4,4a${C} b`, spoiler("a"), " b"],
]);

table(
  "nesting and damage",
  [
    ["(A) bold in italics", `${I}a${B}b${B}c${I}d`, styled("italic", "a", styled("bold", "b"), "c"), "d"],
    ["(A) overlapping", `${B}a${I}b${B}c${I}`, styled("bold", "a", styled("italic", "b")), styled("italic", "c")],
    ["(A) code in bold", `${B}a${M}b${M}${B}`, styled("bold", "a", code("b"))],
    [
      "(A) every control byte below 0x20 but tab",
      Array.from({ length: 32 }, (_, at) => (at === 9 ? "" : String.fromCharCode(at)))
        .join("")
        .replace(/[\n\r]/g, ""),
    ],
    ["(A) a tab is a space", "a\tb", "a b"],
    ["(A) 0x7f and 0x80 to 0x9f", "a\x7f\x80\x9fb", "ab"],
    ["(A) an ANSI escape is text without its escape", "\x1b[31mred", "[31mred"],
    ["(A) a direction override and lone surrogates", "a\u202eb\ud83dc\ude00", "abc"],
    ["(A) a CTCP frame that reached the codec", "\x01VERSION\x01", "VERSION"],
    ["(A) NUL in a word", "pass\0word", "password"],
    ["(A) nothing to see", `  ${B} ${O}\u200b`],
    ["(R 2.3) an empty line"],
    ["(A) lines of a batch", "a\r\nb\n\nc", "a", { kind: "break" }, "b", { kind: "break" }, "c"],
  ].map((row) => (row.length === 1 ? [row[0], ""] : row)) as Row[],
);

table("addresses", [
  ["a web address", "see https://a.example/b?c=d#e now", "see ", link("https://a.example/b?c=d#e"), " now"],
  ["with the sentence's full stop", "https://a.example.", link("https://a.example"), "."],
  ["in brackets", "(https://a.example/b)", "(", link("https://a.example/b"), ")"],
  ["with brackets of its own", "https://a.example/b_(c)", link("https://a.example/b_(c)")],
  ["in angle brackets", "<https://a.example>", "<", link("https://a.example"), ">"],
  ["two in a row", "http://a.example, http://b.example", link("http://a.example"), ", ", link("http://b.example")],
  ["of IRC", "ircs://irc.example/#c", link("ircs://irc.example/#c")],
  ["of mail", "mailto:a@b.example!", link("mailto:a@b.example"), "!"],
  [
    "that ends where the format does",
    `${B}https://a.example${B}, really`,
    link("https://a.example", styled("bold", "https://a.example")),
    ", really",
  ],
  ["not joined to the next word by a code", `https://a.example${B}b`, link("https://a.example"), styled("bold", "b")],
  ["none without a host", "https:// and http://. and https", "https:// and http://. and https"],
  ["none of a scheme that runs code", "javascript:alert(1) data:text/html,x", "javascript:alert(1) data:text/html,x"],
  ["none in code", `${M}https://a.example${M}`, code("https://a.example")],
]);

describe("[C13 irc] reading mentions", () => {
  const call = (name: string, id = name.toLowerCase()) => mention(person(id), name);
  const rows: Row[] = [
    ["who is addressed", "alice: hello", call("alice"), ": hello"],
    ["in any case, shown as it was said", "hello ALICE", "hello ", call("ALICE")],
    ["a short nick only when addressed", "al, al is al", call("al"), ", al is al"],
    ["three letters suffice", "ask max", "ask ", call("max")],
    ["not inside of a word", "malice alices", "malice alices"],
    ["with a dash", "x-ray?", call("x-ray"), "?"],
    ["in brackets", "(alice) [bob]", "(", call("alice"), ") [", call("bob"), "]"],
    ["with an at sign", "@alice hi", call("@alice", "alice"), " hi"],
    ["not in a mail address", "alice@example.org x@alice", "alice@example.org x@alice"],
    ["not in a host, port or channel", "alice.example.org bob:8080 #alice", "alice.example.org bob:8080 #alice"],
    ["not in an address", "https://a.example/alice alice", link("https://a.example/alice"), " ", call("alice")],
    ["not in code", `${M}alice${M} alice`, code("alice"), " ", call("alice")],
    ["in bold", `${B}alice${B}: hi`, styled("bold", call("alice")), ": hi"],
    ["not cut in two by a code", `al${B}ice`, "al", styled("bold", "ice")],
    ["with a genitive", "alice's", call("alice"), "'s"],
    ["at the end of a sentence", "thank you alice.", "thank you ", call("alice"), "."],
    ["a relayed nick", "alice/m: hi", call("alice/m"), ": hi"],
  ];
  it.each(rows.map(([what, wire, ...expected]) => ({ what, wire, expected })))("$what", ({ wire, expected }) => {
    expect(ircCodec.parse(wire, lookup)).toEqual([paragraph(...inlines(...expected))]);
  });

  it("[S1 irc] calls five people at most", () => {
    const doc = ircCodec.parse("alice bob max carol dave erin frank", lookup);
    const found = JSON.stringify(doc).match(/"kind":"mention"/g) ?? [];
    expect(found).toHaveLength(5);
  });

  it("[S1 irc] never makes @room or @everyone of a line", () => {
    const all: Lookup = {
      nameOf: () => undefined,
      findByName: (name) => (name === "alice" ? person("alice") : undefined),
    };
    expect(ircCodec.parse("@room @everyone", all)).toEqual([paragraph("@room @everyone")]);
  });
});

describe("[S5 irc] a hostile line", () => {
  it("of many codes, addresses and words costs little", () => {
    const started = process.cpuUsage();
    for (const piece of ["http://a.b/((((", "\x0304,", "alice ", "\x02a\x1db", "[[[[[", "a.", ")".repeat(50)]) {
      ircCodec.parse(piece.repeat(4000), lookup);
    }
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(3_000);
  });
});
