/** Cutting text and runs: the edges of every limit, graphemes, formatting over the cut, and time. */
import { measure, type Run, type RunStyle, splitRuns, splitText, type Unit } from "@trestle/richtext";
import fc from "fast-check";

const run = (text: string, style: RunStyle = {}): Run => ({ text, style });
const alice = { side: "matrix", what: "user", id: "@alice:example.org" } as const;
const family = "👨‍👩‍👧‍👦";

it.each<[string, number, number, number]>([
  ["", 0, 0, 0],
  ["abc", 3, 3, 3],
  ["é", 2, 1, 1],
  ["日", 3, 1, 1],
  ["😀", 4, 2, 1],
  [family, 25, 11, 7],
  ["e\u0301", 3, 2, 2],
  ["\ud83d", 3, 1, 1],
  ["\ude00\ud83d", 6, 2, 2],
])("[C2] measures %j in bytes, UTF-16 units and code points", (text, bytes, utf16, points) => {
  expect([measure(text, "bytes"), measure(text, "utf16"), measure(text, "code-points")]).toEqual([
    bytes,
    utf16,
    points,
  ]);
});

it.each<[string, number, Unit, string[]]>([
  ["", 10, "bytes", []],
  ["abc", 3 + 1, "bytes", ["abc"]],
  ["abcd", 4, "bytes", ["abcd"]],
  ["abcde", 4, "bytes", ["abcd", "e"]],
  ["hello world", 11, "bytes", ["hello world"]],
  ["hello world", 10, "bytes", ["hello", "world"]],
  ["hello world", 5, "bytes", ["hello", "world"]],
  ["hello   world", 9, "bytes", ["hello", "world"]],
  ["a b c d e", 4, "bytes", ["a b", "c d", "e"]],
  ["say\nhello world again", 14, "bytes", ["say\nhello", "world again"]],
  ["one two\nthree four", 16, "bytes", ["one two\nthree", "four"]],
  ["first line\nsecond x", 18, "bytes", ["first line", "second x"]],
  ["ééééé", 4, "bytes", ["éé", "éé", "é"]],
  ["ééééé", 5, "bytes", ["éé", "éé", "é"]],
  ["😀😀😀", 5, "utf16", ["😀😀", "😀"]],
  ["😀😀😀", 4, "code-points", ["😀😀😀"]],
  ["e\u0301e\u0301e\u0301", 5, "code-points", ["e\u0301e\u0301", "e\u0301"]],
  [`${family}${family}`, 30, "bytes", [family, family]],
  ["🇩🇪🇫🇷🇮🇹", 20, "bytes", ["🇩🇪🇫🇷", "🇮🇹"]],
  ["a\r\nb".repeat(2), 5, "utf16", ["a\r\nba", "b"]],
  [`${" ".repeat(20)}x`, 5, "bytes", ["x"]],
  ["   ", 10, "bytes", ["   "]],
  ["a\u00a0b c", 4, "utf16", ["a\u00a0b", "c"]],
  ["ab \u0301cd", 4, "utf16", ["ab \u0301", "cd"]],
  ["日本語日本語", 9, "bytes", ["日本語", "日本語"]],
])("[C2] cuts %j to %d %s", (text, max, unit, pieces) => {
  expect(splitText(text, max, unit)).toEqual(pieces);
});

it("[C2] cuts a grapheme larger than the limit between its code points, never inside one", () => {
  const zalgo = `e${"\u0301".repeat(50)}`;
  const pieces = splitText(zalgo, 21, "bytes");
  expect(pieces.join("")).toBe(zalgo);
  for (const piece of pieces) expect(measure(piece, "bytes")).toBeLessThanOrEqual(21);
  expect(splitText(family, 8, "bytes").every((piece) => piece.isWellFormed())).toBe(true);
});

it("[C2] a limit below one code point still moves on", () => {
  expect(splitText("😀😀", 1, "bytes")).toEqual(["😀", "😀"]);
});

const units: readonly Unit[] = ["bytes", "utf16", "code-points"];
const anyText = fc.array(
  fc.constantFrom(
    "a",
    "word",
    " ",
    "  ",
    "\n",
    "é",
    "日",
    "😀",
    family,
    "🇩🇪",
    "e\u0301\u0301",
    "\u200d",
    "\ufe0f",
    "\u0301",
  ),
  { maxLength: 60 },
);

