/** What the server refuses to store whoever sends it: numbers, surrogates, sizes, missing keys. By profile. */
import { isObject, type JsonObject, textOf } from "./event.ts";
import { MatrixFault } from "./fault.ts";
import type { Profile } from "./profile.ts";

/** Bytes that hashes, signatures and references of an event add to what the client sent. */
const envelopeBytes = 900;
const eventBytesMax = 65_536;

/** Reads the body of an event; `{}` for none. */
export function parseBody(raw: string): JsonObject {
  if (raw === "") return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(raw);
  } catch {
    throw new MatrixFault(400, "M_NOT_JSON", "Content not JSON.");
  }
  if (!isObject(parsed)) throw new MatrixFault(400, "M_BAD_JSON", "Content must be a JSON object.");
  return parsed;
}

/** Checks event content against what this server takes; `raw` is the body it was parsed from. */
export function checkContent(profile: Profile, type: string, content: JsonObject, raw: string): void {
  const bytes = Buffer.byteLength(raw);
  if (bytes > eventBytesMax) throw new MatrixFault(413, "M_TOO_LARGE", "event too large");
  if (bytes + envelopeBytes > eventBytesMax) throw new MatrixFault(...profile.tooLarge, "event too large");
  if (type.length > 255) throw new MatrixFault(...profile.tooLarge, "event type too large");
  if (/\d[.eE]|\d{16}/.test(raw)) checkNumbers(profile, raw);
  if (profile.loneSurrogate !== undefined && /\\u[dD][89a-fA-F]/.test(raw) && !wellFormed(content))
    throw new MatrixFault(...profile.loneSurrogate, "Internal server error");
  if (type === "m.room.message" && profile.msgtypeNeeded) {
    for (const key of ["body", "msgtype"]) {
      if (!(key in content)) throw new MatrixFault(400, "M_BAD_JSON", `'${key}' not in content`);
      if (typeof content[key] !== "string") throw new MatrixFault(400, "M_BAD_JSON", `'${key}' not a string type`);
    }
  }
}

function checkNumbers(profile: Profile, raw: string): void {
  JSON.parse(raw, (_key: string, value: unknown, context?: { source?: string }) => {
    if (typeof value === "number" && (!Number.isSafeInteger(value) || /[.eE]/.test(context?.source ?? "")))
      throw new MatrixFault(...profile.badNumber, "Bad JSON value: float or integer out of range");
    return value;
  });
}

function wellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (Array.isArray(value)) return value.every(wellFormed);
  if (isObject(value)) return Object.entries(value).every(([key, inner]) => key.isWellFormed() && wellFormed(inner));
  return true;
}

/** The event and key of a reaction, when it is a well-formed one. */
export function annotationOf(content: JsonObject): { readonly event: string; readonly key: string } | undefined {
  const relation = content["m.relates_to"];
  if (!isObject(relation) || relation["rel_type"] !== "m.annotation") return undefined;
  const event = textOf(relation["event_id"]);
  const key = textOf(relation["key"]);
  return event === undefined || key === undefined ? undefined : { event, key };
}
