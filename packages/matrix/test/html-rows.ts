/** What the table tests of the HTML codec share: short names for nodes, and the texts that the rows are taken from. */
import { emptyLookup } from "@trestle/core";
import type { Inline, Mention, RichText } from "@trestle/richtext";
import { type InlineLike, inlines, mention, styled } from "@trestle/richtext";
import { htmlCodec } from "../src/html/codec.ts";

export const b = (...children: InlineLike[]): Inline => styled("bold", ...children);
export const i = (...children: InlineLike[]): Inline => styled("italic", ...children);
export const u = (...children: InlineLike[]): Inline => styled("underline", ...children);
export const s = (...children: InlineLike[]): Inline => styled("strike", ...children);
export const sup = (...children: InlineLike[]): Inline => styled("superscript", ...children);
export const sub = (...children: InlineLike[]): Inline => styled("subscript", ...children);
export const hidden = (reason: string, ...children: InlineLike[]): Inline => ({
  kind: "spoiler",
  reason,
  children: inlines(...children),
});
export const br: Inline = { kind: "break" };

export const alice: Mention = { side: "matrix", what: "user", id: "@alice:example.org" };
export const room: Mention = { side: "matrix", what: "room", id: "#trestle:example.org" };
export const roomById: Mention = { side: "matrix", what: "room", id: "!id:example.org" };
export const event: Mention = { side: "matrix", what: "message", id: "$event", room: "!id:example.org" };
export const everyone: Mention = { side: "matrix", what: "everyone", id: "@room" };
export const remote: Mention = { side: "remote", what: "user", id: "carol" };
export const pill = mention;

const matrix = "https://spec.matrix.org/v1.16";
const html = "https://html.spec.whatwg.org/multipage";

/** Where the rows come from. */
export const source = {
  subset: `${matrix}/client-server-api/#mroommessage-msgtypes`,
  spoilers: `${matrix}/client-server-api/#spoiler-messages`,
  mentions: `${matrix}/client-server-api/#user-and-room-mentions`,
  matrixTo: `${matrix}/appendices/#matrixto-navigation`,
  matrixUri: `${matrix}/appendices/#matrix-uri-scheme`,
  identifiers: `${matrix}/appendices/#user-identifiers`,
  sizeLimit: `${matrix}/client-server-api/#size-limits`,
  replies: "https://spec.matrix.org/v1.12/client-server-api/#fallbacks-for-rich-replies",
  misnested: `${html}/parsing.html#misnested-tags:-b-i-/b-/i`,
  inBody: `${html}/parsing.html#parsing-main-inbody`,
  entities: `${html}/parsing.html#character-reference-state`,
  attributes: `${html}/parsing.html#attribute-name-state`,
  olStart: `${html}/grouping-content.html#attr-ol-start`,
  serialising: `${html}/parsing.html#escapingString`,
  language: `${html}/text-level-semantics.html#the-code-element`,
  spaces: "https://www.w3.org/TR/css-text-3/#white-space-phase-1",
  lineEdges: "https://www.w3.org/TR/css-text-3/#white-space-phase-2",
  urlStripping: "https://url.spec.whatwg.org/#concept-basic-url-parser",
  commonMarkCode: "https://spec.commonmark.org/0.31.2/#fenced-code-blocks",
  cssHex: "https://www.w3.org/TR/css-color-4/#hex-notation",
  cssNames: "https://www.w3.org/TR/css-color-4/#named-colors",
  bidi: "https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings",
  surrogates: "https://www.rfc-editor.org/rfc/rfc8259#section-8.2",
  controls: "https://www.rfc-editor.org/rfc/rfc8259#section-7",
} as const;

/** What is written, what it means, and where that is said. */
export type Row<From, To> = readonly [from: From, to: To, source: string];

export const parsed = (formattedBody: string): RichText =>
  htmlCodec.parse({ body: "fallback", formattedBody }, emptyLookup);

/** Tests each row of a construct read from HTML. */
export function reads(construct: string, rows: readonly Row<string, RichText>[]): void {
  it.each(rows.map(([from, to, where]) => ({ from, to, where })))(
    `[C1 matrix] reads ${construct}: $from`,
    ({ from, to }) => {
      expect(parsed(from)).toEqual(to);
    },
  );
}

/** Tests each row of a construct printed as HTML. */
export function prints(construct: string, rows: readonly Row<RichText, string | undefined>[]): void {
  it.each(rows.map(([from, to, where]) => ({ from, to, where })))(
    `[C1 matrix] prints ${construct}: $to`,
    ({ from, to }) => {
      const [only, ...more] = htmlCodec.print(from, { max: 60_000, unit: "bytes", partsMax: 10 }, emptyLookup);
      expect(more).toEqual([]);
      expect(only?.formattedBody).toBe(to);
    },
  );
}
