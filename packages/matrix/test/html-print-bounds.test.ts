/** Bodies, pings and limits of what we write into Matrix. */
import { emptyLookup, type Lookup, type TextLimit } from "@trestle/core";
import {
  code,
  codeBlock,
  color,
  doc,
  type InlineLike,
  inlines,
  link,
  list,
  mentionsOf,
  paragraph as p,
  quote,
  type RichText,
  text,
} from "@trestle/richtext";
import { htmlCodec, type MatrixText, matrixTextSize } from "../src/html/codec.ts";
import { alice, b, br, everyone, hidden, i, parsed, pill, remote, room, u } from "./html-rows.ts";
import { sanitised } from "./html-sanitiser.ts";

const rule = { kind: "rule" } as const;
const heading = (level: 1 | 6, ...children: InlineLike[]) =>
  ({ kind: "heading", level, children: inlines(...children) }) as const;

const roomy: TextLimit = { max: 60_000, unit: "bytes", partsMax: 10 };
const printed = (what: RichText, limits = roomy, lookup: Lookup = emptyLookup): MatrixText[] =>
  htmlCodec.print(what, limits, lookup);
const one = (what: RichText, lookup?: Lookup): MatrixText => printed(what, roomy, lookup)[0] as MatrixText;

describe("html printed: body, mentions, bounds", () => {
  it.each<[RichText, string]>([
    [doc("a", "b"), "a\n\nb"],
    [doc(p(b("a"), i("b"))), "ab"],
    [doc(quote("a", quote("b")), "c"), "> a\n>\n> > b\n\nc"],
    [doc(list(["a", doc("b", list(["c"]))], 9)), "9. a\n10. b\n    - c"],
    [doc(codeBlock("a\n  b")), "a\n  b"],
    [doc(p(link("https://e.org", "x"))), "x (https://e.org)"],
    [doc(p(link("https://e.org"))), "https://e.org"],
    [doc(p(pill(alice, "Al"), ": hi")), "Al: hi"],
    [doc(p("a\u0000\u0007b\r\nc")), "ab\nc"],
    [doc(p("\ud83d \ude00")), "\ufffd \ufffd"],
  ])("[C1 matrix] gives a body that reads well without HTML: %j", (what, body) => {
    expect(one(what).body).toBe(body);
  });

  it.each<[string, RichText]>([
    ["nothing", doc()],
    ["an empty paragraph", doc("")],
    ["spaces and breaks", doc(p(" ", br, b("  ")))],
    ["empty quotes and lists", doc(quote(quote()), list([doc(), doc("")]))],
    ["empty code", doc(codeBlock("\n"), p(code("")))],
    ["control bytes", doc("\u0001\u0002\u001f")],
    ["an empty style", doc(p(b(i())))],
    ["a link that shows nothing of nowhere", doc(p(link("javascript:x", b())))],
  ])("[C2 matrix] prints no part at all for %s", (_, what) => {
    expect(printed(what)).toEqual([]);
  });

  it("[C13 matrix] pings only Matrix users, each once, and at most twenty", () => {
    const crowd = Array.from({ length: 50 }, (_, n) => pill({ ...alice, id: `@u${n % 30}:example.org` }, `u${n}`));
    expect(one(doc(p(...crowd))).mentions?.userIds).toHaveLength(20);
    expect(one(doc(p(pill(alice, "a"), pill(alice, "b"), pill(room, "c"), pill(remote, "d")))).mentions).toEqual({
      userIds: [alice.id],
      room: false,
    });
  });

  it("[C13 matrix] a remote name never pings: neither by @room, nor by an id in it", () => {
    const hostile = { ...emptyLookup, nameOf: () => `@room ${alice.id} <a href="https://matrix.to/#/${alice.id}">` };
    const said = one(doc(p(pill(remote, "x"), b("y"), pill({ ...remote, what: "everyone" }, "@room"))), hostile);
    expect(said.mentions).toEqual({ userIds: [], room: false });
    expect(mentionsOf(htmlCodec.parse(said, emptyLookup))).toEqual([]);
    expect(said.formattedBody).not.toContain("<a ");
  });

  it("[C13 matrix] an everyone of Matrix is said in m.mentions and reads as @room", () => {
    const said = one(doc(p(pill(everyone, "all of you"), ": hi")));
    expect(said).toEqual({ body: "@room: hi", mentions: { userIds: [], room: true } });
    expect(mentionsOf(htmlCodec.parse(said, emptyLookup))).toEqual([everyone]);
  });

  it("[C13 matrix] shows a mention by its name on the receiving side", () => {
    const lookup = { ...emptyLookup, nameOf: ({ id }: { id: string }) => (id === "carol" ? "Carol" : "Alice") };
    expect(one(doc(p(pill(remote, "c"), " ", pill(alice, "a"))), lookup)).toMatchObject({
      body: "Carol Alice",
      formattedBody: 'Carol <a href="https://matrix.to/#/@alice:example.org">Alice</a>',
    });
  });

  it("[C2 matrix] splits a long text at words with its formatting in every part", () => {
    const words = Array.from({ length: 400 }, (_, n) => `word${n}`).join(" ");
    const parts = printed(doc(quote(p(b(words)))), { max: 1000, unit: "bytes", partsMax: 100 });
    expect(parts.length).toBeGreaterThan(5);
    for (const part of parts) {
      expect(matrixTextSize(part, "bytes")).toBeLessThanOrEqual(1000);
      expect(part.formattedBody).toMatch(/^<blockquote><strong>word.*\d<\/strong><\/blockquote>$/);
    }
    expect(parts.map((part) => part.body.slice(2)).join(" ")).toBe(words);
  });

  it.each([59_996, 59_997, 59_998, 59_999, 60_000, 60_001])(
    "[C2 matrix] a plain text is cut where its JSON passes 60,000 bytes, not before: %d",
    (length) => {
      const parts = printed(doc(p(text("x".repeat(length)))));
      expect(parts).toHaveLength(length + 2 <= 60_000 ? 1 : 2);
      expect(parts.map((part) => part.body).join("")).toBe("x".repeat(length));
    },
  );

  it("[C2 matrix] says so when a text has more parts than may be sent", () => {
    const parts = printed(doc("word ".repeat(1000)), { max: 400, unit: "bytes", partsMax: 3 });
    expect(parts).toHaveLength(3);
    expect(parts[2]?.body).toMatch(/\n\n\[the rest of this message was too long and is left out\]$/);
    for (const part of parts) expect(matrixTextSize(part, "bytes")).toBeLessThanOrEqual(400);
  });

  it("[C2 matrix] says so in fewer words where there is little room, and not at all where there is none", () => {
    const said = (max: number) => printed(doc("word ".repeat(100)), { max, unit: "bytes", partsMax: 1 });
    expect(said(60)).toMatchObject([{ body: expect.stringMatching(/^word .*word\n\n\[…\]$/) }]);
    expect(said(12)).toMatchObject([{ body: "word word" }]);
    expect(printed(doc("word"), { max: 100, unit: "bytes", partsMax: 0 })).toEqual([]);
  });

  it("[C2 matrix] a code block keeps its language and whole lines in every part", () => {
    const lines = Array.from({ length: 100 }, (_, n) => `  line "${n}" <&>`);
    const parts = printed(doc(codeBlock(lines.join("\n"), "js")), { max: 900, unit: "bytes", partsMax: 50 });
    for (const part of parts) expect(part.formattedBody).toMatch(/^<pre><code class="language-js"> {2}line/);
    expect(parts.flatMap((part) => part.body.split("\n"))).toEqual(lines);
  });

  it("[S1] prints any depth of nodes, and no deeper than clients show", () => {
    let deep: RichText = doc(p(b("deep")));
    for (let n = 0; n < 5000; n += 1) deep = n % 2 === 0 ? doc(quote(...deep)) : doc(list([deep]));
    const said = one(deep);
    expect(said.body).toContain("deep");
    expect(said.formattedBody).toBe(sanitised(said.formattedBody ?? ""));
  });

  it.each(["👨‍👩‍👧‍👦".repeat(300), "e\u0301".repeat(2000), "🇩🇪🇫🇷".repeat(400)])(
    "[C2 matrix] never cuts a grapheme: %.4s",
    (words) => {
      const parts = printed(doc(p(b(words))), { max: 700, unit: "bytes", partsMax: 1000 });
      expect(parts.map((part) => part.body).join("")).toBe(words);
      const graphemes = new Set(words.match(/👨‍👩‍👧‍👦|e\u0301|🇩🇪|🇫🇷/gu));
      for (const { segment } of parts.flatMap((part) => [...new Intl.Segmenter().segment(part.body)])) {
        expect(graphemes).toContain(segment);
      }
    },
  );

  it("[C1 matrix] reads what it printed as the same document", () => {
    const what = doc(
      p(b("a"), " ", i("b", u("c")), link("https://e.org", "d"), pill(alice, "Al"), br, hidden("why", "e")),
      quote(list([doc("f", list(["g"])), "h"], 3)),
      codeBlock("i\n\tj", "js"),
      rule,
      heading(1, color({ foreground: "#ff0000", background: "#00ff00" }, "k")),
    );
    expect(parsed(one(what).formattedBody ?? "")).toEqual(what);
  });
});
