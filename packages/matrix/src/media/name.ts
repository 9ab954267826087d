/** Names, types, addresses and sizes of files as strangers give them, made harmless. */

/** Server and id of a file on Matrix; nothing that could climb out of a path or end one. */
export const mxcPattern = /^mxc:\/\/([^/\s?#%\\]{1,255})\/([A-Za-z0-9_-]{1,255})$/;

/** One line without slashes, control letters or marks that turn the direction of writing; never empty. */
export function fileName(said: string): string {
  const clean = said
    .replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, " ")
    .replace(/[/\\]+/g, " ")
    .trim()
    .slice(0, 200)
    .toWellFormed();
  return clean === "" ? "file" : clean;
}

export const unknownType = "application/octet-stream";

/** `type/subtype` in lower case, without parameters; of another shape: bytes of which nothing is known. */
export function mimeTypeOf(said: string | undefined): string {
  const type = said?.split(";", 1)[0]?.trim().toLowerCase();
  return type !== undefined && /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/.test(type) ? type : unknownType;
}

/** What a browser would run or load more for, whatever it is called. */
export const isActive = (type: string): boolean =>
  /^(?:text\/(?!plain$|csv$)|application\/(?:xhtml|xml|pdf|javascript|ecmascript|x-shockwave)|image\/svg|model\/)|[+/-](?:xml|html|javascript)(?:$|[+-])/.test(
    type,
  );

export const sizeText = (bytes: number): string =>
  bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
