/**
 * A document as text that people can read: quotes as `> `, lists as `- ` and `1. `, links as `label (url)`, code raw. What a
 * Matrix body, a notification or a log of a quote shows. It escapes nothing: the reader of a plain text interprets nothing.
 */
import type { Block, Inline, RichText } from "./nodes.ts";

/** The whole document; blocks stand a blank line apart. */
export function plainText(doc: RichText): string {
  return doc.map(blockText).join("\n\n");
}

/** Inline nodes as text, breaks as "\n". */
export function inlineText(inlines: readonly Inline[]): string {
  return inlines.map(oneInlineText).join("");
}

function oneInlineText(inline: Inline): string {
  switch (inline.kind) {
    case "text":
    case "code":
      return inline.text;
    case "break":
      return "\n";
    case "mention":
      return inline.label;
    case "link":
      return linkText(inlineText(inline.children), inline.url);
    case "styled":
    case "spoiler":
    case "color":
      return inlineText(inline.children);
  }
}

function linkText(label: string, url: string): string {
  const shown = label.trim();
  if (shown === "") return url;
  // `mailto:a@b.example` and `https://a.example/` are what `a@b.example` and `https://a.example` say already.
  const bare = url.replace(/^mailto:/, "").replace(/\/$/, "");
  return shown.replace(/\/$/, "") === bare || shown === url ? label : `${label} (${url})`;
}

function blockText(block: Block): string {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return inlineText(block.children);
    case "quote":
      return prefixed(plainText(block.children), "> ", "> ");
    case "list": {
      const start = block.start ?? 1;
      return block.items
        .map((item, index) => {
          const marker = block.ordered ? `${start + index}. ` : "- ";
          return prefixed(item.map(blockText).join("\n"), marker, " ".repeat(marker.length));
        })
        .join("\n");
    }
    case "code-block":
      return block.text;
    case "rule":
      return "---";
  }
}

function prefixed(text: string, first: string, rest: string): string {
  return text
    .split("\n")
    .map((line, index) => ((index === 0 ? first : rest) + line).trimEnd())
    .join("\n");
}
