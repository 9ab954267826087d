/**
 * Cuts a document to a limit: between blocks where that is enough, else inside one, with its formatting, its quote, its list
 * or its code fence opened again in the next part. What counts as size is given, so that every codec can count its own wire.
 */
import type { Block, RichText } from "./nodes.ts";
import { plainText } from "./plain-text.ts";
import type { Run, RunStyle } from "./runs.ts";
import { fromRuns, toRuns } from "./runs.ts";
import { measure, splitRuns, splitText, type Unit } from "./split-text.ts";

/** `size` is what a part counts (never less for a longer document); its plain text in `unit` when absent. */
export interface SplitLimit {
  readonly max: number;
  readonly unit: Unit;
  readonly size?: (doc: RichText) => number;
}

/** The document as parts of at most `limit.max`. A document that fits is one part as it is; the empty one is none. */
export function split(doc: RichText, limit: SplitLimit): RichText[] {
  if (doc.length === 0) return [];
  const size = limit.size ?? ((part: RichText) => measure(plainText(part), limit.unit));
  return splitBlocks(doc, { max: limit.max, unit: limit.unit, size });
}

type Limit = Required<SplitLimit>;

function splitBlocks(blocks: RichText, limit: Limit): RichText[] {
  const parts: RichText[] = [];
  let from = 0;
  while (from < blocks.length) {
    const count = howMany(blocks, from, limit.max, limit.size);
    if (count > 0) {
      parts.push(blocks.slice(from, from + count));
      from += count;
    } else {
      for (const piece of splitBlock(blocks[from] as Block, limit)) parts.push([piece]);
      from += 1;
    }
  }
  return parts;
}

/** How many elements from `from` on fit together: doubling, then halving, so that what is measured stays near the limit. */
function howMany<T>(all: readonly T[], from: number, max: number, size: (part: readonly T[]) => number): number {
  const fits = (count: number) => size(all.slice(from, from + count)) <= max;
  const left = all.length - from;
  let low = 0;
  let high = 1;
  while (high <= left && fits(high)) {
    low = high;
    if (high === left) return left;
    high = Math.min(left, high * 2);
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function splitBlock(block: Block, limit: Limit): Block[] {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return splitLine(block, toRuns(block.children), limit);
    case "code-block":
      return splitCode(block, limit);
    case "quote": {
      const wrap = (children: RichText): Block => ({ ...block, children });
      if (isTight(wrap(probe), limit)) return splitBlocks(block.children, limit).flat();
      return splitBlocks(block.children, { ...limit, size: (part) => limit.size([wrap(part)]) }).map(wrap);
    }
    case "list":
      return splitList(block, limit);
    case "rule":
      return [];
  }
}

const probe: RichText = [{ kind: "paragraph", children: [{ kind: "text", text: "x" }] }];

/** Wrappers that fill half a part by themselves leave too little to what they hold: it goes on without them. */
const isTight = (wrapped: Block, limit: Limit): boolean => limit.size([wrapped]) > limit.max / 2;

type ListBlock = Extract<Block, { kind: "list" }>;

function splitList(list: ListBlock, limit: Limit): Block[] {
  const wrap = (items: readonly RichText[], first: number): ListBlock => ({
    kind: "list",
    ordered: list.ordered,
    ...(list.ordered && first !== 1 ? { start: first } : {}),
    items,
  });
  if (isTight(wrap([probe], list.start ?? 1), limit)) return splitBlocks(list.items.flat(), limit).flat();
  const pieces: Block[] = [];
  let from = 0;
  while (from < list.items.length) {
    const number = (list.start ?? 1) + from;
    const count = howMany(list.items, from, limit.max, (items) => limit.size([wrap(items, number)]));
    if (count > 0) {
      pieces.push(wrap(list.items.slice(from, from + count), number));
      from += count;
      continue;
    }
    // One item too long: each of its parts repeats the item's number.
    const size = (part: RichText) => limit.size([wrap([part], number)]);
    for (const part of splitBlocks(list.items[from] as RichText, { ...limit, size })) pieces.push(wrap([part], number));
    from += 1;
  }
  return pieces;
}

type CodeBlock = Extract<Block, { kind: "code-block" }>;

function splitCode(block: CodeBlock, limit: Limit): Block[] {
  const wrap = (lines: readonly string[]): CodeBlock => ({ ...block, text: lines.join("\n") });
  const size = (lines: readonly string[]) => limit.size([wrap(lines)]);
  const lines = block.text.split("\n");
  const pieces: Block[] = [];
  let from = 0;
  while (from < lines.length) {
    const count = howMany(lines, from, limit.max, size);
    if (count > 0) {
      pieces.push(wrap(lines.slice(from, from + count)));
      from += count;
      continue;
    }
    const line = lines[from] as string;
    for (const piece of shrink(line, limit, (part) => size([part]), cutLine)) pieces.push(wrap([piece]));
    from += 1;
  }
  return pieces.filter((piece) => piece.kind !== "code-block" || piece.text !== "");
}

const cutLine = (line: string, max: number, unit: Unit): string[] => splitText(line, max, unit);

type LineBlock = Extract<Block, { kind: "paragraph" | "heading" }>;

function splitLine(block: LineBlock, runs: readonly Run[], limit: Limit): Block[] {
  const wrap = (part: readonly Run[]): LineBlock => ({ ...block, children: fromRuns(part) });
  const size = (part: readonly Run[]) => limit.size([wrap(part)]);
  // A style that fills half a part by itself (a link with an endless URL) would leave a few letters to each: it goes.
  const lean = runs.map((run) =>
    isLong(run.style) && size([{ ...run, text: "x" }]) > limit.max / 2 ? { text: run.text, style: {} } : run,
  );
  const bare = (part: readonly Run[]) => [{ text: part.map((run) => run.text).join(""), style: {} }];
  return shrink(lean, limit, size, splitRuns, bare).map(wrap);
}

/** Only these hold strings of any length. */
const isLong = (style: RunStyle): boolean =>
  style.url !== undefined || style.mention !== undefined || style.spoilerReason !== undefined;

/**
 * Cuts by the text's own length, and again with less where the size of a piece still is too much (markup and escapes take
 * room as well). A piece of which not even a few characters fit is made `bare`; a limit too small even for that is overrun.
 */
function shrink<T extends string | readonly Run[]>(
  whole: T,
  limit: Limit,
  size: (part: T) => number,
  cut: (part: T, max: number, unit: Unit) => T[],
  bare?: (part: T) => T,
): T[] {
  const pieces: T[] = [];
  const ahead: { readonly part: T; readonly max: number; readonly bare: boolean }[] = [
    { part: whole, max: Number.POSITIVE_INFINITY, bare: bare === undefined },
  ];
  for (let at = ahead.pop(); at !== undefined; at = ahead.pop()) {
    const { part } = at;
    const actual = size(part);
    if (actual <= limit.max) {
      pieces.push(part);
      continue;
    }
    const length = Math.min(at.max, textLength(part, limit.unit));
    const max = Math.min(length - 1, Math.floor((length * limit.max) / actual));
    if (max >= 4) {
      for (const piece of cut(part, max, limit.unit).toReversed()) ahead.push({ part: piece, max, bare: at.bare });
    } else if (!at.bare && bare) {
      ahead.push({ part: bare(part), max: Number.POSITIVE_INFINITY, bare: true });
    } else {
      pieces.push(part);
    }
  }
  return pieces;
}

const textLength = (part: string | readonly Run[], unit: Unit): number =>
  typeof part === "string" ? measure(part, unit) : part.reduce((sum, run) => sum + measure(run.text, unit), 0);
