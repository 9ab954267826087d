/**
 * Short hands for making documents in code and in tests. They only build nodes; they repair nothing but a "\n" in a string,
 * which becomes the break node that it means.
 */
import type { Block, Inline, InlineStyle, Mention, RichText } from "./nodes.ts";

/** A string stands for text, each "\n" in it for a break. */
export type InlineLike = string | Inline;

/** Text with its line breaks as nodes; no node at all for the empty string. */
export function text(value: string): Inline[] {
  const inlines: Inline[] = [];
  for (const [index, line] of value.split("\n").entries()) {
    if (index > 0) inlines.push({ kind: "break" });
    if (line !== "") inlines.push({ kind: "text", text: line });
  }
  return inlines;
}

/** Inlines from strings and nodes, in order. */
export const inlines = (...children: readonly InlineLike[]): Inline[] =>
  children.flatMap((child) => (typeof child === "string" ? text(child) : [child]));

/** A paragraph of strings and inline nodes. */
export const paragraph = (...children: readonly InlineLike[]): Block => ({
  kind: "paragraph",
  children: inlines(...children),
});

/** A document; a string stands for a paragraph. */
export const doc = (...blocks: readonly (string | Block)[]): RichText =>
  blocks.map((block) => (typeof block === "string" ? paragraph(block) : block));

/** `styled("bold", "loud")`. */
export const styled = (style: InlineStyle, ...children: readonly InlineLike[]): Inline => ({
  kind: "styled",
  style,
  children: inlines(...children),
});

/** A link; its label is the URL when no children are given. */
export const link = (url: string, ...children: readonly InlineLike[]): Inline => ({
  kind: "link",
  url,
  children: inlines(...(children.length === 0 ? [url] : children)),
});

/** Hidden until asked for. */
export const spoiler = (...children: readonly InlineLike[]): Inline => ({
  kind: "spoiler",
  children: inlines(...children),
});

/** Coloured text; colours as `#rrggbb`. */
export const color = (
  colors: { readonly foreground?: string; readonly background?: string },
  ...children: readonly InlineLike[]
): Inline => ({ kind: "color", ...colors, children: inlines(...children) });

/** Inline code. */
export const code = (value: string): Inline => ({ kind: "code", text: value });

/** A mention shown as `label`. */
export const mention = (target: Mention, label: string): Inline => ({ kind: "mention", mention: target, label });

/** A quote; a string stands for a paragraph. */
export const quote = (...blocks: readonly (string | Block)[]): Block => ({ kind: "quote", children: doc(...blocks) });

/** A bulleted list, or a numbered one from `start`; a string stands for an item of one paragraph. */
export const list = (items: readonly (string | RichText)[], start?: number): Block => ({
  kind: "list",
  ordered: start !== undefined,
  ...(start === undefined || start === 1 ? {} : { start }),
  items: items.map((item) => (typeof item === "string" ? doc(item) : item)),
});

/** A block of code, its lines joined by "\n". */
export const codeBlock = (value: string, language?: string): Block => ({
  kind: "code-block",
  ...(language === undefined ? {} : { language }),
  text: value,
});
