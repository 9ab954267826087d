/** What a browser is told of a file that a stranger uploaded: it may show a picture, and run nothing. */
import { fileName, mimeTypeOf, unknownType } from "./name.ts";

/** Shown in the browser; anything else is saved, and its type is not told. */
const inline = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/avif",
  "image/apng",
  "image/bmp",
  "video/mp4",
  "video/webm",
  "video/ogg",
  "video/quicktime",
  "audio/mpeg",
  "audio/mp4",
  "audio/aac",
  "audio/ogg",
  "audio/opus",
  "audio/flac",
  "audio/wav",
  "audio/x-wav",
  "audio/webm",
  "text/plain",
]);

/** For every answer, refusals too. */
export const safeHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": "sandbox; default-src 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "cross-origin",
  "x-robots-tag": "noindex",
};

export function fileHeaders(mimeType: string | undefined, name: string): Record<string, string> {
  const type = mimeTypeOf(mimeType);
  const shown = inline.has(type);
  const told = type === "text/plain" ? "text/plain; charset=utf-8" : shown ? type : unknownType;
  return {
    ...safeHeaders,
    "content-type": told,
    "content-disposition": disposition(shown ? "inline" : "attachment", name),
    "cache-control": "private, max-age=60",
  };
}

/** RFC 6266: a plain name for old clients and the real one encoded (RFC 5987); no letter of it ends the header. */
function disposition(how: "inline" | "attachment", name: string): string {
  const real = fileName(name);
  const plain = real.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(real).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${how}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
