/**
 * A canonical document (html-shape.ts) as body, HTML and mentions. Only tags and attributes of the specification's list, every
 * string escaped, written the way sanitisers write it, so that theirs changes nothing.
 */
import type { Block, Inline, Mention, RichText } from "@trestle/richtext";
import { fromRuns, mentionsOf, plainText, toRuns } from "@trestle/richtext";
import { pillUrl, pingsMax } from "./mentions.ts";
import { guardSpaces, isPlain } from "./shape.ts";
import type { MatrixText } from "./wire.ts";

/** One wire for the whole of a canonical document. */
export function printText(doc: RichText): MatrixText {
  const body = plainText(doc);
  const mentioned = mentionsOf(doc);
  return {
    body,
    ...(isPlain(doc) ? {} : { formattedBody: blocksHtml(doc) }),
    mentions: { userIds: pings(mentioned), room: mentioned.some((mention) => mention.what === "everyone") },
  };
}

const pings = (mentions: readonly Mention[]): string[] => {
  const users = mentions.filter((mention) => mention.what === "user").map((mention) => mention.id);
  return [...new Set(users)].slice(0, pingsMax);
};

function blocksHtml(blocks: RichText): string {
  const paragraphs = blocks.filter((block) => block.kind === "paragraph").length;
  return blocks.map((block) => blockHtml(block, paragraphs === 1)).join("");
}

function blockHtml(block: Block, bare: boolean): string {
  switch (block.kind) {
    case "paragraph": {
      const html = inlineHtml(guarded(block.children));
      return bare ? html : `<p>${html}</p>`;
    }
    case "heading":
      return `<h${block.level}>${inlineHtml(guarded(block.children))}</h${block.level}>`;
    case "quote":
      return `<blockquote>${blocksHtml(block.children)}</blockquote>`;
    case "list": {
      const tag = block.ordered ? "ol" : "ul";
      const start = block.start === undefined ? "" : ` start="${block.start}"`;
      const items = block.items.map((item) => `<li>${blocksHtml(item)}</li>`).join("");
      return `<${tag}${start}>${items}</${tag}>`;
    }
    case "code-block": {
      const language = block.language === undefined ? "" : ` class="language-${escapeAttribute(block.language)}"`;
      return `<pre><code${language}>${escapeText(block.text)}\n</code></pre>`;
    }
    case "rule":
      return "<hr />";
  }
}

const guarded = (children: readonly Inline[]): Inline[] => fromRuns(guardSpaces(toRuns(children)));

const inlineHtml = (inlines: readonly Inline[]): string => inlines.map(oneInlineHtml).join("");

const styleTags = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strike: "del",
  superscript: "sup",
  subscript: "sub",
} as const;

function oneInlineHtml(inline: Inline): string {
  switch (inline.kind) {
    case "text":
      return escapeText(inline.text);
    case "break":
      return "<br />";
    case "code":
      return `<code>${escapeText(inline.text)}</code>`;
    case "styled": {
      const tag = styleTags[inline.style];
      return `<${tag}>${inlineHtml(inline.children)}</${tag}>`;
    }
    case "spoiler": {
      const reason = inline.reason === undefined ? "" : `="${escapeAttribute(inline.reason)}"`;
      return `<span data-mx-spoiler${reason}>${inlineHtml(inline.children)}</span>`;
    }
    case "color": {
      const front = inline.foreground === undefined ? "" : ` data-mx-color="${inline.foreground}"`;
      const back = inline.background === undefined ? "" : ` data-mx-bg-color="${inline.background}"`;
      return `<span${front}${back}>${inlineHtml(inline.children)}</span>`;
    }
    case "link":
      return `<a href="${escapeAttribute(inline.url)}">${inlineHtml(inline.children)}</a>`;
    case "mention":
      if (inline.mention.what === "everyone") return escapeText(inline.label);
      return `<a href="${escapeAttribute(pillUrl(inline.mention))}">${escapeText(inline.label)}</a>`;
  }
}

const escapeText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const escapeAttribute = (text: string): string => escapeText(text).replaceAll('"', "&quot;");
