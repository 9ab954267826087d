/** Cutting documents: at blocks first, then inside them, with what surrounds them opened again. */
import {
  code,
  codeBlock,
  doc,
  type Inline,
  type InlineLike,
  inlines,
  link,
  list,
  measure,
  paragraph as p,
  plainText,
  quote,
  type RichText,
  split,
  styled,
} from "@trestle/richtext";

const b = (...children: InlineLike[]): Inline => styled("bold", ...children);
const bytes = (max: number) => ({ max, unit: "bytes" }) as const;

it.each<[string, RichText, number, RichText[]]>([
  ["nothing into nothing", doc(), 10, []],
  ["what fits as it is", doc("abc", "def"), 8, [doc("abc", "def")]],
  ["between paragraphs", doc("abc", "def"), 7, [doc("abc"), doc("def")]],
  ["as many blocks as fit", doc("a", "b", "c", "d", "e"), 7, [doc("a", "b", "c"), doc("d", "e")]],
  ["a paragraph at a space", doc("hello world"), 8, [doc("hello"), doc("world")]],
  ["with the style over the cut", doc(p(b("hello world"))), 8, [doc(p(b("hello"))), doc(p(b("world")))]],
  ["inline code over the cut", doc(p(code("hello world"))), 8, [doc(p(code("hello"))), doc(p(code("world")))]],
  ["a quote into quotes", doc(quote("aaaa bbbb")), 8, [doc(quote("aaaa")), doc(quote("bbbb"))]],
  ["a quote between its blocks", doc(quote("aaaa", "bbbb")), 10, [doc(quote("aaaa")), doc(quote("bbbb"))]],
  ["a quote in a quote", doc(quote(quote("aaaa bbbb"))), 10, [doc(quote(quote("aaaa"))), doc(quote(quote("bbbb")))]],
  ["a list between its items", doc(list(["aaaa", "bbbb"])), 8, [doc(list(["aaaa"])), doc(list(["bbbb"]))]],
  ["a numbered list, counting on", doc(list(["aaaa", "bbbb"], 4)), 8, [doc(list(["aaaa"], 4)), doc(list(["bbbb"], 5))]],
  [
    "one long item, its number repeated",
    doc(list(["aaaa bbbb"], 4)),
    8,
    [doc(list(["aaaa"], 4)), doc(list(["bbbb"], 4))],
  ],
  [
    "code between its lines",
    doc(codeBlock("a\nb\nc\nd", "js")),
    4,
    [doc(codeBlock("a\nb", "js")), doc(codeBlock("c\nd", "js"))],
  ],
  [
    "code inside a line that is too long",
    doc(codeBlock("aaaaaaaaaa\nb")),
    6,
    [doc(codeBlock("aaaaaa")), doc(codeBlock("aaaa")), doc(codeBlock("b"))],
  ],
  [
    "a heading into headings",
    doc({ kind: "heading", level: 1, children: inlines("aaaa bbbb") }),
    6,
    [
      doc({ kind: "heading", level: 1, children: inlines("aaaa") }),
      doc({ kind: "heading", level: 1, children: inlines("bbbb") }),
    ],
  ],
])("[C2] splits %s", (_, what, max, parts) => {
  expect(split(what, bytes(max))).toEqual(parts);
});

it("[C2] a link with an endless URL is dropped rather than repeated before every few letters", () => {
  const url = `https://e.org/${"x".repeat(500)}`;
  const parts = split(doc(p(link(url, "a label of some words ".repeat(30)))), bytes(400));
  expect(parts.length).toBeLessThan(4);
  expect(JSON.stringify(parts)).not.toContain("https:");
});

it("[C2] wrappers that fill the part by themselves are left off", () => {
  let deep: RichText = doc("some words to keep ".repeat(20));
  for (let n = 0; n < 60; n += 1) deep = n % 2 === 0 ? doc(quote(...deep)) : doc(list([deep], 1));
  const parts = split(deep, bytes(100));
  for (const part of parts) expect(measure(plainText(part), "bytes")).toBeLessThanOrEqual(100);
  expect(parts.map(plainText).join(" ").match(/keep/g)).toHaveLength(20);
});

it("[C2] counts by the size it is given", () => {
  const size = (part: RichText) => plainText(part).length * 3;
  const parts = split(doc("aaaa bbbb cccc"), { max: 30, unit: "bytes", size });
  expect(parts).toEqual([doc("aaaa bbbb"), doc("cccc")]);
});

it("[S5] splits 64 kB of many blocks in no time worth a notice", () => {
  const many = doc(...Array.from({ length: 8000 }, (_, n) => p(b(`${n}`), " word")));
  const before = process.cpuUsage();
  const parts = split(many, bytes(400));
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(2000);
  expect(parts.flat()).toEqual(many);
});
