/** What a document says where nothing can be formatted. */
import {
  code,
  codeBlock,
  color,
  doc,
  inlines,
  inlineText,
  link,
  list,
  mention,
  paragraph as p,
  plainText,
  quote,
  type RichText,
  spoiler,
  styled,
} from "@trestle/richtext";

const alice = { side: "matrix", what: "user", id: "@alice:example.org" } as const;
const rule = { kind: "rule" } as const;

it.each<[string, RichText, string]>([
  ["the empty document", doc(), ""],
  ["paragraphs a line apart", doc("a", "b"), "a\n\nb"],
  ["breaks as line ends", doc("a\nb"), "a\nb"],
  [
    "styles, colours and code as their text",
    doc(p(styled("bold", "a"), color({ foreground: "#ff0000" }, "b"), code("c"))),
    "abc",
  ],
  ["a spoiler as its text", doc(p(spoiler("secret"))), "secret"],
  ["a mention by its label", doc(p(mention(alice, "Al"), "!")), "Al!"],
  ["a link with its address", doc(p(link("https://e.org/x", "here"))), "here (https://e.org/x)"],
  ["a link that shows its address once", doc(p(link("https://e.org/x"))), "https://e.org/x"],
  [
    "a link whose label lacks only the last slash once",
    doc(p(link("https://e.org/", "https://e.org"))),
    "https://e.org",
  ],
  ["a mail address once", doc(p(link("mailto:a@e.org", "a@e.org"))), "a@e.org"],
  [
    "a link without a label by its address",
    doc(p({ kind: "link", url: "https://e.org", children: [] })),
    "https://e.org",
  ],
  ["a quote", doc(quote("a\nb", "c")), "> a\n> b\n>\n> c"],
  ["a quote in a quote", doc(quote("a", quote("b"))), "> a\n>\n> > b"],
  ["bullets", doc(list(["a", "b"])), "- a\n- b"],
  ["numbers from their start", doc(list(["a", "b"], 9)), "9. a\n10. b"],
  ["a list in a list, indented", doc(list([doc("a", list(["b"], 1)), "c"])), "- a\n  1. b\n- c"],
  ["an item of two lines, indented", doc(list(["a\nb"], 1)), "1. a\n   b"],
  ["a code block raw", doc(codeBlock("a\n  *b*", "js")), "a\n  *b*"],
  ["a heading as a line", doc({ kind: "heading", level: 2, children: inlines("a") }, "b"), "a\n\nb"],
  ["a rule", doc("a", rule, "b"), "a\n\n---\n\nb"],
  ["what looks like markup as it stands", doc("> *a* <b> &amp;"), "> *a* <b> &amp;"],
])("[C1] plain text shows %s", (_, what, shown) => {
  expect(plainText(what)).toBe(shown);
});

it("[C1] inline text keeps breaks", () => {
  expect(inlineText(inlines("a\n", styled("italic", "b")))).toBe("a\nb");
});
