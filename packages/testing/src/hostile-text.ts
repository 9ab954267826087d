/**
 * Arbitrary text and documents as hostile people would write them: control bytes, format codes, markup of every network, bidi
 * marks, halves of surrogate pairs, graphemes without end. For property tests of codecs and whatever else reads strangers.
 */
import type { Block, HeadingLevel, Inline, InlineStyle, Mention, RichText } from "@trestle/richtext";
import fc from "fast-check";

/** Snippets that mean something somewhere. */
export const hostileSnippets: readonly string[] = [
  "\u0000",
  "\r\n",
  "\n\n",
  "\u0001ACTION x\u0001",
  "\u0002",
  "\u000304,01",
  "\u0003",
  "\u0004ff0000",
  "\u000f",
  "\u0011",
  "\u0016",
  "\u001d",
  "\u001e",
  "\u001f",
  "\u001b[31m",
  "\u007f",
  "\u0085",
  "\u2028",
  "\u200b",
  "\u200d",
  "\u202e",
  "\u2066",
  "\u2069",
  "\ufeff",
  "\ud83d",
  "\ude00",
  "\ufffe",
  "e\u0301\u0301\u0301",
  "👨‍👩‍👧‍👦",
  "🇩🇪",
  "<b>",
  "</b>",
  "<script>alert(1)</script>",
  "<img src=x onerror=y>",
  "&lt;",
  "&amp;amp;",
  "&#0;",
  "<!--",
  "-->",
  "]]>",
  '" onclick="',
  "<mx-reply>",
  "@room",
  "@everyone",
  "@alice:example.org",
  "https://matrix.to/#/@alice:example.org",
  "javascript:alert(1)",
  "**",
  "__",
  "||",
  "`",
  "```",
  "> ",
  "- ",
  "1. ",
  "   ",
  "\t",
  "PRIVMSG #x :y",
  "QUIT :bye",
];

/** Text of ordinary words with hostile snippets in between; `longest` bounds the number of pieces. */
export function hostileText(longest = 12): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("a", "word ", "Ünïcode ", "日本語", "x:y", "end. ", " ") },
    { weight: 3, arbitrary: fc.constantFrom(...hostileSnippets) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
  );
  return fc.array(piece, { maxLength: longest }).map((pieces) => pieces.join(""));
}

const styles: readonly InlineStyle[] = ["bold", "italic", "underline", "strike", "superscript", "subscript"];
const colors = fc.constantFrom("#ff0000", "#00aa00", "#123456", "red", "expression(1)");
const urls = fc.oneof(
  fc.constantFrom(
    "https://example.org/a?b=c&d=e",
    "mailto:a@b.example",
    "javascript:alert(1)",
    "data:text/html,x",
    'https://x"y<z>',
    "https://matrix.to/#/@a:b",
  ),
  hostileText(4),
);

const mentions: fc.Arbitrary<Mention> = fc.record(
  {
    side: fc.constantFrom("matrix" as const, "remote" as const),
    what: fc.constantFrom("user" as const, "room" as const, "message" as const, "everyone" as const),
    id: fc.oneof(fc.constantFrom("@a:example.org", "#room:example.org", "!id:example.org", "$event"), hostileText(3)),
    room: fc.constantFrom("!id:example.org", "#room:example.org"),
  },
  { requiredKeys: ["side", "what", "id"] },
);

/** Documents of any shape, hostile text in every string; also shapes that no codec makes ("\n" in text, empty blocks, other colours). */
export function hostileDocuments(): fc.Arbitrary<RichText> {
  const words = hostileText(6);
  const { blocks } = fc.letrec<{ inlines: Inline[]; inline: Inline; blocks: Block[]; block: Block }>((tie) => ({
    inlines: fc.array(tie("inline"), { maxLength: 4, depthIdentifier: "inline" }),
    inline: fc.oneof(
      { depthIdentifier: "inline", depthSize: "small" },
      { weight: 6, arbitrary: words.map((text): Inline => ({ kind: "text", text })) },
      fc.constant<Inline>({ kind: "break" }),
      words.map((text): Inline => ({ kind: "code", text })),
      fc.tuple(mentions, words).map(([mention, label]): Inline => ({ kind: "mention", mention, label })),
      fc
        .tuple(fc.constantFrom(...styles), tie("inlines"))
        .map(([style, children]): Inline => ({ kind: "styled", style, children })),
      fc.tuple(urls, tie("inlines")).map(([url, children]): Inline => ({ kind: "link", url, children })),
      fc
        .tuple(fc.option(words, { nil: undefined }), tie("inlines"))
        .map(
          ([reason, children]): Inline => ({ kind: "spoiler", ...(reason === undefined ? {} : { reason }), children }),
        ),
      fc.tuple(colors, fc.option(colors, { nil: undefined }), tie("inlines")).map(
        ([foreground, background, children]): Inline => ({
          kind: "color",
          foreground,
          ...(background === undefined ? {} : { background }),
          children,
        }),
      ),
    ),
    blocks: fc.array(tie("block"), { maxLength: 4, depthIdentifier: "block" }),
    block: fc.oneof(
      { depthIdentifier: "block", depthSize: "small" },
      { weight: 5, arbitrary: tie("inlines").map((children): Block => ({ kind: "paragraph", children })) },
      fc
        .tuple(fc.integer({ min: 1, max: 6 }), tie("inlines"))
        .map(([level, children]): Block => ({ kind: "heading", level: level as HeadingLevel, children })),
      fc
        .tuple(fc.option(words, { nil: undefined }), words)
        .map(
          ([language, text]): Block => ({ kind: "code-block", ...(language === undefined ? {} : { language }), text }),
        ),
      fc.constant<Block>({ kind: "rule" }),
      tie("blocks").map((children): Block => ({ kind: "quote", children })),
      fc
        .tuple(fc.boolean(), fc.integer({ min: -5, max: 1e9 }), fc.array(tie("blocks"), { maxLength: 3 }))
        .map(([ordered, start, items]): Block => ({ kind: "list", ordered, ...(ordered ? { start } : {}), items })),
    ),
  }));
  return blocks;
}
