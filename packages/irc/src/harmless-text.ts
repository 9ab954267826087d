/**
 * Makes hostile text harmless for IRC: what may stand in a line, what may stand in a name, and cuts by graphemes and bytes. It
 * knows no command and no format code: whoever wants formatting adds it afterwards.
 */

// Control characters, lone surrogates, marks that turn the reading direction, line separators and annotation anchors.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
const unwanted = /[\u0000-\u001f\u007f-\u009f\p{Cs}\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff\ufff9-\ufffb]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these become spaces
const spacing = /[\t\n\u000b\u000c\r\u0085\u2028\u2029]/u;

/** One line of text without control bytes, lone surrogates and direction overrides; breaks and tabs become spaces. */
export function harmlessText(text: string): string {
  return text.replace(unwanted, (found) => (spacing.test(found) ? " " : ""));
}

/** As `harmlessText`, and besides nothing invisible, no stacks of combining marks, spaces collapsed: for names. */
export function harmlessName(name: string): string {
  return harmlessText(name)
    .replace(/[\p{Cf}\p{DI}]/gu, "")
    .replace(/(\p{M}{3})\p{M}+/gu, "$1")
    .replace(/\s+/gu, " ")
    .trim();
}

/** Whether a reader would see anything at all. */
export function isVisible(text: string): boolean {
  return /[^\s\p{Cc}\p{Cf}\p{DI}]/u.test(text);
}

export function byteLength(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** What a reader takes for one character each, lazily: cutting the head off a long text costs only the head. */
export function* graphemesOf(text: string): Generator<string> {
  for (const { segment } of segmenter.segment(text)) yield segment;
}

/** The head that fits, cut between graphemes, with an ellipsis when something is missing. The ellipsis counts. */
export function cutText(text: string, limit: { readonly graphemes: number; readonly bytes: number }): string {
  const ellipsis = limit.bytes < 3 ? "" : "…";
  let whole = "";
  let cut = "";
  let count = 0;
  for (const grapheme of graphemesOf(text)) {
    count += 1;
    whole += grapheme;
    if (count > limit.graphemes || byteLength(whole) > limit.bytes) return `${cut.trimEnd()}${ellipsis}`;
    if (count < limit.graphemes + (ellipsis === "" ? 1 : 0) && byteLength(whole) + byteLength(ellipsis) <= limit.bytes)
      cut = whole;
  }
  return whole;
}

/** With a zero-width space behind the first character, so that no client and no other bridge takes it for a call. */
export function quiet(name: string): string {
  const [first = ""] = graphemesOf(name);
  return `${first}\u200b${name.slice(first.length)}`;
}
