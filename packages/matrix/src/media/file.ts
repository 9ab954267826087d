/**
 * A file as the event that it becomes: pure. Only the address is missing, which the upload gives; and what is said in its place
 * when it cannot be carried.
 */
import type { Attachment, Json } from "@trestle/core";
import { fileName, isActive, mimeTypeOf, sizeText, unknownType } from "./name.ts";

type JsonBag = { readonly [key: string]: Json };

/** A planned file, as sendPart reads it back from the store. `content` waits for its address (or its `m.new_content` does). */
export interface FilePart {
  readonly op: "file";
  readonly type: string;
  readonly content: JsonBag;
  readonly network: string;
  readonly source: string;
  readonly name: string;
  readonly mimeType: string;
  readonly byteLength: number | null;
  readonly thumbnail: { readonly source: string; readonly mimeType: string } | null;
}

const descriptionMax = 2_000;
const waveformMax = 256;
const pixelsMax = 100_000;

/** What a client may show of its own accord: the type has to be of the kind, and nothing that could act. */
function shownAs(kind: Attachment["kind"], type: string): "image" | "video" | "audio" | "voice" | "file" | "sticker" {
  if (isActive(type)) return "file";
  switch (kind) {
    case "image":
    case "sticker":
      if (type.startsWith("image/")) return kind;
      return type.startsWith("video/") ? "video" : "file";
    case "video":
      if (type.startsWith("video/")) return kind;
      return type === "image/gif" ? "image" : "file";
    case "audio":
    case "voice":
      return type.startsWith("audio/") || type === "application/ogg" ? kind : "file";
    case "file":
      return kind;
  }
}

export const isSticker = (file: Attachment): boolean => shownAs(file.kind, mimeTypeOf(file.mimeType)) === "sticker";

const msgtypes = { image: "m.image", video: "m.video", audio: "m.audio", voice: "m.audio", file: "m.file" } as const;

/** The event's type and content, all but its address. A caption is content of a text message. */
export function fileEvent(
  file: Attachment,
  caption: JsonBag | undefined,
): { readonly type: string; readonly content: JsonBag } {
  const kind = shownAs(file.kind, mimeTypeOf(file.mimeType));
  const name = fileName(file.name);
  const description = file.description?.slice(0, descriptionMax).toWellFormed();
  const body = description === undefined || description.trim() === "" ? name : description;
  const info = infoOf(file);
  if (kind === "sticker") return { type: "m.sticker", content: { body, info } };
  const content: JsonBag = {
    ...(caption ?? { body, "m.mentions": {} }),
    msgtype: msgtypes[kind],
    filename: name,
    info,
    ...(kind === "voice" ? { "org.matrix.msc3245.voice": {} } : {}),
    ...(kind === "voice" || kind === "audio" ? { "org.matrix.msc1767.audio": audioOf(file) } : {}),
    ...(file.spoiler === true ? { "page.codeberg.everypizza.msc4193.spoiler": true } : {}),
    ...(body === name ? {} : { "org.matrix.msc1767.alt_text": { "org.matrix.msc1767.text": body } }),
  };
  return { type: "m.room.message", content };
}

/** Whole numbers only: a fraction makes an event that servers refuse. */
const whole = <K extends string>(key: K, value: number | undefined, max = Number.MAX_SAFE_INTEGER): JsonBag =>
  value === undefined || !Number.isFinite(value) || value < 0 || value > max ? {} : { [key]: Math.round(value) };

function infoOf(file: Attachment): JsonBag {
  const { thumbnail, blurhash } = file;
  return {
    mimetype: mimeTypeOf(file.mimeType),
    ...whole("size", file.byteLength),
    ...whole("w", file.width, pixelsMax),
    ...whole("h", file.height, pixelsMax),
    ...whole("duration", file.durationMs),
    ...(blurhash !== undefined && blurhashPattern.test(blurhash) ? { "xyz.amorgan.blurhash": blurhash } : {}),
    ...(thumbnail === undefined || !isThumbnailType(thumbnail.mimeType)
      ? {}
      : {
          thumbnail_info: {
            mimetype: mimeTypeOf(thumbnail.mimeType),
            ...whole("w", thumbnail.width, pixelsMax),
            ...whole("h", thumbnail.height, pixelsMax),
            ...whole("size", thumbnail.byteLength),
          },
        }),
  };
}

