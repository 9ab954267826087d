/** Looking at, rewriting and bounding documents. */
import {
  boundDepth,
  codeBlock,
  depthMax,
  doc,
  type Inline,
  inlines,
  link,
  list,
  mapInlines,
  mention,
  mentionsOf,
  paragraph as p,
  plainText,
  quote,
  type RichText,
  spoiler,
  styled,
  text,
  walk,
} from "@trestle/richtext";

const alice = { side: "matrix", what: "user", id: "@alice:example.org" } as const;
const bob = { side: "remote", what: "user", id: "bob" } as const;

const rich = doc(
  p("a", styled("bold", mention(alice, "Al"))),
  quote(list([doc(p(link("https://e.org", mention(bob, "Bob")))), doc(p(spoiler(mention(alice, "Al"))))])),
  codeBlock("x"),
);

it("visits every node in reading order, parents first", () => {
  const kinds: string[] = [];
  walk(rich, (node) => kinds.push(node.kind));
  expect(kinds).toEqual(
    "paragraph text styled mention quote list paragraph link mention paragraph spoiler mention code-block".split(" "),
  );
});

it("[C13] collects mentions in reading order, each as often as it stands there", () => {
  expect(mentionsOf(rich)).toEqual([alice, bob, alice]);
});

it("[C13] rewrites mentions wherever they stand and nothing else", () => {
  const swap = (inline: Inline): Inline => (inline.kind === "mention" ? mention(bob, inline.label) : inline);
  const swapped = mapInlines(rich, swap);
  expect(mentionsOf(swapped)).toEqual([bob, bob, bob]);
  expect(plainText(swapped)).toBe(plainText(rich));
  expect(mapInlines(rich, (inline) => inline)).toEqual(rich);
});

it("rewrites bottom-up, one node into none or many", () => {
  const seen: string[] = [];
  const out = mapInlines(doc(p("a", styled("bold", "b", "c"))), (inline) => {
    seen.push(inline.kind);
    if (inline.kind === "text" && inline.text === "b") return [];
    if (inline.kind === "styled") return [text("("), ...inline.children, text(")")];
    return inline;
  });
  expect(seen).toEqual(["text", "text", "text", "styled"]);
  expect(out).toEqual(doc({ kind: "paragraph", children: inlines("a", "(", "c", ")") }));
});

it("builders turn line ends in strings into breaks and leave nothing for the empty string", () => {
  expect(inlines("a\n\nb", "", "c")).toEqual([text("a"), { kind: "break" }, { kind: "break" }, text("b"), text("c")]);
  expect(list(["a"], 1)).toEqual({ kind: "list", ordered: true, items: [doc("a")] });
  expect(doc("a")).toEqual([{ kind: "paragraph", children: [text("a")] }]);
});

describe("bounding the depth", () => {
  const deepQuote = (depth: number): RichText => {
    let deep: RichText = doc("deep");
    for (let n = 0; n < depth; n += 1) deep = n % 3 === 0 ? doc(list([deep])) : doc(quote(...deep));
    return deep;
  };
  const deepInline = (depth: number): RichText => {
    let deep: Inline = text("deep");
    for (let n = 0; n < depth; n += 1) deep = n % 2 === 0 ? styled("bold", deep) : spoiler(deep);
    return doc(p(deep));
  };

  it.each([{ shallow: deepQuote(3) }, { shallow: deepInline(3) }, { shallow: rich }, { shallow: doc() }])(
    "leaves a shallow document as it is",
    ({ shallow }) => {
      expect(boundDepth(shallow)).toBe(shallow);
    },
  );

  it.each([10, 100, 1000, 100_000])("[S5] flattens %d levels to the bound and keeps the words", (depth) => {
    for (const deep of [deepQuote(depth), deepInline(depth)]) {
      const bounded = boundDepth(deep, 8);
      expect(JSON.stringify(bounded).match(/\{/g)?.length).toBeLessThanOrEqual(8);
      expect(plainText(bounded)).toContain("deep");
      expect(boundDepth(bounded, 8)).toBe(bounded);
    }
  });

  it("[S5] has a bound that recursion can stand", () => {
    expect(() => plainText(boundDepth(deepQuote(50_000), depthMax))).not.toThrow();
  });
});
