/** The Range header of a request, as far as we serve it: one range (RFC 9110 section 14). */

export type Range =
  /** No range, or one that is to be ignored: the whole. */
  | { readonly kind: "whole" }
  /** Both ends included. */
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  | { readonly kind: "refused" };

const whole: Range = { kind: "whole" };
const refused: Range = { kind: "refused" };

/** Without a known length the whole is given, which every client has to take. Several ranges at once are refused. */
export function rangeOf(header: string | undefined, byteLength: number | undefined): Range {
  if (header === undefined || byteLength === undefined) return whole;
  if (header.length > 100) return refused;
  const set = /^bytes=(.*)$/i.exec(header.trim())?.[1];
  if (set === undefined) return whole;
  if (set.includes(",")) return refused;
  const [, from, to] = /^\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/.exec(set) ?? [];
  if (from === undefined || to === undefined || (from === "" && to === "")) return whole;
  if (from === "") {
    const last = Math.min(Number(to), byteLength);
    return last === 0 ? refused : { kind: "part", first: byteLength - last, last: byteLength - 1 };
  }
  const first = Number(from);
  if (to !== "" && Number(to) < first) return whole;
  if (first >= byteLength) return refused;
  return { kind: "part", first, last: to === "" ? byteLength - 1 : Math.min(Number(to), byteLength - 1) };
}

/** The bytes from `first` to `last` of a stream. */
export async function* sliceOf(
  bytes: AsyncIterable<Uint8Array>,
  first: number,
  last: number,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const piece of bytes) {
    const start = Math.max(0, first - at);
    const end = Math.min(piece.length, last + 1 - at);
    at += piece.length;
    if (end > start) yield piece.subarray(start, end);
    if (at > last) return;
  }
}
