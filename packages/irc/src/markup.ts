/**
 * The codec of IRC: one line with format codes, or several joined by "\n", to a document and back. Pure and total. The codes are
 * format-codes.ts, the looks layout.ts, the limits wrap-lines.ts. No control byte of a line reaches a document, and none of a
 * document reaches a line.
 */
import type { Codec, Lookup, TextLimit } from "@trestle/core";
import { type Block, fromRuns, type RichText, type Run } from "@trestle/richtext";
import { readRuns } from "./format-codes.ts";
import { isVisible } from "./harmless-text.ts";
import { layOut } from "./layout.ts";
import { findReferences, type TextReference } from "./text-references.ts";
import { wrapLines } from "./wrap-lines.ts";

export interface IrcCodecOptions {
  /** Colours as `\x04rrggbb` instead of the nearest of sixteen. Few clients show them. */
  readonly hexColors?: boolean;
}

/** A codec with choices; `ircCodec` is the one with the usual ones. */
export function createIrcCodec({ hexColors = false }: IrcCodecOptions = {}): Codec<string> {
  return {
    parse: parseLine,
    print: (doc, limits, lookup) => wrapLines(layOut(doc, { hexColors, lookup }), lineLimit(limits)),
  };
}

/** IRC text and documents. Its limits are bytes: a limit in another unit is taken for bytes, which is never too long. */
export const ircCodec: Codec<string> = createIrcCodec();

function lineLimit({ max, partsMax }: TextLimit) {
  return { max: Math.max(0, Math.floor(max)), partsMax: Math.max(0, Math.floor(partsMax)) };
}

function parseLine(wire: string, lookup: Lookup): RichText {
  const runs: Run[] = [];
  for (const line of wire.split(/\r\n|[\n\r]/)) {
    const read = readRuns(line);
    if (read.length === 0) continue;
    if (runs.length > 0) runs.push({ text: "\n", style: {} });
    for (const run of withReferences(read, lookup)) runs.push(run);
  }
  const children = fromRuns(runs);
  return !runs.some(({ text }) => isVisible(text)) ? [] : [{ kind: "paragraph", children } satisfies Block];
}

/** Cuts the runs of a line where an address or a mention begins or ends. Code is left alone: nobody is called in it. */
function withReferences(runs: readonly Run[], lookup: Lookup): Run[] {
  const text = runs.map((run) => run.text).join("");
  const references = findReferences(text, lookup);
  if (references.length === 0) return [...runs];
  const cut: Run[] = [];
  let offset = 0;
  let next = 0;
  for (const run of runs) {
    const end = offset + run.text.length;
    let at = offset;
    while (at < end) {
      while ((references[next]?.end ?? Number.POSITIVE_INFINITY) <= at) next += 1;
      const reference = references[next];
      const inside = reference !== undefined && reference.start <= at;
      const until = Math.min(end, inside ? reference.end : (reference?.start ?? end));
      const piece = run.text.slice(at - offset, until - offset);
      // A mention is one node: what is styled in two halves stays text.
      const whole = inside && reference.start === at && reference.end === until;
      cut.push(inside && !run.style.code ? referring(piece, run, reference, whole) : { text: piece, style: run.style });
      at = until;
    }
    offset = end;
  }
  return cut;
}

function referring(text: string, { style }: Run, reference: TextReference, whole: boolean): Run {
  if (reference.kind === "link") return { text, style: { ...style, url: reference.url } };
  return { text, style: whole ? { ...style, mention: reference.mention } : style };
}
