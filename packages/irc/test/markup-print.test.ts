/**
 * Documents as lines of IRC. Sources: (M) https://modern.ircdocs.horse/formatting for the codes; (R) RFC 2812 2.3 for the limit of a line;
 * (H) the Matrix specification's allow-list of HTML for the constructs; (C) customs of plain text mail and chat.
 */
import { emptyLookup, type Lookup } from "@trestle/core";
import {
  type Block,
  code,
  codeBlock,
  color,
  doc,
  type InlineLike,
  inlines,
  link,
  list,
  mention,
  paragraph,
  quote,
  type RichText,
  spoiler,
  styled,
} from "@trestle/richtext";
import { createIrcCodec, ircCodec } from "../src/markup.ts";
import { lineComplaints, stripCodes } from "./line-check.ts";

const [B, C, H, O, M, I, S, U] = ["\x02", "\x03", "\x04", "\x0f", "\x11", "\x1d", "\x1e", "\x1f"];
const br: InlineLike = { kind: "break" };
const heading = (level: 1 | 2 | 3 | 4 | 5 | 6, ...children: InlineLike[]): Block => ({
  kind: "heading",
  level,
  children: inlines(...children),
});

const print = (document: RichText, max = 400, partsMax = 20, lookup: Lookup = emptyLookup) =>
  ircCodec.print(document, { max, unit: "bytes", partsMax }, lookup);

type Row = readonly [what: string, document: RichText, ...lines: string[]];

function table(title: string, rows: readonly Row[]): void {
  describe(`[C1 irc] printing ${title}`, () => {
    if (rows.length < 8) throw new Error(`${title}: ${rows.length} rows`);
    it.each(rows.map(([what, document, ...lines]) => ({ what, document, lines })))("$what", ({ document, lines }) => {
      const printed = print(document);
      expect(printed).toEqual(lines);
      for (const line of printed) expect(lineComplaints(line)).toEqual([]);
    });
  });
}

function style(name: "bold" | "italic" | "underline" | "strike", byte: string): void {
  table(name, [
    ["(M) is switched on and off", doc(paragraph("a ", styled(name, "b"), " c")), `a ${byte}b${byte} c`],
    ["(M) at the end of a line is closed", doc(paragraph("a ", styled(name, "b"))), `a ${byte}b${byte}`],
    ["(M) of nothing is nothing", doc(paragraph("a", styled(name), "b")), "ab"],
    ["(A) in itself is said once", doc(paragraph(styled(name, "a", styled(name, "b")))), `${byte}ab${byte}`],
    ["(A) twice in a row goes on", doc(paragraph(styled(name, "a"), styled(name, "b"))), `${byte}ab${byte}`],
    ["(A) before a digit", doc(paragraph(styled(name, "1"), "2")), `${byte}1${byte}2`],
    [
      "(A) over a break is opened again",
      doc(paragraph(styled(name, "a", br, "b"))),
      `${byte}a${byte}`,
      `${byte}b${byte}`,
    ],
    [
      "(A) with others is closed by a reset",
      doc(paragraph(styled(name, code("a")), "b")),
      `${byte}${M}a${byte}${M}b`.replace(`${M}b`, `${M}b`),
    ],
    ["(A) its own code in the text is removed", doc(paragraph(`a${byte}b`)), "ab"],
  ]);
}

style("bold", B as string);
style("italic", I as string);
style("underline", U as string);
style("strike", S as string);

