/**
 * Matrix identifiers as mentions: from matrix.to links and matrix: URIs, from `m.mentions`, and back into a pill's address.
 * What does not look like an identifier is no mention. https://spec.matrix.org/v1.16/appendices/#matrixto-navigation
 */
import type { Lookup } from "@trestle/core";
import type { Mention, Run } from "@trestle/richtext";

/** People that one message can ping; the pills of the others stay, silent. */
export const pingsMax = 20;

const server = String.raw`(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?`;
const userPattern = new RegExp(String.raw`^@[\x21-\x39\x3b-\x7e]*:${server}$`);
const aliasPattern = new RegExp(String.raw`^#[^\s:\p{Cc}\p{Cf}]+:${server}$`, "u");
const roomPattern = /^![\x21-\x7e]+$/;
const eventPattern = /^\$[\x21-\x7e]+$/;

const fits = (id: string): boolean => id.length <= 255 && Buffer.byteLength(id) <= 255;

/** Whether this mention names a Matrix user, room or event by an id that can exist. */
export function isMatrixMention(mention: Mention): boolean {
  if (mention.side !== "matrix" || !fits(mention.id)) return false;
  switch (mention.what) {
    case "user":
      return userPattern.test(mention.id);
    case "room":
      return isRoom(mention.id);
    case "message":
      return eventPattern.test(mention.id) && mention.room !== undefined && isRoom(mention.room);
    case "everyone":
      return true;
  }
}

const isRoom = (id: string): boolean => fits(id) && (roomPattern.test(id) || aliasPattern.test(id));

/** The address of a pill; the mention must be one that `isMatrixMention` accepts. */
export function pillUrl(mention: Mention): string {
  const path = mention.what === "message" ? [mention.room ?? "", mention.id] : [mention.id];
  return `https://matrix.to/#/${path.map(encodeId).join("/")}`;
}

const encodeId = (id: string): string =>
  encodeURIComponent(id).replace(/%(?:40|3A|24|21)/g, (code) => decodeURIComponent(code));

/** What a link points at inside Matrix, or nothing (then it is an ordinary link, or none). */
export function mentionOfUrl(url: string): Mention | undefined {
  const trimmed = url.trim();
  if (trimmed.length > 2048) return undefined;
  const navigation = /^https?:\/\/(?:www\.)?matrix\.to\/#\/([^?]*)/i.exec(trimmed);
  const path = navigation ? (navigation[1] as string).split("/") : pathOfUri(trimmed);
  const [target, event, ...more] = (path ?? []).map(decoded);
  if (target === undefined || more.some((rest) => rest !== "")) return undefined;
  const mention = mentionOfIds(target, event === "" ? undefined : event);
  return mention !== undefined && isMatrixMention(mention) ? mention : undefined;
}

function mentionOfIds(target: string, event: string | undefined): Mention | undefined {
  if (event !== undefined) return { side: "matrix", what: "message", id: event, room: target };
  if (target.startsWith("@")) return { side: "matrix", what: "user", id: target };
  if (target.startsWith("#") || target.startsWith("!")) return { side: "matrix", what: "room", id: target };
  return undefined;
}

/** `matrix:u/alice:example.org`, `matrix:r/alias:example.org/e/event`: identifiers with their sigils put back. */
function pathOfUri(url: string): string[] | undefined {
  const found = /^matrix:(?:\/\/[^/]*\/)?([^?#]*)/i.exec(url);
  if (!found) return undefined;
  const [kind, id, eventKind, event, ...more] = (found[1] as string).split("/");
  const sigils: Readonly<Record<string, string>> = { u: "@", user: "@", r: "%23", room: "%23", roomid: "!" };
  const sigil = Object.hasOwn(sigils, kind ?? "") ? sigils[kind ?? ""] : undefined;
  if (sigil === undefined || !id || more.length > 0) return undefined;
  if (eventKind === undefined || eventKind === "") return [sigil + id];
  return (eventKind === "e" || eventKind === "event") && event ? [sigil + id, `$${event}`] : undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return " ";
  }
}

const named = 50;

/**
 * Makes mentions of the words by which a text names those in `m.mentions`: a user id or the user's name over there, and
 * `@room`. Words inside links, code and pills stay what they are; who has a pill already is not looked for.
 */
export function markMentions(
  mentions: { readonly userIds: readonly string[]; readonly room: boolean } | undefined,
  lookup: Lookup,
): (runs: readonly Run[], pilled?: ReadonlySet<string>) => Run[] {
  const words = new Map<string, Mention>();
  for (const id of (mentions?.userIds ?? []).slice(0, named)) {
    const mention: Mention = { side: "matrix", what: "user", id };
    if (!isMatrixMention(mention)) continue;
    for (const word of [id, lookup.nameOf(mention)]) {
      if (word !== undefined && word.trim() === word && word.length > 1 && !words.has(word)) words.set(word, mention);
    }
  }
  if (mentions?.room) words.set("@room", { side: "matrix", what: "everyone", id: "@room" });
  if (words.size === 0) return (runs) => [...runs];
  const longestFirst = [...words.keys()]
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_@])(?:${longestFirst.join("|")})(?![\\p{L}\\p{N}_])`, "gu");
  return (runs, pilled) => runs.flatMap((run) => markRun(run, pattern, words, pilled));
}

function markRun(
  run: Run,
  pattern: RegExp,
  words: ReadonlyMap<string, Mention>,
  pilled: ReadonlySet<string> | undefined,
): Run[] {
  if (run.style.url !== undefined || run.style.code || run.style.mention !== undefined) return [run];
  const parts: Run[] = [];
  let from = 0;
  for (const match of run.text.matchAll(pattern)) {
    const mention = words.get(match[0]);
    if (mention === undefined || pilled?.has(mention.id)) continue;
    parts.push({ text: run.text.slice(from, match.index), style: run.style });
    parts.push({ text: match[0], style: { ...run.style, mention } });
    from = match.index + match[0].length;
  }
  parts.push({ text: run.text.slice(from), style: run.style });
  return parts;
}
