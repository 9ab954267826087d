/**
 * A file as one line of IRC: its name, its size and where it can be fetched. Pure. Names and descriptions are hostile: what
 * they hold never calls anybody and never looks like an address; the address itself is never cut.
 */
import type { Attachment } from "@trestle/core";
import { byteLength, cutText, harmlessName, harmlessText, isVisible, quiet } from "./harmless-text.ts";
import { foldCase } from "./ids.ts";
import type { ChannelNames } from "./names.ts";

const kindWords: Readonly<Record<Attachment["kind"], string>> = {
  image: "an image",
  video: "a video",
  audio: "an audio file",
  voice: "a voice message",
  file: "a file",
  sticker: "a sticker",
};
const nameLimit = { graphemes: 80, bytes: 160 };
const aboutLimit = { graphemes: 120, bytes: 240 };

/**
 * `cat.png (1.2 MB) https://... - a cat on a sofa` in at most `max` bytes: first the description is cut, then the name. Without an
 * address, or with one that no line can hold: `sent an image: cat.png (1.2 MB) - a cat on a sofa`.
 */
export function fileLine(file: Attachment, max: number, channel: Pick<ChannelNames, "nicks" | "mapping">): string {
  // cut before anything else looks at them: a name may be as long as an event
  const name = callingNobody(plainName(cutText(harmlessName(file.name), nameLimit)), channel);
  const about = callingNobody(cutText(harmlessText(file.description ?? "").trim(), aboutLimit), channel);
  const isNews = isVisible(about) && file.description !== file.name;
  const tail = isNews ? ` - ${about}` : "";
  const facts = factsOf(file);
  const url = addressOf(file.url);
  if (url === undefined) return `sent ${kindWords[file.kind]}${name === "" ? "" : `: ${name}`}${facts}${tail}`;
  const shown = name === "" ? kindWords[file.kind].replace(/^an? /, "") : name;
  const fixed = byteLength(`${facts} ${url}`);
  if (fixed + 8 > max) return fileLine(withoutUrl(file), max, channel);
  const head = `${cutText(shown, { ...nameLimit, bytes: Math.min(nameLimit.bytes, max - fixed) })}${facts} ${url}`;
  const room = max - byteLength(head);
  return room < 16 ? head : head + cutText(tail, { ...aboutLimit, bytes: Math.min(room, aboutLimit.bytes) });
}

function withoutUrl(file: Attachment): Attachment {
  const { url: _, ...rest } = file;
  return rest;
}

/** An address that a reader's client takes as a whole; undefined for what is none, or could not stand in a line unchanged. */
export function addressOf(url: string | undefined): string | undefined {
  return url !== undefined && /^https?:\/\/[\x21-\x7e]+$/.test(url) && URL.canParse(url) ? url : undefined;
}

/** Nothing that a client would make an address of, before the real one: no slashes, no scheme, no `www.`. */
function plainName(name: string): string {
  return name
    .replace(/[/\\]/g, "_")
    .replace(/(?<=[A-Za-z]):(?=\S)/g, "_")
    .replace(/\bwww\./giu, quiet);
}

/** The words that are nicks in the channel are quieted: a file's name is no way to call somebody. */
function callingNobody(text: string, { nicks, mapping }: Pick<ChannelNames, "nicks" | "mapping">): string {
  const isNick = (word: string): boolean => nicks.has(foldCase(word, mapping));
  return text.replace(/[\p{L}\p{N}\p{M}_\-[\]\\`^{}|]+/gu, (word) =>
    isNick(word)
      ? quiet(word)
      : word.replace(/[\p{L}\p{N}\p{M}]+/gu, (piece) => (isNick(piece) ? quiet(piece) : piece)),
  );
}

function factsOf({ byteLength: size, durationMs, spoiler }: Attachment): string {
  const facts = [
    ...(durationMs === undefined ? [] : [durationText(durationMs)]),
    ...(size === undefined ? [] : [sizeText(size)]),
  ];
  return `${facts.length === 0 ? "" : ` (${facts.join(", ")})`}${spoiler === true ? " (spoiler)" : ""}`;
}

function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [Math.max(0, bytes), 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${Number.isFinite(value) ? value.toFixed(digits) : "?"} ${units[unit]}`;
}

function durationText(ms: number): string {
  const seconds = Number.isFinite(ms) ? Math.max(0, Math.round(ms / 1000)) : 0;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