table("code", [
  ["(M Monospace) inline", doc(paragraph("run ", code("ls -l"), " now")), `run ${M}ls -l${M} now`],
  ["(M Monospace) in bold", doc(paragraph(styled("bold", "a ", code("b")))), `${B}a ${M}b${O}`],
  ["(C) a block line by line", doc(codeBlock("a\nb")), `${M}a${M}`, `${M}b${M}`],
  [
    "(C) the language before the first line",
    doc(codeBlock("let a;\nlet b;", "rust")),
    `[rust] ${M}let a;${M}`,
    `${M}let b;${M}`,
  ],
  [
    "(C) indentation is kept, blank lines are not",
    doc(codeBlock("if a:\n\n    b\n\n")),
    `${M}if a:${M}`,
    `${M}    b${M}`,
  ],
  ["(C) a tab is four spaces", doc(codeBlock("\tb")), `${M}    b${M}`],
  ["(A) codes in it are removed", doc(codeBlock(`a${M}b\r\nQUIT :x`)), `${M}ab${M}`, `${M}QUIT :x${M}`],
  ["(A) a language that is none", doc(codeBlock("a", "x\r\ny\x02z")), `[x yz] ${M}a${M}`],
  ["(A) an empty block", doc(codeBlock("\n \n"), "b"), "b"],
  ["(A) markup in it stays text", doc(paragraph(code("**a** <b>"))), `${M}**a** <b>${M}`],
]);

table("colours", [
  ["(M Forms) the nearest of sixteen", doc(paragraph(color({ foreground: "#fe0102" }, "a"))), `${C}04a${O}`],
  ["(M Forms) two digits before a digit", doc(paragraph(color({ foreground: "#ff0000" }, "1"))), `${C}041${O}`],
  [
    "(M Mistaken Eating) a comma behind it",
    doc(paragraph(color({ foreground: "#ff0000" }, ",2"))),
    `${C}04${B}${B},2${O}`,
  ],
  [
    "(M Forms) with a background",
    doc(paragraph(color({ foreground: "#ff0000", background: "#000080" }, ",2"))),
    `${C}04,02,2${O}`,
  ],
  [
    "(M Forms) a background alone gets letters that can be read",
    doc(paragraph(color({ background: "#ffff00" }, "a"), color({ background: "#000000" }, "b"))),
    `${C}01,08a${C}00,01b${O}`,
  ],
  [
    "(M Reset) the colour ends before a digit",
    doc(paragraph(color({ foreground: "#ff0000" }, "a"), "1")),
    `${C}04a${O}1`,
  ],
  [
    "(M Reset) and the bold goes on",
    doc(paragraph(styled("bold", color({ foreground: "#ff0000" }, "a"), "1"))),
    `${C}04${B}a${O}${B}1${B}`,
  ],
  [
    "(M Forms) the background ends, the foreground not",
    doc(paragraph(color({ foreground: "#ff0000" }, color({ background: "#000080" }, "a"), ",1"))),
    `${C}04,02a${O}${C}04${B}${B},1${O}`,
  ],
  [
    "(A) inner colour, then outer again",
    doc(paragraph(color({ foreground: "#ff0000" }, "a", color({ foreground: "#009300" }, "b"), "c"))),
    `${C}04a${C}03b${C}04c${O}`,
  ],
  ["(A) what is no colour", doc(paragraph(color({ foreground: "red" }, "a"))), "a"],
  [
    "(A) two that would be one are readable",
    doc(paragraph(color({ foreground: "#ff0000", background: "#fe0000" }, "a"))),
    `${C}04a${O}`,
  ],
]);

table("quotes", [
  ["(C) a mark before it", doc(quote("a")), "> a"],
  ["(C) and before each line", doc(quote("a", "b")), "> a", "> b"],
  ["(C) nested", doc(quote("a", quote("b"))), "> a", "> > b"],
  ["(C) breaks in it", doc(quote(paragraph("a", br, "b"))), "> a", "> b"],
  ["(A) formatting in it", doc(quote(paragraph(styled("bold", "a")))), `> ${B}a${B}`],
  ["(A) a list in it", doc(quote(list(["a", "b"]))), "> - a", "> - b"],
  ["(A) code in it", doc(quote(codeBlock("a\nb"))), `> ${M}a${M}`, `> ${M}b${M}`],
  ["(A) an empty one", doc(quote(), "a"), "a"],
  ["(A) text that starts like one", doc("> a"), "> a"],
  [
    "(A) nested deeper than can be read",
    doc(quote(quote(quote(quote(quote(quote(quote(quote("a"))))))))),
    "> > > > > > a",
  ],
]);

