/**
 * Which names look the same to a reader: letters of other scripts, accents, width and case apart. A small table of what is used to
 * deceive in practice, not all of Unicode's confusables. It compares names and decides nothing.
 */

// Cyrillic and Greek letters, and signs, by the Latin letter they are mistaken for.
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

/** The name in the Latin letters that it looks like, lower case, without accents: what an ASCII nick may be mistaken for. */
export function latinLook(name: string): string {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return Array.from(plain, (char) => latin.get(char) ?? char).join("");
}

/** Equal for names that a reader would take for the same: as `latinLook`, and without spaces, 0 as o, 1 and i as l. */
export function skeleton(name: string): string {
  return latinLook(name)
    .replace(/[\s_.-]/gu, "")
    .replaceAll("0", "o")
    .replace(/[1i]/g, "l");
}
