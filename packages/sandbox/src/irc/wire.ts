/**
 * The bytes of the IRC protocol: parsing a line, cutting one, folding names. Inside the sandbox every string holds one byte
 * per character (latin1), so a length is a byte length and invalid UTF-8 passes through unharmed; `toWire` and `fromWire`
 * stand at the edge. It knows no user and no channel.
 */

/** A parsed line; `tags` is the raw text after `@`, or empty. */
export interface Line {
  readonly tags: string;
  readonly command: string;
  readonly params: readonly string[];
}

const nonAscii = /[^\0-\x7f]/u;

/** Text of a person as one character per UTF-8 byte. */
export const toWire = (text: string): string =>
  nonAscii.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;

/** The way back; invalid UTF-8 becomes U+FFFD. */
export const fromWire = (wire: string): string =>
  nonAscii.test(wire) ? Buffer.from(wire, "latin1").toString("utf8") : wire;

/** Parses a line without its line end. With `withTags` false a tagged line is an unknown command, as on ngircd. */
export function parseLine(text: string, withTags: boolean): Line | undefined {
  let at = 0;
  let tags = "";
  if (withTags && text.startsWith("@")) {
    const space = text.indexOf(" ");
    if (space < 0) return undefined;
    tags = text.slice(1, space);
    at = space;
  }
  while (text[at] === " ") at++;
  if (text[at] === ":") {
    const space = text.indexOf(" ", at);
    if (space < 0) return undefined;
    at = space;
    while (text[at] === " ") at++;
  }
  const end = text.indexOf(" ", at);
  const command = (end < 0 ? text.slice(at) : text.slice(at, end)).toUpperCase();
  if (command === "") return undefined;
  return { tags, command, params: end < 0 ? [] : parseParams(text, end) };
}

function parseParams(text: string, start: number): string[] {
  const params: string[] = [];
  let at = start;
  while (at < text.length) {
    while (text[at] === " ") at++;
    if (at >= text.length) break;
    if (text[at] === ":") {
      params.push(text.slice(at + 1));
      break;
    }
    const end = text.indexOf(" ", at);
    params.push(end < 0 ? text.slice(at) : text.slice(at, end));
    if (end < 0) break;
    at = end;
  }
  return params;
}

/** The raw value of one tag, undefined when it is absent. */
export function tagValue(tags: string, name: string): string | undefined {
  if (!tags.includes(name)) return undefined;
  for (const tag of tags.split(";")) {
    if (tag === name) return "";
    if (tag.startsWith(`${name}=`)) return tag.slice(name.length + 1);
  }
  return undefined;
}

/** Only the client-only tags (`+typing`, `+draft/reply`): the ones a server passes on; `denied` names are dropped. */
export function clientOnlyTags(tags: string, denied: ReadonlySet<string>): string {
  if (!tags.includes("+")) return "";
  return tags
    .split(";")
    .filter((tag) => tag.startsWith("+") && !denied.has((tag.split("=")[0] as string).slice(1)))
    .join(";");
}

/** Cuts a relayed line (without tags, without line end) to what fits the wire, as servers do: at a byte, without a word. */
export const cutLine = (line: string, bytesMax: number): string =>
  line.length > bytesMax - 2 ? line.slice(0, bytesMax - 2) : line;

export type Casemapping = "ascii" | "rfc1459" | "rfc1459-strict";

/** A name as the network compares it. */
export function foldName(name: string, casemapping: Casemapping): string {
  const lower = name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  if (casemapping === "ascii") return lower;
  const brackets = lower.replace(/\[/g, "{").replace(/\]/g, "}").replace(/\\/g, "|");
  return casemapping === "rfc1459" ? brackets.replace(/\^/g, "~") : brackets;
}

/** Whether a mask with `*` and `?` covers a text. */
export function maskMatches(mask: string, text: string): boolean {
  const pattern = mask
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${pattern}$`, "i").test(text);
}

/** Nicks as most servers allow them: no leading digit or dash. */
export const isNick = (nick: string, bytesMax: number): boolean =>
  nick.length <= bytesMax && /^[A-Za-z[\]\\`_^{|}][A-Za-z0-9[\]\\`_^{|}-]*$/.test(nick);

export const isChannelName = (name: string, bytesMax: number): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: BEL is what the protocol forbids
  name.length <= bytesMax && /^[#&][^\s,\x00\x07]+$/.test(name);