table("lists", [
  ["(C) bullets", doc(list(["a", "b"])), "- a", "- b"],
  ["(C) numbers", doc(list(["a", "b"], 1)), "1. a", "2. b"],
  ["(H) a first number", doc(list(["a", "b"], 9)), "9. a", "10. b"],
  ["(C) nested", doc(list([doc("a", list(["b", "c"])), "d"])), "- a", "  - b", "  - c", "- d"],
  ["(C) numbers in bullets", doc(list([doc("a", list(["b"], 3))])), "- a", "  3. b"],
  ["(C) two paragraphs in an item", doc(list([doc("a", "b")], 1)), "1. a", "   b"],
  ["(A) a list first in an item", doc(list([list(["a"])].map((inner) => doc(inner)))), "- - a"],
  ["(A) an empty item", doc(list(["", "b"], 1)), "2. b"],
  ["(A) code in an item", doc(list([doc("a", codeBlock("b\nc", "sh"))])), "- a", `  [sh] ${M}b${M}`, `  ${M}c${M}`],
]);

table("headings and rules", [
  ["(C) a heading is bold", doc(heading(1, "a")), `${B}a${B}`],
  ["(C) of any level", doc(heading(6, "a")), `${B}a${B}`],
  ["(A) bold in it is the same", doc(heading(2, "a", styled("bold", "b"))), `${B}ab${B}`],
  ["(A) code in it", doc(heading(2, "a ", code("b"))), `${B}a ${M}b${O}`],
  ["(A) a break in it", doc(heading(2, "a", br, "b")), `${B}a${B}`, `${B}b${B}`],
  ["(A) an empty one", doc(heading(2), "a"), "a"],
  ["(C) a rule", doc("a", { kind: "rule" }, "b"), "a", "---", "b"],
  ["(A) a rule in a quote", doc(quote({ kind: "rule" })), "> ---"],
  ["(A) a link in it", doc(heading(1, link("https://a.example", "b"))), `${B}b (https://a.example)${B}`],
]);

table("links", [
  ["(C) label and address", doc(paragraph(link("https://a.example/b", "here"))), "here (https://a.example/b)"],
  ["(C) only the address when they are equal", doc(paragraph(link("https://a.example/b"))), "https://a.example/b"],
  ["(C) or differ by scheme and slash", doc(paragraph(link("https://a.example/", "a.example"))), "a.example"],
  ["(C) of mail", doc(paragraph(link("mailto:a@b.example", "a@b.example"))), "a@b.example"],
  [
    "(C) without a label",
    doc(paragraph({ kind: "link", url: "https://a.example", children: [] })),
    "https://a.example",
  ],
  [
    "(A) a label that shows another address",
    doc(paragraph(link("https://evil.example", "https://a.example"))),
    "https://a.example (https://evil.example)",
  ],
  [
    "(A) a formatted label",
    doc(paragraph(link("https://a.example", styled("bold", "b")))),
    `${B}b${B} (https://a.example)`,
  ],
  [
    "(A) an address with a line break",
    doc(paragraph(link("https://a.example/\r\nQUIT :x", "b"))),
    "b (https://a.example/%20%20QUIT%20:x)",
  ],
  ["(A) an address with codes", doc(paragraph(link("https://a.example/\x02\x01b", "c"))), "c (https://a.example/b)"],
]);

table("spoilers, raised and lowered text", [
  ["(C) a spoiler is named", doc(paragraph("he ", spoiler("dies"), ".")), "he [spoiler: dies]."],
  [
    "(H) with its reason",
    doc(paragraph({ kind: "spoiler", reason: "film", children: inlines("dies") })),
    "[spoiler (film): dies]",
  ],
  [
    "(A) with an empty reason",
    doc(paragraph({ kind: "spoiler", reason: " \r", children: inlines("a") })),
    "[spoiler: a]",
  ],
  ["(A) formatted", doc(paragraph(spoiler(styled("bold", "a")))), `[spoiler: ${B}a${B}]`],
  ["(A) in bold", doc(paragraph(styled("bold", spoiler("a")))), `${B}[spoiler: a]${B}`],
  ["(C) a raised word", doc(paragraph("x", styled("superscript", "2"))), "x^2"],
  ["(C) raised words", doc(paragraph("x", styled("superscript", "a + b"))), "x^(a + b)"],
  ["(C) a lowered word", doc(paragraph("H", styled("subscript", "2"), "O")), "H_2O"],
]);

