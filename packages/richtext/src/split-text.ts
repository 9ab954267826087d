/**
 * Cuts text and runs to a limit in bytes, UTF-16 units or code points: at white space, else between graphemes, and inside a
 * grapheme (never inside a code point) only if it alone is too long. Linear in the text: graphemes are looked for only at cuts.
 */
import type { Run, RunStyle } from "./runs.ts";
import { normalRuns } from "./runs.ts";

/** What a limit counts. */
export type Unit = "bytes" | "utf16" | "code-points";

/** Length of a text in UTF-8 bytes (a lone surrogate counts as the U+FFFD that is sent for it), UTF-16 units or code points. */
export function measure(text: string, unit: Unit): number {
  if (unit === "utf16") return text.length;
  if (unit === "bytes") return Buffer.byteLength(text);
  let points = 0;
  for (let at = 0; at < text.length; at += pointLength(text, at)) points += 1;
  return points;
}

/** Pieces of at most `max`. White space at a cut is dropped; a text that fits is one piece as it is; the empty text is none. */
export function splitText(text: string, max: number, unit: Unit): string[] {
  return splitRuns([{ text, style: {} }], max, unit).map((runs) => runs.map((run) => run.text).join(""));
}

/**
 * Lines of runs of at most `max` each, every run counted as its text and `cost(style)`: what it adds to a line to switch this
 * style on and off again. A style so costly that no text would fit beside it is dropped. A mention is cut only if it alone is
 * too long, and only its first piece stays a mention. `max` is at least 4 (one code point must fit).
 */
export function splitRuns(
  runs: readonly Run[],
  max: number,
  unit: Unit,
  cost: (style: RunStyle) => number = () => 0,
): Run[][] {
  const limit = Math.max(4, Math.floor(max));
  const flow = createFlow(runs, limit, cost);
  const lines: Run[][] = [];
  let from = 0;
  while (from < flow.text.length) {
    const fits = furthest(flow, from, limit, unit);
    if (fits === flow.text.length) {
      if (lines.length === 0 || flow.text.slice(from).trim() !== "") lines.push(slice(flow, from, fits));
      break;
    }
    const { end, next } = cut(flow, from, fits);
    if (end > from) lines.push(slice(flow, from, end));
    from = next;
  }
  return lines.filter((line) => line.length > 0);
}

/** The runs as one text, with where each run starts. */
interface Flow {
  readonly text: string;
  readonly runs: readonly Run[];
  readonly starts: readonly number[];
  readonly costs: readonly number[];
}

function createFlow(runs: readonly Run[], limit: number, cost: (style: RunStyle) => number): Flow {
  const affordable = runs.map((run) => (cost(run.style) + 4 > limit ? { text: run.text, style: {} } : run));
  const normal = normalRuns(affordable);
  const starts: number[] = [];
  let start = 0;
  for (const run of normal) {
    starts.push(start);
    start += run.text.length;
  }
  return {
    text: normal.map((run) => run.text).join(""),
    runs: normal,
    starts,
    costs: normal.map((run) => (cost(run.style) + 4 > limit ? 0 : cost(run.style))),
  };
}

/** How far a line that starts at `from` can reach: the end of the last code point that fits, and at least one. */
function furthest(flow: Flow, from: number, max: number, unit: Unit): number {
  let index = runAt(flow, from);
  let used = flow.costs[index] ?? 0;
  let at = from;
  while (at < flow.text.length) {
    const next = flow.starts[index + 1];
    if (next !== undefined && at >= next) {
      index += 1;
      used += flow.costs[index] ?? 0;
    }
    const length = pointLength(flow.text, at);
    used += unit === "bytes" ? pointBytes(flow.text, at, length) : unit === "utf16" ? length : 1;
    if (used > max && at > from) return at;
    at += length;
  }
  return at;
}

/** Where the line ends, and where the next one starts once the white space between them is dropped. */
function cut(flow: Flow, from: number, fits: number): { readonly end: number; readonly next: number } {
  const space = lastSpace(flow, from, fits);
  const at = space ?? outsideMention(flow, from, graphemeBoundary(flow.text, from, fits));
  let end = at;
  while (end > from && isSpace(flow.text, end - 1)) end -= 1;
  let next = at;
  while (next < flow.text.length && isSpace(flow.text, next)) next += 1;
  return { end, next: Math.max(next, from + 1) };
}

/** The white space to cut at: the last line break if it lies in the second half, else the last space. */
function lastSpace(flow: Flow, from: number, fits: number): number | undefined {
  let found: number | undefined;
  const half = from + (fits - from) / 2;
  for (let at = fits; at > from; at -= 1) {
    if (!isSpace(flow.text, at) || joinsBackwards(flow.text, at + 1) || insideMention(flow, at)) continue;
    if (flow.text[at] === "\n" && at >= half) return at;
    found ??= at;
    if (at < half) break;
  }
  return found;
}

function insideMention(flow: Flow, at: number): boolean {
  const index = runAt(flow, at);
  const run = flow.runs[index];
  return run?.style.mention !== undefined && run.text.length > 1 && at > (flow.starts[index] as number);
}

/** The start of the mention that `at` would cut, unless the line begins with it. */
function outsideMention(flow: Flow, from: number, at: number): number {
  if (!insideMention(flow, at)) return at;
  const start = flow.starts[runAt(flow, at)] as number;
  return start > from ? start : at;
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const lookBack = 2048;

/** The last boundary between graphemes at or before `at`; `at` itself when one grapheme fills the whole line. */
function graphemeBoundary(text: string, from: number, at: number): number {
  if (isPlain(text, at - 1) && isPlain(text, at)) return at;
  let start = Math.max(from, at - lookBack);
  if (start > from && isLowSurrogate(text, start)) start += 1;
  const segment = graphemes.segment(text.slice(start, at + 2)).containing(at - start);
  const boundary = segment === undefined ? at : start + segment.index;
  return boundary > from && (boundary > start || start === from) ? boundary : at;
}

/** Two printable ASCII characters next to each other are always two graphemes. */
function isPlain(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0x20 && unit < 0x7f;
}

function slice(flow: Flow, from: number, to: number): Run[] {
  const runs: Run[] = [];
  for (let index = runAt(flow, from); index < flow.runs.length; index += 1) {
    const start = flow.starts[index] as number;
    if (start >= to) break;
    const run = flow.runs[index] as Run;
    const text = run.text.slice(Math.max(0, from - start), to - start);
    const { mention: _, ...rest } = run.style;
    if (text !== "") runs.push({ text, style: from > start ? rest : run.style });
  }
  return runs;
}

/** Index of the run that holds position `at`. */
function runAt(flow: Flow, at: number): number {
  let low = 0;
  let high = flow.starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((flow.starts[middle] as number) <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

const spaces = /[\t\n\v\f\r \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]/;
const isSpace = (text: string, at: number): boolean => at < text.length && spaces.test(text[at] as string);

/** What stands here belongs to the character before it, so that character is no space to cut at. */
const joinsBackwards = (text: string, at: number): boolean =>
  at < text.length && !isPlain(text, at) && /^[\p{M}\u200d]/u.test(text.slice(at, at + 2));

const isLowSurrogate = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xdc00;

function pointLength(text: string, at: number): 1 | 2 {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 && isLowSurrogate(text, at + 1) ? 2 : 1;
}

function pointBytes(text: string, at: number, length: 1 | 2): number {
  if (length === 2) return 4;
  const unit = text.charCodeAt(at);
  return unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
}
