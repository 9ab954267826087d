/**
 * Cuts styled lines into wire lines of at most so many bytes, codes included: at a space, else between graphemes; each wire
 * line opens and closes its own formatting. It knows no documents: layout.ts made the lines.
 */

import { closingCode, codesBetween, plainStyle, sameWireStyle, type WireStyle } from "./format-codes.ts";
import { byteLength, graphemesOf, isVisible } from "./harmless-text.ts";

/** A stretch under one style. The text is harmless and of one line. */
export interface WireRun {
  readonly text: string;
  readonly style: WireStyle;
}

/** One line as it would be on endless paper. `first` stands before it, `rest` before each of its continuations. */
export interface StyledLine {
  readonly first: string;
  readonly rest: string;
  readonly runs: readonly WireRun[];
}

export interface WrapLimit {
  /** Bytes of one wire line. */
  readonly max: number;
  readonly partsMax: number;
}

/** A grapheme with its style, or a code point of one that is too large for a line. */
interface Atom {
  readonly text: string;
  readonly style: WireStyle;
}

/** At most `partsMax` lines; the last says how much was left out. Never an empty line. */
export function wrapLines(lines: readonly StyledLine[], { max, partsMax }: WrapLimit): string[] {
  const wrapped: string[] = [];
  const paper = openPaper(lines);
  while (wrapped.length < partsMax - 1) {
    const line = paper.take(max);
    if (line === undefined) return wrapped;
    wrapped.push(line);
  }
  if (partsMax < 1) return wrapped;
  const last = paper.fork();
  const line = last.take(max);
  if (line === undefined) return wrapped;
  if (last.left() === 0) return [...wrapped, line];
  // The note grows with the number in it, so room is kept for the largest it can be.
  const room = leftOutNotes(paper.left()).find((note) => byteLength(note) <= max / 2) ?? "";
  const head = paper.take(max - byteLength(room)) ?? "";
  const note = leftOutNotes(paper.left()).find((one) => byteLength(one) <= byteLength(room)) ?? "";
  return head + note === "" ? wrapped : [...wrapped, head + note];
}

const leftOutNotes = (characters: number): readonly string[] => [
  ` … [${characters} more characters left out]`,
  ` … [+${characters}]`,
  "…",
];

interface Paper {
  /** The next wire line, or undefined at the end. */
  take(max: number): string | undefined;
  /** Visible characters not taken yet. */
  left(): number;
  fork(): Paper;
}

interface Place {
  readonly line: number;
  readonly from: number;
  readonly atoms: Atoms;
}

function openPaper(lines: readonly StyledLine[], start?: Place): Paper {
  let { line, from, atoms } = start ?? { line: 0, from: 0, atoms: createAtoms(lines[0]?.runs ?? []) };
  const skipSpaces = () => {
    while (atoms.at(from)?.text === " ") from += 1;
  };
  const take = (max: number): string | undefined => {
    for (let styled = lines[line]; styled !== undefined; styled = lines[line]) {
      if (atoms.at(from) === undefined) {
        line += 1;
        from = 0;
        atoms = createAtoms(lines[line]?.runs ?? []);
        continue;
      }
      const whole = from === 0 ? wholeLine(styled, max) : undefined;
      if (whole !== undefined) {
        line += 1;
        atoms = createAtoms(lines[line]?.runs ?? []);
        return whole;
      }
      const prefix = from === 0 ? styled.first : styled.rest;
      const cut = cutOne(atoms, from, byteLength(prefix) * 2 > max ? "" : prefix, max);
      from = cut.end;
      // A space at the cut is what the line break stands for.
      skipSpaces();
      if (cut.text !== "") return cut.text;
    }
    return undefined;
  };
  return {
    take,
    left: () => charactersFrom(lines, { line, from, atoms }),
    fork: () => openPaper(lines, { line, from, atoms }),
  };
}