const names: Lookup = {
  nameOf: ({ side, id }) =>
    side === "remote" ? { alice: "Alice[away]", evil: "ev\r\nil" }[id] : { "@b:x": "Bob" }[id],
  findByName: () => undefined,
};
const remote = (id: string, label: string) => mention({ side: "remote", what: "user", id }, label);
const matrix = (id: string, label: string) => mention({ side: "matrix", what: "user", id }, label);

describe("[C13 irc] printing mentions", () => {
  const rows: readonly Row[] = [
    ["IRC people by their real nick", doc(paragraph(remote("alice", "alice"), ": hi")), "Alice[away]: hi"],
    ["unknown ones as they were shown", doc(paragraph(remote("carol", "carol_"))), "carol_"],
    ["Matrix people by name", doc(paragraph(matrix("@b:x", "@b:x"))), "Bob"],
    ["unknown ones as they were shown, too", doc(paragraph(matrix("@c:x", "Carol"))), "Carol"],
    ["without any name by id", doc(paragraph(matrix("@c:x", " "))), "@c:x"],
    [
      "everybody is not called",
      doc(paragraph(mention({ side: "matrix", what: "everyone", id: "!r" }, "@room"))),
      "@\u200broom",
    ],
    [
      "everybody without a label neither",
      doc(paragraph(mention({ side: "matrix", what: "everyone", id: "!r" }, ""))),
      "@\u200broom",
    ],
    ["a hostile name", doc(paragraph(remote("evil", "x"))), "ev  il"],
    ["a room", doc(paragraph(mention({ side: "matrix", what: "room", id: "!r" }, "#room:x"))), "#room:x"],
  ];
  it.each(rows.map(([what, document, ...lines]) => ({ what, document, lines })))("$what", ({ document, lines }) => {
    expect(print(document, 400, 20, names)).toEqual(lines);
  });
});

