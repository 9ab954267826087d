/**
 * Whom a name could be taken for, and what people are called across the bridge so that nobody passes for somebody else. Pure:
 * who else is there is passed in. Two names are the same to a reader when their skeletons are equal.
 */
import unhomoglyph from "unhomoglyph";

// What deceives in practice and the library leaves alone: Cyrillic, Greek and Armenian letters by the Latin one they pass for.
const twins: Readonly<Record<string, string>> = {
  a: "аɑα",
  b: "ЬƅВβ",
  c: "сϲⅽ",
  d: "ԁⅾ",
  e: "еєεҽ",
  g: "ɡց",
  h: "һհΗ",
  i: "іıɩιӏ",
  j: "јϳ",
  k: "кκ",
  l: "ⅼ|ǀ",
  m: "мⅿ",
  n: "ոпη",
  o: "оοօσ",
  p: "рρ",
  q: "ԛգ",
  r: "гᴦ",
  s: "ѕꜱ",
  t: "тτ",
  u: "υսц",
  v: "νѵⅴ",
  w: "ԝѡω",
  x: "хχⅹ",
  y: "уγү",
  z: "ᴢζ",
};

const latin: ReadonlyMap<string, string> = new Map(
  Object.entries(twins).flatMap(([letter, others]) =>
    [...others].flatMap((other) => [[other, letter] as const, [other.toLowerCase(), letter] as const]),
  ),
);

/** Accents, zero-width signs and all else that takes no room of its own; unassigned and private signs are seen as boxes. */
const unseen = /[\p{M}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** The name in the Latin letters that it looks like, lower case, without accents: what an ASCII nick may be mistaken for. */
export function latinLook(name: string): string {
  const plain = name.normalize("NFKD").replace(unseen, "").toLowerCase();
  return Array.from(plain, (char) => latin.get(char) ?? char).join("");
}

/**
 * Equal for names that a reader would take for the same: Unicode's confusable letters, width, case, accents, spaces and unseen
 * signs apart, 0 as o, 1 and i as l. Only to compare, never to show.
 */
export function skeleton(name: string): string {
  // capitals first: lower case hides what an Eta or a Cyrillic Be looks like
  const capitals = name.normalize("NFKD").replace(/\p{Lu}/gu, unhomoglyph);
  return unhomoglyph(latinLook(unhomoglyph(latinLook(capitals))))
    .toLowerCase()
    .replace(/[\s_.\-·•]/gu, "")
    .replaceAll("0", "o")
    .replace(/[1i]/gu, "l");
}

/** Whether anything of it can be seen. */
export const isVisible = (name: string): boolean => name.replace(unseen, "").trim() !== "";

/** Signs that turn the reading direction, and control bytes: they could move or hide the mark behind a name. */
const turning = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** What of a name is shown at most, in graphemes: the mark behind it must stay in sight. */
const nameMax = 48;

/** The name as it may be shown: nothing in it turns the line, and it ends somewhere; undefined when nothing is left to see. */
export function shownAs(name: string): string | undefined {
  const clean = name
    .slice(0, nameMax * 16)
    .toWellFormed()
    .replace(turning, "")
    .trim();
  if (!isVisible(clean)) return undefined;
  const pieces = Array.from(graphemes.segment(clean), ({ segment }) => segment);
  // a grapheme can carry any number of accents
  const cut = pieces.slice(0, nameMax).map((piece) => piece.slice(0, 12));
  return cut.join("").toWellFormed();
}

/** Names that only the bridge may have, whatever its bot is called. */
const reservedLooks = new Set(["system", "server", "bridge", "trestle"].map(skeleton));

/** What marks a name, said by its bearer: `(@somebody:server)`, `[via somebody]`. */
const claimsMark = /@[^\s:@]+:|\[\s*via\b/iu;

/** Whether nobody but the bridge may be called so; `bots` are the names of its bot. */
export function isReserved(name: string, bots: readonly string[]): boolean {
  if (!isVisible(name)) return true;
  const look = skeleton(name);
  return reservedLooks.has(look) || bots.some((bot) => skeleton(bot) === look);
}

/** Somebody of Matrix as others would see him, before anybody else is asked. */
export interface Bearer {
  readonly userId: string;
  /** As he calls himself here; hostile. */
  readonly name: string;
  /** What he says to be for this one message (MSC4144); hostile. */
  readonly persona?: string;
}

/** Whether the skeleton is somebody else's who could be meant. */
export type IsTaken = (look: string) => boolean;

/**
 * What a person is called over there: his name, with his address behind it when it looks like somebody else's, is the
 * bridge's, or reads like a mark itself. A persona is shown as such, and through whom, as soon as it could mislead.
 */
export function nameOver({ userId, name, persona }: Bearer, bots: readonly string[], taken: IsTaken): string {
  const own = shownAs(name) ?? localpartOf(userId);
  const misleads = (said: string) =>
    claimsMark.test(said.normalize("NFKC").replace(unseen, "").replaceAll(userId, "")) ||
    isReserved(said, bots) ||
    taken(skeleton(said));
  const shown = persona === undefined ? undefined : shownAs(persona);
  if (shown !== undefined) return misleads(shown) ? `${shown} [via ${userId}]` : shown;
  return misleads(own) ? `${own} (${userId})` : own;
}

/** A shown name without the mark that `nameOver` may have put behind it. */
export function withoutMark(shown: string, userId: string): string {
  for (const mark of [` (${userId})`, ` [via ${userId}]`])
    if (shown.endsWith(mark)) return shown.slice(0, -mark.length);
  return shown;
}

export function localpartOf(userId: string): string {
  const end = userId.indexOf(":");
  return userId.slice(1, end === -1 ? undefined : end);
}
