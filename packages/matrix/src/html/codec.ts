/**
 * The codec between RichText and what a Matrix message carries: a plain body, and HTML of the specification's subset where
 * the plain body does not say it all. It owns escaping, the allow-list and the bounds; it knows no room, event or homeserver.
 * https://spec.matrix.org/v1.16/client-server-api/#mroommessage-msgtypes
 */
import type { Codec, TextLimit } from "@trestle/core";
import type { RichText } from "@trestle/richtext";
import { plainText, split } from "@trestle/richtext";
import { cleanText, textSizeMax, wellFormedPrefix } from "./clean.ts";
import { markMentions } from "./mentions.ts";
import { parseHtml } from "./parse.ts";
import { printText } from "./print.ts";
import { canonical, canonicalRuns, paragraphOf } from "./shape.ts";
import { type MatrixText, matrixTextSize } from "./wire.ts";

export { type MatrixText, matrixTextSize };

/** Total and pure both ways; see the page docs/richtext.md for what becomes what. */
export const htmlCodec: Codec<MatrixText> = {
  parse(wire, lookup) {
    const mark = markMentions(wire.mentions, lookup);
    if (wire.formattedBody !== undefined) {
      const doc = parseHtml(wellFormedPrefix(wire.formattedBody, textSizeMax), mark);
      if (plainText(doc).trim() !== "") return doc;
    }
    const body = cleanText(wellFormedPrefix(wire.body, textSizeMax));
    return paragraphOf(mark(canonicalRuns([{ text: body, style: {} }])));
  },

  print(doc, limits, lookup) {
    const shaped = canonical(doc, lookup);
    const whole = shaped.length === 0 ? undefined : printText(shaped);
    if (whole === undefined || limits.partsMax < 1) return [];
    if (matrixTextSize(whole, limits.unit) <= limits.max) return [whole];
    return splitToFit(shaped, limits).flatMap((part) => {
      const again = canonical(part, lookup);
      return again.length === 0 ? [] : [printText(again)];
    });
  },
};

const cutNotes = ["[the rest of this message was too long and is left out]", "[…]"];

function splitToFit(doc: RichText, limits: TextLimit): RichText[] {
  const size = (part: RichText) => (part.length === 0 ? 0 : matrixTextSize(printText(part), limits.unit));
  const parts = split(doc, { max: limits.max, unit: limits.unit, size });
  if (parts.length <= limits.partsMax) return parts;
  const kept = parts.slice(0, limits.partsMax);
  const last = kept.pop() ?? [];
  for (const words of cutNotes) {
    const note: RichText = [{ kind: "paragraph", children: [{ kind: "text", text: words }] }];
    const withNote = (part: RichText) => size([...part, ...note]);
    if (withNote(note) > limits.max / 2) continue;
    const [rest] = split(last, { max: limits.max, unit: limits.unit, size: withNote });
    return [...kept, [...(rest ?? []), ...note]];
  }
  return [...kept, last];
}

/**
 * A plain body without the quoted lines that older clients put before a reply (`> <@alice:example.org> ...`). Only for events
 * that are replies: anywhere else, such lines are the sender's own words.
 */
export function stripReplyFallback(body: string): string {
  const lines = body.split("\n");
  if (!/^> (?:\* )?<@[^>]{1,255}>/.test(lines[0] ?? "")) return body;
  let from = 0;
  while (from < lines.length && /^>(?: |\r?$)/.test(lines[from] as string)) from += 1;
  if (from < lines.length && (lines[from] as string).trim() === "") from += 1;
  return lines.slice(from).join("\n");
}