// What was taken is short, what is left may be long: so the whole is counted and the taken part subtracted.
function charactersFrom(lines: readonly StyledLine[], { line, from, atoms }: Place): number {
  let count = 0;
  for (const { runs } of lines.slice(line)) for (const { text } of runs) count += codePoints(text);
  for (let at = 0; at < from; at += 1) count -= codePoints(atoms.at(at)?.text ?? "");
  return count;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Most lines are short and plain: those need no looking at each grapheme. */
function wholeLine({ first, runs }: StyledLine, max: number): string | undefined {
  const [only] = runs;
  if (only === undefined || runs.length > 1 || !sameWireStyle(only.style, plainStyle)) return undefined;
  const text = first + only.text.trimEnd();
  return byteLength(text) <= max && byteLength(first) * 2 <= max ? text : undefined;
}

interface Atoms {
  at(index: number): Atom | undefined;
  /** Takes an atom apart into code points; false when it is one already. */
  breakUp(index: number): boolean;
  replace(index: number, atom: Atom): void;
}

/** Atoms on demand: of a text of which five lines fit, no more than those are looked at. */
function createAtoms(runs: readonly WireRun[]): Atoms {
  const known: Atom[] = [];
  const source = atomsOf(runs);
  return {
    at(index) {
      while (known.length <= index) {
        const { done, value } = source.next();
        if (done) return undefined;
        known.push(value);
      }
      return known[index];
    },
    breakUp(index) {
      const atom = known[index];
      const points = [...(atom?.text ?? "")];
      if (atom === undefined || points.length < 2) return false;
      known.splice(index, 1, ...points.map((text) => ({ text, style: atom.style })));
      return true;
    },
    replace(index, atom) {
      known[index] = atom;
    },
  };
}

function* atomsOf(runs: readonly WireRun[]): Generator<Atom, undefined> {
  for (const { text, style } of runs) {
    // ASCII needs no segmenting, and is most of what is said.
    const parts = /^[\x20-\x7e]*$/.test(text) ? text : graphemesOf(text);
    for (const part of parts) yield { text: part, style };
  }
  return undefined;
}

/** One wire line from atom `from` on; `end` is the first atom not in it, always past `from`. */
function cutOne(atoms: Atoms, from: number, prefix: string, max: number): { text: string; end: number } {
  let size = byteLength(prefix);
  let style = plainStyle;
  let at = from;
  let space = -1;
  for (let atom = atoms.at(at); atom !== undefined; atom = atoms.at(at)) {
    // Codes are ASCII, and so are most characters.
    size += codesBetween(style, atom.style, atom.text).length;
    size += atom.text.length === 1 && atom.text < "\u0080" ? 1 : byteLength(atom.text);
    if (size + closingCode(atom.style).length > max) {
      if (atom.text === " ") break;
      if (space > from) return { text: draw(atoms, from, space, prefix), end: space };
      if (at > from) break;
      // Not even one fits: in pieces, without its style, without the prefix, as a question mark, not at all.
      if (atoms.breakUp(from)) return cutOne(atoms, from, prefix, max);
      if (!sameWireStyle(atom.style, plainStyle)) {
        atoms.replace(from, { text: atom.text, style: plainStyle });
        return cutOne(atoms, from, prefix, max);
      }
      if (prefix !== "") return cutOne(atoms, from, "", max);
      return { text: max < 1 ? "" : "?", end: from + 1 };
    }
    if (atom.text === " ") space = at;
    style = atom.style;
    at += 1;
  }
  return { text: draw(atoms, from, at, prefix), end: at };
}

/** The line itself; "" when nobody would see anything in it. */
function draw(atoms: Atoms, from: number, to: number, prefix: string): string {
  let end = to;
  while (end > from && atoms.at(end - 1)?.text === " ") end -= 1;
  let text = prefix;
  let shown = "";
  let style = plainStyle;
  for (let at = from; at < end; at += 1) {
    const atom = atoms.at(at);
    if (atom === undefined) break;
    text += codesBetween(style, atom.style, atom.text) + atom.text;
    shown += atom.text;
    style = atom.style;
  }
  return isVisible(shown) ? text + closingCode(style) : "";
}
