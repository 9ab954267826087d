/** Nested nodes as flat runs and back: what IRC codes and Telegram entities are made from. */
import {
  code,
  color,
  fromRuns,
  type Inline,
  type InlineLike,
  inlines,
  link,
  mention,
  normalRuns,
  type Run,
  type RunStyle,
  sameStyle,
  spoiler,
  styled,
  toRuns,
} from "@trestle/richtext";
import fc from "fast-check";

const alice = { side: "matrix", what: "user", id: "@alice:example.org" } as const;
const b = (...children: InlineLike[]) => styled("bold", ...children);
const i = (...children: InlineLike[]) => styled("italic", ...children);
const run = (text: string, style: RunStyle = {}): Run => ({ text, style });
const hidden = (reason: string, text: string): Inline => ({ kind: "spoiler", reason, children: inlines(text) });

it.each<[Inline[], Run[]]>([
  [inlines("a"), [run("a")]],
  [inlines("a\nb"), [run("a\nb")]],
  [inlines(b("a")), [run("a", { bold: true })]],
  [inlines(b("a", i("b"))), [run("a", { bold: true }), run("b", { bold: true, italic: true })]],
  [inlines(b("a"), b("b")), [run("ab", { bold: true })]],
  [inlines(b(b("a"))), [run("a", { bold: true })]],
  [inlines(b()), []],
  [inlines(b("a\nb")), [run("a\nb", { bold: true })]],
  [inlines(code("a")), [run("a", { code: true })]],
  [inlines(b(code("a"))), [run("a", { bold: true, code: true })]],
  [
    inlines(link("https://e.org", "a", b("b"))),
    [run("a", { url: "https://e.org" }), run("b", { url: "https://e.org", bold: true })],
  ],
  [inlines(link("https://a.org", link("https://b.org", "x"))), [run("x", { url: "https://b.org" })]],
  [inlines(hidden("why", "a")), [run("a", { spoiler: true, spoilerReason: "why" })]],
  [
    inlines(color({ foreground: "#ff0000" }, "a", color({ foreground: "#00ff00", background: "#0000ff" }, "b"))),
    [run("a", { foreground: "#ff0000" }), run("b", { foreground: "#00ff00", background: "#0000ff" })],
  ],
  [inlines(mention(alice, "Al"), mention(alice, "Al")), [run("Al", { mention: alice }), run("Al", { mention: alice })]],
])("[C1] nodes to runs: %j", (nodes, runs) => {
  expect(toRuns(nodes)).toEqual(runs);
});

it.each<[Run[], Inline[]]>([
  [[run("a"), run("b")], inlines("ab")],
  [[run("a", { bold: true }), run("b", { bold: true, italic: true })], inlines(b("a", i("b")))],
  [[run("a", { bold: true, italic: true }), run("b", { italic: true })], inlines(i(b("a"), "b"))],
  [
    [run("a", { bold: true }), run("b", { bold: true, italic: true }), run("c", { italic: true })],
    inlines(b("a", i("b")), i("c")),
  ],
  [[run("a\nb", { bold: true })], inlines(b("a\nb"))],
  [[run("a\nb", { code: true })], [code("a"), { kind: "break" }, code("b")]],
  [[run("")], []],
  [[run("a", { bold: false })], inlines("a")],
  [
    [run("a", { foreground: "#ff0000", background: "#00ff00" })],
    inlines(color({ foreground: "#ff0000", background: "#00ff00" }, "a")),
  ],
  [
    [run("a", { background: "#00ff00" }), run("b", { foreground: "#ff0000", background: "#00ff00" })],
    inlines(color({ background: "#00ff00" }, "a", color({ foreground: "#ff0000" }, "b"))),
  ],
  [[run("a", { url: "https://e.org", bold: true })], inlines(link("https://e.org", b("a")))],
  [
    [run("a", { spoiler: true }), run("b", { spoiler: true, spoilerReason: "x" })],
    inlines(spoiler("a"), hidden("x", "b")),
  ],
  [[run("a\nb", { mention: alice })], [mention(alice, "a b")]],
])("[C1] runs to nodes: %j", (runs, nodes) => {
  expect(fromRuns(runs)).toEqual(nodes);
});

it("[C1] styles are the same when they say the same", () => {
  expect(sameStyle({}, { bold: false })).toBe(true);
  expect(sameStyle({ mention: alice }, { mention: { ...alice } })).toBe(true);
  expect(sameStyle({ mention: alice }, { mention: { ...alice, id: "@b:e.org" } })).toBe(false);
  expect(sameStyle({ spoiler: true }, { spoiler: true, spoilerReason: "x" })).toBe(false);
  expect(sameStyle({ url: "https://e.org" }, {})).toBe(false);
});

const styles: fc.Arbitrary<RunStyle> = fc.record(
  {
    bold: fc.constant(true),
    italic: fc.constant(true),
    strike: fc.constant(true),
    code: fc.constant(true),
    spoiler: fc.constant(true),
    foreground: fc.constantFrom("#ff0000", "#00ff00"),
    background: fc.constantFrom("#ff0000", "#00ff00"),
    url: fc.constantFrom("https://a.org", "https://b.org"),
  },
  { requiredKeys: [] },
);
const runsOf = fc.array(fc.record({ text: fc.string({ maxLength: 4 }), style: styles }), { maxLength: 12 });

it("[C1] [S5] runs survive the way through nodes and back", () => {
  fc.assert(
    fc.property(runsOf, (runs) => {
      // A break inside code belongs to no code node, so its run comes back without that style.
      expect(toRuns(fromRuns(runs))).toEqual(normalRuns(runs));
    }),
    { numRuns: 2000 },
  );
});

it("[S5] ten thousand runs become nodes and runs again in no time worth a notice", () => {
  const many = Array.from({ length: 10_000 }, (_, n) =>
    run("x", n % 2 === 0 ? { bold: true } : { italic: true, underline: true }),
  );
  const before = process.cpuUsage();
  expect(toRuns(fromRuns(many))).toHaveLength(10_000);
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(1500);
});