it.each(units)("[C2] [S5] keeps every limit, every character and every grapheme that fits: %s", (unit) => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 4, max: 60 }), (parts, max) => {
      const text = parts.join("");
      const pieces = splitText(text, max, unit);
      expect(pieces.filter((piece) => measure(piece, unit) > max || !piece.isWellFormed())).toEqual([]);
      expect(pieces.join("").replaceAll(/\s/g, "")).toBe(text.replaceAll(/\s/g, ""));
      if (pieces.length > 1) expect(pieces.filter((piece) => piece.trim() === "")).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

it.each(["bytes", "utf16"] as const)(
  "[C2] [S5] cuts only between graphemes, found by a reader of the whole text: %s",
  (unit) => {
    const graphemes = new Intl.Segmenter();
    const solid = fc.array(fc.constantFrom("a", "é", "😀", family, "🇩🇪", "e\u0301", "👍🏽", "한", "각"), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(solid, fc.integer({ min: 25, max: 60 }), (parts, max) => {
        const text = parts.join("");
        const boundaries = new Set([...graphemes.segment(text)].map(({ index }) => index));
        let at = 0;
        for (const piece of splitText(text, max, unit)) {
          expect(boundaries.has(at)).toBe(true);
          at += piece.length;
        }
      }),
      { numRuns: 2000 },
    );
  },
);

describe("splitRuns", () => {
  const cost = (style: RunStyle): number => (style.bold ? 2 : 0) + (style.foreground ? 6 : 0);
  const size = (line: readonly Run[]): number =>
    line.reduce((sum, r) => sum + measure(r.text, "bytes") + cost(r.style), 0);

  it("[C2] carries a style over the cut", () => {
    expect(splitRuns([run("one two three", { bold: true })], 8, "bytes")).toEqual([
      [run("one two", { bold: true })],
      [run("three", { bold: true })],
    ]);
  });

  it("[C2] counts what a style costs in every line that it stands in", () => {
    const lines = splitRuns([run("aaaa "), run("bbbb", { bold: true }), run(" cccc")], 9, "bytes", cost);
    expect(lines).toEqual([[run("aaaa")], [run("bbbb", { bold: true })], [run("cccc")]]);
    expect(splitRuns([run("a".repeat(20), { bold: true })], 10, "bytes", cost).map(size)).toEqual([10, 10, 6]);
  });

  it("[C2] drops a style that leaves no room for text", () => {
    expect(splitRuns([run("abcdefgh", { foreground: "#ff0000" })], 8, "bytes", cost)).toEqual([[run("abcdefgh")]]);
  });

  it("[C2] moves a mention to the next line rather than cutting it", () => {
    const lines = splitRuns([run("hello to "), run("Alice Liddell", { mention: alice }), run("!")], 16, "bytes");
    expect(lines).toEqual([[run("hello to")], [run("Alice Liddell", { mention: alice }), run("!")]]);
  });

  it("[C2] moves a mention to the next line where there is no space before it either", () => {
    const lines = splitRuns([run("hello"), run("AliceLid", { mention: alice })], 10, "bytes");
    expect(lines).toEqual([[run("hello")], [run("AliceLid", { mention: alice })]]);
  });

  it("[C2] [C13] cuts a mention longer than a line, and only its first piece mentions", () => {
    const lines = splitRuns([run("x".repeat(25), { mention: alice })], 10, "bytes");
    expect(lines).toEqual([[run("x".repeat(10), { mention: alice })], [run("x".repeat(10))], [run("x".repeat(5))]]);
  });

  it("[C2] cuts at a space in an earlier run", () => {
    const lines = splitRuns([run("aa bb"), run("cc", { bold: true }), run("dd")], 7, "bytes");
    expect(lines).toEqual([[run("aa")], [run("bb"), run("cc", { bold: true }), run("dd")]]);
  });

  it("[C2] never cuts a grapheme that reaches over two runs", () => {
    const lines = splitRuns([run("aaae"), run("\u0301bb", { bold: true })], 4, "utf16");
    expect(lines.map((line) => line.map((r) => r.text).join(""))).toEqual(["aaa", "e\u0301bb"]);
  });

  it("[C2] [S5] keeps every limit with any styles, and every character with its style", () => {
    const styles = fc.constantFrom<RunStyle>(
      {},
      { bold: true },
      { foreground: "#ff0000" },
      { bold: true, foreground: "#00ff00" },
    );
    const runs = fc.array(
      fc.tuple(anyText, styles).map(([parts, style]) => run(parts.slice(0, 8).join(""), style)),
      { maxLength: 10 },
    );
    const flat = (all: readonly Run[]) =>
      all.flatMap((r) => [...r.text.replaceAll(/\s/g, "")].map((point) => [point, r.style]));
    fc.assert(
      fc.property(runs, fc.integer({ min: 12, max: 60 }), (all, max) => {
        const lines = splitRuns(all, max, "bytes", cost);
        expect(lines.filter((line) => size(line) > max)).toEqual([]);
        expect(JSON.stringify(flat(lines.flat()))).toBe(JSON.stringify(flat(all)));
      }),
      { numRuns: 2000 },
    );
  });
});

it.each<[string, string]>([
  ["one letter", "x".repeat(60_000)],
  ["emoji", family.repeat(2400)],
  ["combining marks", `e${"\u0301".repeat(30_000)}`],
  ["flags", "🇩🇪".repeat(15_000)],
  ["spaces", " ".repeat(60_000)],
  ["short words", "ab ".repeat(20_000)],
  ["halves of pairs", "\ud83d".repeat(60_000)],
])("[C2] [S5] a 60 kB word of %s takes milliseconds", (_, word) => {
  splitText(word, 400, "bytes");
  const before = process.cpuUsage();
  const pieces = splitText(word, 400, "bytes");
  // A cutter that segments the whole rest at each cut takes seconds; the bound leaves room for a busy machine.
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(250);
  expect(pieces.filter((piece) => measure(piece, "bytes") > 400)).toEqual([]);
});
