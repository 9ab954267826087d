/**
 * Public addresses of files: made and read, pure. `<publicUrl>/_trestle/media/<id>.<expiry>.<signature>/<name>`, short enough for a
 * line of IRC. The signature covers id and expiry; the name is only for people and for the end of the address. Nothing in it is
 * a path of the homeserver.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

export const publicPath = "/_trestle/media/";
/** Expiries are told in minutes. */
const unitMs = 60_000;
const nameMax = 40;

export interface MediaLinks {
  /** The same for the same event, for ever (until the key changes). */
  idOf(room: string, event: string, what: string): string;
  url(id: string, expiresAtMs: number, name: string): string;
  /** What the target of a request says, once its signature is ours. */
  read(target: string): { readonly id: string; readonly expiresAtMs: number } | "unknown" | "forged";
}

/** `key`: at least 32 bytes of secret. `publicUrl` without its last slash, with a path or without. */
export function createMediaLinks({ key, publicUrl }: { readonly key: string; readonly publicUrl: string }): MediaLinks {
  if (Buffer.byteLength(key) < 32) throw new Error("the key of the media addresses needs at least 32 bytes");
  const base = publicUrl.replace(/\/+$/, "");
  const prefix = new URL(base).pathname.replace(/\/+$/, "");
  const mac = (purpose: string, text: string, bytes: number) =>
    createHmac("sha256", key).update(`${purpose}\n${text}`).digest().subarray(0, bytes);
  const signature = (id: string, expiry: string) => mac("sign", `${id}|${expiry}`, 16);
  const shape = /^([A-Za-z0-9_-]{16})\.([0-9a-z]{1,7})\.([A-Za-z0-9_-]{22})\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;

  return {
    idOf: (room, event, what) => mac("id", `${what}|${room}|${event}`, 12).toString("base64url"),
    url(id, expiresAtMs, name) {
      const expiry = Math.ceil(expiresAtMs / unitMs).toString(36);
      return `${base}${publicPath}${id}.${expiry}.${signature(id, expiry).toString("base64url")}/${safeName(name)}`;
    },
    read(target) {
      // A web server in front may leave its own path on or take it off.
      const path = prefix !== "" && target.startsWith(`${prefix}/`) ? target.slice(prefix.length) : target;
      const parts = path.startsWith(publicPath) ? shape.exec(path.slice(publicPath.length)) : null;
      const [, id, expiry, given] = parts ?? [];
      if (id === undefined || expiry === undefined || given === undefined) return "unknown";
      const wanted = Buffer.from(signature(id, expiry).toString("base64url"));
      if (!timingSafeEqual(wanted, Buffer.from(given))) return "forged";
      return { id, expiresAtMs: Number.parseInt(expiry, 36) * unitMs };
    },
  };
}

/** Letters, digits, `.`, `_` and `-`, with its ending; never a dot first. */
export function safeName(name: string): string {
  const ending = /\.[A-Za-z0-9]{1,7}$/.exec(name)?.[0] ?? "";
  const stem = name
    .slice(0, name.length - ending.length)
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9._-]+/g, "_")
    .replace(/\.{2,}/g, ".")
    .replace(/^[._-]+/, "")
    .slice(0, nameMax - ending.length)
    .replace(/[._-]+$/, "");
  return `${stem === "" ? "file" : stem}${ending}`;
}