const isThumbnailType = (type: string): boolean => {
  const clean = mimeTypeOf(type);
  return clean.startsWith("image/") && !isActive(clean);
};

export const blurhashPattern = /^[0-9A-Za-z#$%*+,\-.:;=?@[\]^_{|}~]{6,100}$/;

function audioOf({ durationMs, waveform }: Attachment): JsonBag {
  return {
    ...whole("duration", durationMs),
    ...(waveform === undefined || waveform.length === 0 ? {} : { waveform: waveformOf(waveform) }),
  };
}

/** Loudness from 0 to 1024, at most 256 of them. */
export function waveformOf(values: readonly unknown[]): number[] {
  const step = Math.max(1, values.length / waveformMax);
  return Array.from({ length: Math.min(values.length, waveformMax) }, (_one, index) => {
    const value = values[Math.floor(index * step)];
    return typeof value === "number" && Number.isFinite(value) ? Math.round(Math.min(1024, Math.max(0, value))) : 0;
  });
}

/** The part of a file that is to be sent as this event. */
export const filePart = (file: Attachment, network: string, type: string, content: JsonBag): FilePart => ({
  op: "file",
  type,
  content,
  network,
  source: file.source,
  name: fileName(file.name),
  mimeType: mimeTypeOf(file.mimeType),
  byteLength: file.byteLength ?? null,
  thumbnail:
    file.thumbnail !== undefined && isThumbnailType(file.thumbnail.mimeType)
      ? { source: file.thumbnail.source, mimeType: mimeTypeOf(file.thumbnail.mimeType) }
      : null,
});

export interface Carried {
  readonly mxc: string;
  readonly byteLength?: number;
  readonly mimeType: string;
  readonly thumbnail?: string;
}

/** The content with the file in it; an edit holds it twice, for clients that know no edits. */
export function withAddress(content: JsonBag, file: Carried): JsonBag {
  const fresh = content["m.new_content"];
  const placed = { ...content, url: file.mxc, info: carriedInfo(content["info"], file) };
  // It came as something that a browser might run: then nobody shows it of his own accord.
  const shown = file.mimeType === unknownType && "msgtype" in content ? { ...placed, msgtype: "m.file" } : placed;
  return fresh === undefined ? shown : { ...shown, "m.new_content": withAddress(fresh as JsonBag, file) };
}

function carriedInfo(info: Json | undefined, { mimeType, byteLength, thumbnail }: Carried): JsonBag {
  const { thumbnail_info: small, ...rest } = (info ?? {}) as JsonBag;
  return {
    ...rest,
    mimetype: mimeType,
    ...(byteLength === undefined ? {} : { size: byteLength }),
    ...(thumbnail === undefined || small === undefined ? {} : { thumbnail_url: thumbnail, thumbnail_info: small }),
  };
}

/** What is said where a file cannot be carried: its caption, which file, and why not. */
export function fileMissing({ content, name, mimeType, byteLength }: FilePart, why: string): JsonBag {
  const size = byteLength === null ? "" : `, ${sizeText(byteLength)}`;
  const line = `[${name} (${mimeType}${size}): ${why}]`.toWellFormed();
  const said = (one: JsonBag): JsonBag => {
    const { body, formatted_body: html, format, filename, "m.mentions": mentions, "m.relates_to": relates } = one;
    const caption = typeof body === "string" && filename !== undefined && !isName(body, name) ? body : undefined;
    const fresh = one["m.new_content"];
    const origin = one["dev.trestle.origin"];
    return {
      msgtype: "m.text",
      body: caption === undefined ? line : `${caption}\n${line}`,
      ...(html === undefined
        ? {}
        : { format: format as Json, formatted_body: `${html as string}<br>${escapeHtml(line)}` }),
      "m.mentions": mentions ?? {},
      ...(relates === undefined ? {} : { "m.relates_to": relates }),
      ...(fresh === undefined ? {} : { "m.new_content": said(fresh as JsonBag) }),
      ...(origin === undefined ? {} : { "dev.trestle.origin": origin }),
    };
  };
  return said(content);
}

const isName = (body: string, name: string): boolean => body === name || body === `* ${name}`;

const escapeHtml = (said: string): string =>
  said.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
