/**
 * Short hands for making documents in code and in tests. They only build nodes; they repair nothing but a "\n" in a string,
 * which becomes the break node that it means.
 */
import type { Block, Inline, InlineStyle, Mention, RichText } from "./nodes.ts";

/** A string stands for text, each "\n" in it for a break. */
export type InlineLike = string | Inline | readonly Inline[];

/** One text node; the string is taken to hold no "\n". */
export const text = (value: string): Inline => ({ kind: "text", text: value });

/** Inlines from strings and nodes, in order; no node at all for an empty string. */
export const inlines = (...children: readonly InlineLike[]): Inline[] =>
  children.flatMap((child) => (typeof child === "string" ? lines(child) : child));

function lines(value: string): Inline[] {
  return value.split("\n").flatMap((line, index): Inline[] => {
    const words: Inline[] = line === "" ? [] : [text(line)];
    return index > 0 ? [{ kind: "break" }, ...words] : words;
  });
}

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
