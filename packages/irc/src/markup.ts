/**
 * The codec of IRC: one line with format codes, or several joined by "\n", to a document and back. Pure and total. The codes are
 * format-codes.ts, the looks layout.ts, the limits wrap-lines.ts. No control byte of a line reaches a document, and none of a
 * document reaches a line.
 */
import type { Codec, Lookup, TextLimit } from "@trestle/core";
import { type Block, fromRuns, normalRuns, type RichText, type Run } from "@trestle/richtext";
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
  return { max: max > 0 ? Math.floor(max) : 0, partsMax: partsMax > 0 ? Math.floor(partsMax) : 0 };
}

function parseLine(wire: string, lookup: Lookup): RichText {
  const runs: Run[] = [];
  for (const line of wire.split(/\r\n|[\n\r]/)) {
    const read = normalRuns(readRuns(line));
    if (read.length === 0) continue;
    if (runs.length > 0) runs.push({ text: "\n", style: {} });
    for (const run of withReferences(read, lookup)) runs.push(run);
  }
  const children = fromRuns(runs);
  return !runs.some(({ text }) => isVisible(text)) ? [] : [{ kind: "paragraph", children } satisfies Block];
}

/** Cuts the runs of a line where an address or a mention begins or ends. Code is left alone: nobody is called in it. */
function withReferences(runs: readonly Run[], lookup: Lookup): Run[] {
  const references = findReferences(
    runs.map(({ text, style }) => ({ text, isCode: style.code === true })),
    lookup,
  );
  const cut: Run[] = [];
  let offset = 0;
  let next = 0;
  for (const { text, style } of runs) {
    const end = offset + text.length;
    let at = offset;
    for (let found = references[next]; found !== undefined && found.start < end; found = references[next]) {
      cut.push({ text: text.slice(at - offset, found.start - offset), style });
      cut.push({ text: text.slice(found.start - offset, found.end - offset), style: { ...style, ...meaning(found) } });
      at = found.end;
      next += 1;
    }
    cut.push({ text: text.slice(at - offset), style });
    offset = end;
  }
  return cut;
}

const meaning = (found: TextReference) => (found.kind === "link" ? { url: found.url } : { mention: found.mention });
