/**
 * Finds addresses and names in plain text: IRC has neither links nor mentions, only words. Linear in the text's length. Who
 * is somebody is the Lookup's knowledge.
 */
import type { Lookup } from "@trestle/core";
import type { Mention } from "@trestle/richtext";

/** From `start` up to but not including `end`, in UTF-16 units. */
export type TextReference =
  | LinkReference
  | { readonly kind: "mention"; readonly start: number; readonly end: number; readonly mention: Mention };

type LinkReference = { readonly kind: "link"; readonly start: number; readonly end: number; readonly url: string };

/** A line that calls more people than this calls nobody else: mass highlights are an abuse of old. */
export const mentionsMax = 5;
/** Shorter nicks are words more often than names; they count only where one addresses somebody. */
const nickLengthMin = 3;
/** Words that are looked up in one line: bounds the work, and no line of IRC has that many. */
const lookupsMax = 400;
const urlLengthMax = 2048;

/** A stretch of a line under one format. */
export interface Stretch {
  readonly text: string;
  readonly isCode: boolean;
}

/**
 * Addresses and mentions of a line in reading order, none overlapping another, each within one stretch: an address ends where the
 * format changes (what follows it is often said about it), and who is called in two halves is not called. Code calls nobody.
 */
export function findReferences(line: readonly Stretch[], lookup: Lookup): TextReference[] {
  const links: LinkReference[] = [];
  const inside: { readonly start: number; readonly end: number }[] = [];
  let offset = 0;
  for (const { text, isCode } of line) {
    // The same address twice without a space between would become one link with both as its label.
    const last = links.at(-1);
    const found = isCode ? [] : findLinks(text, offset);
    links.push(...found.filter(({ url, start }) => start !== last?.end || url !== last.url));
    if (!isCode) inside.push({ start: offset, end: offset + text.length });
    offset += text.length;
  }
  const whole = line.map(({ text }) => text).join("");
  const mentions = findMentions(whole, lookup, links).filter(({ start, end }) =>
    inside.some((stretch) => stretch.start <= start && end <= stretch.end),
  );
  return [...links, ...mentions.slice(0, mentionsMax)].sort((a, b) => a.start - b.start);
}

const address = /\b(?:(?:https?|ftps?|ircs?|gemini|gopher):\/\/|mailto:|magnet:\?|xmpp:)[^\s<>"`{}|\\^]{1,2048}/giu;

function findLinks(text: string, offset: number): LinkReference[] {
  const links: LinkReference[] = [];
  for (const match of text.matchAll(address)) {
    const url = withoutTail(match[0]);
    if (url.length > urlLengthMax || !/^[a-z]+:(?:\/\/[^/?#]|[^/])/i.test(url)) continue;
    const start = offset + match.index;
    links.push({ kind: "link", start, end: start + url.length, url });
  }
  return links;
}

const closing: Readonly<Record<string, string>> = { ")": "(", "]": "[" };

/** Without the punctuation of the sentence around it: a bracket belongs to the address only if it was opened in it. */
function withoutTail(found: string): string {
  let end = found.length;
  const open: Record<string, number> = {};
  for (const char of found) if ("()[]".includes(char)) open[char] = (open[char] ?? 0) + 1;
  for (; end > 0; end -= 1) {
    const last = found[end - 1] ?? "";
    if (/[.,:;!?'*_~]/.test(last)) continue;
    const opener = closing[last];
    if (opener === undefined || (open[last] ?? 0) <= (open[opener] ?? 0)) break;
    open[last] = (open[last] ?? 0) - 1;
  }
  return found.slice(0, end);
}

// What nicks are made of (RFC 2812 2.3.1), letters of all scripts, and the separator of relayed nicks.
const word = /[\p{L}\p{N}\p{M}_\-[\]\\`^{}|/]+/gu;

function findMentions(text: string, lookup: Lookup, links: readonly TextReference[]): TextReference[] {
  const mentions: TextReference[] = [];
  let lookups = 0;
  let nextLink = 0;
  for (const match of text.matchAll(word)) {
    if (lookups >= lookupsMax) break;
    while ((links[nextLink]?.end ?? Number.POSITIVE_INFINITY) <= match.index) nextLink += 1;
    if ((links[nextLink]?.start ?? Number.POSITIVE_INFINITY) < match.index + match[0].length) continue;
    for (const { start, name } of candidates(match[0], match.index)) {
      if (!mayBeName(text, start, name)) continue;
      lookups += 1;
      const mention = lookup.findByName(name);
      if (mention === undefined) continue;
      // An @ before it is a part of how people call somebody.
      const at = text[start - 1] === "@" ? start - 1 : start;
      mentions.push({ kind: "mention", start: at, end: start + name.length, mention });
      break;
    }
  }
  return mentions;
}

/** The word as it stands, and without what may be punctuation around a name: `[alice]`, `alice-`. */
function candidates(found: string, index: number): readonly { readonly start: number; readonly name: string }[] {
  const head = found.search(/[^[\]\\`^{}|/_-]/u);
  if (head === -1) return [{ start: index, name: found }];
  const bare = found.slice(head).replace(/[[\]\\`^{}|/_-]+$/u, "");
  return bare === found
    ? [{ start: index, name: found }]
    : [
        { start: index, name: found },
        { start: index + head, name: bare },
      ];
}

function mayBeName(text: string, start: number, name: string): boolean {
  const before = text[start - 1];
  const after = text[start + name.length];
  // In `a@alice`, `alice.example`, `#alice` and `alice's-host:8080` no one is called.
  if (before !== undefined && /[#&.:]/.test(before) && !/\s/.test(text[start - 2] ?? " ")) return false;
  if (before === "#" || before === "&") return false;
  if (before === "@" && !/^[\s(]?$/.test(text[start - 2] ?? "")) return false;
  if ((after === "." || after === "@" || after === ":") && /[\p{L}\p{N}]/u.test(text[start + name.length + 1] ?? "")) {
    return false;
  }
  if (name.length >= nickLengthMin) return true;
  return start === 0 && (after === ":" || after === ",");
}
