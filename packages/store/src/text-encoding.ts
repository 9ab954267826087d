/**
 * Text as any database can keep it. PostgreSQL refuses NUL, and lone surrogates would silently become U+FFFD (two ids that
 * differ would be one), so both are written with a mark (a code point that no text uses); everything else stays as it is.
 */
const mark = "\ufdd0";

/** The stored form of any JavaScript string; the same string where nothing needs a mark. */
export function encodeText(text: string): string {
  if (!text.includes("\0") && !text.includes(mark) && text.isWellFormed()) return text;
  return text
    .replaceAll(mark, `${mark}1`)
    .replaceAll("\0", `${mark}0`)
    .replace(/\p{Cs}/gu, (half) => `${mark}${half.charCodeAt(0).toString(16)}`);
}

/** The way back. */
export function decodeText(stored: string): string {
  if (!stored.includes(mark)) return stored;
  return stored.replace(/\ufdd0(0|1|d[89a-f][0-9a-f]{2})/g, (_all, code: string) => {
    if (code === "0") return "\0";
    return code === "1" ? mark : String.fromCharCode(Number.parseInt(code, 16));
  });
}