describe("[C2 irc] the edge of a line", () => {
  it("is exact: the last byte is used and not one more (R 2.3)", () => {
    expect(print(doc("x".repeat(50)), 50)).toEqual(["x".repeat(50)]);
    expect(print(doc("x".repeat(51)), 50)).toEqual(["x".repeat(50), "x"]);
    expect(print(doc("é".repeat(26)), 51)).toEqual(["é".repeat(25), "é"]);
  });

  it("is at a word, whose space is gone", () => {
    expect(print(doc("aaaa bbbb cccc"), 9)).toEqual(["aaaa bbbb", "cccc"]);
    expect(print(doc("aaaa bbbb cccc"), 10)).toEqual(["aaaa bbbb", "cccc"]);
    expect(print(doc("aaaa bbbb   cccc"), 13)).toEqual(["aaaa bbbb", "cccc"]);
  });

  it("is between graphemes in a long word", () => {
    const family = "👨‍👩‍👧‍👦";
    expect(print(doc(family.repeat(3)), Buffer.byteLength(family) * 2 + 5)).toEqual([family.repeat(2), family]);
    expect(print(doc("e\u0301".repeat(4)), 8)).toEqual(["e\u0301".repeat(2), "e\u0301".repeat(2)]);
  });

  it("counts the codes, and carries the formatting over", () => {
    const bold = doc(paragraph(styled("bold", "x".repeat(20))));
    expect(print(bold, 12)).toEqual([`${B}${"x".repeat(10)}${B}`, `${B}${"x".repeat(10)}${B}`]);
    const red = doc(paragraph(color({ foreground: "#ff0000" }, "1 2 3 4 5")));
    expect(print(red, 8)).toEqual([`${C}041 2${O}`, `${C}043 4${O}`, `${C}045${O}`]);
  });

  it("never lies between a colour code and its digits", () => {
    const document = doc(
      paragraph("aaaa ", color({ foreground: "#ff0000", background: "#00007f" }, "11 22 33"), " 44"),
    );
    for (let max = 12; max < 40; max += 1) {
      for (const line of print(document, max)) {
        expect(lineComplaints(line)).toEqual([]);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(max);
      }
      expect(print(document, max).map(stripCodes).join(" ").split(" ")).toEqual(["aaaa", "11", "22", "33", "44"]);
    }
  });

  it("repeats the margin of quotes, and indents the rest of an item", () => {
    expect(print(doc(quote("aaaa bbbb")), 7)).toEqual(["> aaaa", "> bbbb"]);
    expect(print(doc(list(["aaaa bbbb"], 1)), 8)).toEqual(["1. aaaa", "   bbbb"]);
  });

  it("loses nothing but the spaces at the cuts", () => {
    const words = Array.from({ length: 300 }, (_, at) => `w${at}`);
    expect(
      print(doc(words.join(" ")), 30, 500)
        .join(" ")
        .split(" "),
    ).toEqual(words);
  });

  it("says in the last line how much was left out", () => {
    const lines = print(doc("x".repeat(1000)), 100, 3);
    expect(lines).toHaveLength(3);
    const shown = lines.join("").match(/x/g)?.length ?? 0;
    expect(lines[2]).toMatch(new RegExp(`^x+ … \\[${1000 - shown} more characters left out\\]$`));
    expect(lines.every((line) => Buffer.byteLength(line) <= 100)).toBe(true);
    // Not a word of it when the last part is just full.
    expect(print(doc("x".repeat(300)), 100, 3)).toEqual(Array(3).fill("x".repeat(100)));
  });

  it("says it with one part, too, and in little room", () => {
    expect(print(doc("one two three four five six seven eight nine ten"), 44, 1)).toEqual([
      "one two three four five six seven … [+14]",
    ]);
    expect(print(doc("x".repeat(100)), 10, 1)).toEqual(["xxxxxxx…"]);
  });

  it("counts later paragraphs among what was left out", () => {
    expect(print(doc("a", "bb", "ccc"), 80, 1)).toEqual(["a … [5 more characters left out]"]);
  });

  it("is held at any width, however mad", () => {
    const document = doc(
      list(
        [
          paragraph(
            "é👨‍👩‍👧‍👦 ",
            color({ foreground: "#ff0000", background: "#00007f" }, styled("bold", "日本語 1,2")),
          ),
        ].map((b) => doc(b)),
      ),
    );
    for (let max = 0; max < 60; max += 1) {
      for (const line of print(document, max)) {
        expect(lineComplaints(line)).toEqual([]);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(max);
      }
    }
    expect(print(document, 100, 0)).toEqual([]);
    expect(print(document, Number.NaN)).toEqual(print(document, 0));
  });

  it("costs little for a paste of 60 kB, words or none", () => {
    const started = process.cpuUsage();
    for (const text of ["x", "é", "👨‍👩‍👧‍👦", "word "]) print(doc(text.repeat(60_000 / text.length)), 400, 5);
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(1_000);
  });
});

describe("hexadecimal colours, only when told", () => {
  const hex = createIrcCodec({ hexColors: true });
  it.each<[string, RichText, string]>([
    ["a foreground", doc(paragraph(color({ foreground: "#12ab34" }, "a"))), `${H}12ab34a${O}`],
    ["before a comma", doc(paragraph(color({ foreground: "#12ab34" }, ",0"))), `${H}12ab34${B}${B},0${O}`],
    [
      "with a background",
      doc(paragraph(color({ foreground: "#12ab34", background: "#ABCDEF" }, "a"))),
      `${H}12ab34,abcdefa${O}`,
    ],
  ])("%s", (_, document, line) => {
    expect(hex.print(document, { max: 100, unit: "bytes", partsMax: 1 }, emptyLookup)).toEqual([line]);
  });
});

describe("[S5 irc] a hostile document", () => {
  it("nested without end is printed without its deepest styles", () => {
    let deep: RichText = doc("core");
    for (let depth = 0; depth < 5_000; depth += 1) deep = doc({ kind: "quote", children: deep });
    expect(print(deep)).toEqual(["> > > > > > core"]);
  });
});
