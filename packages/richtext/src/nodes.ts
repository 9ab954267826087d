/**
 * The neutral document between Matrix HTML, Discord markdown, Telegram entities and IRC codes. Plain JSON data: it can be
 * stored and compared. It knows no network; what a mention points at is an opaque id with the side it belongs to.
 */

/** A document: blocks in reading order. The empty document is `[]`. */
export type RichText = readonly Block[];

export type Block =
  | { readonly kind: "paragraph"; readonly children: readonly Inline[] }
  | { readonly kind: "heading"; readonly level: HeadingLevel; readonly children: readonly Inline[] }
  | { readonly kind: "quote"; readonly children: readonly Block[] }
  | {
      readonly kind: "list";
      readonly ordered: boolean;
      /** Number of the first item of an ordered list; 1 when absent. */
      readonly start?: number;
      readonly items: readonly (readonly Block[])[];
    }
  | { readonly kind: "code-block"; readonly language?: string; readonly text: string }
  | { readonly kind: "rule" };

export type HeadingLevel = 1 | 2 | 3 | 4 | 5 | 6;

export type Inline =
  | { readonly kind: "text"; readonly text: string }
  /** A line break inside a block. `text` never holds "\n". */
  | { readonly kind: "break" }
  | { readonly kind: "styled"; readonly style: InlineStyle; readonly children: readonly Inline[] }
  | { readonly kind: "spoiler"; readonly reason?: string; readonly children: readonly Inline[] }
  /** Colours as `#rrggbb`, lower case. */
  | {
      readonly kind: "color";
      readonly foreground?: string;
      readonly background?: string;
      readonly children: readonly Inline[];
    }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "link"; readonly url: string; readonly children: readonly Inline[] }
  | { readonly kind: "mention"; readonly mention: Mention; readonly label: string };

export type InlineStyle = "bold" | "italic" | "underline" | "strike" | "superscript" | "subscript";

/** Whom or what a mention points at. `side` says whose id it is; `room` only for messages (the room or chat they stand in). */
export interface Mention {
  readonly side: "matrix" | "remote";
  readonly what: "user" | "room" | "message" | "everyone";
  readonly id: string;
  readonly room?: string;
}
