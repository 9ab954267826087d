/**
 * What an edit changed, in one short line: IRC cannot change what was said. Pure, in bounded time. Whoever wants the whole text with its
 * formatting instead prints it himself (outbound.ts).
 */
import { diffWordsWithSpace } from "diff";
import { harmlessText } from "./harmless-text.ts";

/** Longer texts are not compared. */
const lengthMax = 2_000;
/** Shorter texts are said again: that is as short, and easier to read. */
const lengthMin = 20;
const changesMax = 3;
const contextWords = 2;
/** Words added or removed before the comparison gives up; bounds its time. */
const editLengthMax = 40;

/** Stands before a text that was said again in full. */
export const editedMark = "(edited) ";

/** The edit as a line: the difference where that is shorter, else the whole new text, marked. */
export function describeEdit(before: string | undefined, after: string): string {
  return diffEdit(before, after) ?? `${editedMark}${oneLine(after)}`;
}

/** `* meet at [noon → one] tomorrow`; undefined when the edit cannot be said shorter than by its whole text. */
export function diffEdit(before: string | undefined, after: string): string | undefined {
  if (before === undefined || before.length > lengthMax || after.length > lengthMax) return undefined;
  const [old, now] = [oneLine(before), oneLine(after)];
  if (old === now || now.length < lengthMin) return undefined;
  const pieces = piecesOf(old, now);
  if (pieces === undefined || pieces.filter(isChange).length > changesMax) return undefined;
  const line = `* ${pieces.map(draw).join("").trim()}`;
  return line.length < editedMark.length + now.length ? line : undefined;
}

interface Change {
  readonly removed: string;
  readonly added: string;
}

type Piece = { readonly kept: string; readonly place: "start" | "middle" | "end" } | Change;

const isChange = (piece: Piece): piece is Change => "added" in piece;

/** Kept and changed stretches in turn; changes with nothing but a space between them are one. */
function piecesOf(old: string, now: string): readonly Piece[] | undefined {
  const steps = diffWordsWithSpace(old, now, { maxEditLength: editLengthMax });
  if (steps === undefined) return undefined;
  const pieces: Piece[] = [];
  for (const [index, { value, added, removed }] of steps.entries()) {
    const last = pieces.at(-1);
    const isLast = index === steps.length - 1;
    if (!added && !removed && (last === undefined || isLast || value.trim() !== "")) {
      pieces.push({ kept: value, place: last === undefined ? "start" : isLast ? "end" : "middle" });
      continue;
    }
    const change = last !== undefined && isChange(last) ? (pieces.pop() as Change) : { removed: "", added: "" };
    pieces.push({
      removed: change.removed + (added ? "" : value),
      added: change.added + (removed ? "" : value),
    });
  }
  return pieces;
}

function draw(piece: Piece): string {
  if (!isChange(piece)) return context(piece.kept, piece.place);
  const [old, now] = [piece.removed.trim(), piece.added.trim()];
  // The spaces of the new text stand outside of the brackets.
  const shape = now === "" ? piece.removed : piece.added;
  const [lead, trail] = [/^\s/.test(shape) ? " " : "", /\s$/.test(shape) ? " " : ""];
  if (old === now) return piece.added;
  if (old === "") return `${lead}[+${now}]${trail}`;
  return now === "" ? `${lead}[-${old}]${trail}` : `${lead}[${old} → ${now}]${trail}`;
}

/** The words next to a change; what lies further off is "…". */
function context(kept: string, place: "start" | "middle" | "end"): string {
  const words = kept.match(/\s*\S+\s*$|\s*\S+|\s+/gu) ?? [];
  const [left, right] = [place === "start" ? 0 : contextWords, place === "end" ? 0 : contextWords];
  if (words.length <= left + right + 1) return kept;
  return [...words.slice(0, left), " …", ...words.slice(words.length - right)].join("");
}

function oneLine(text: string): string {
  return harmlessText(text).replace(/\s+/gu, " ").trim();
}
