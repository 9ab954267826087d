/**
 * Takes secrets and people's words out of what is about to be logged or printed. Three nets: values known to be secret (tokens,
 * passwords of the config), keys that name a secret, and shapes that carry one (query strings, Authorization, URLs with a password).
 */
import { isError, isExpected, messageOf } from "./expected-error.ts";

const gone = "[redacted]";
const secretKey = /pass(?:word|phrase|wd)?$|token|secret|authorization|cookie/i;
/** What people said is never logged, only how much of it there was. */
const wordsKey = /^(?:text|body|formatted_?body|content|message_?text|line|topic|reason_?text)$/i;

const shapes: readonly [RegExp, string][] = [
  [/([?&](?:access_token|refresh_token|token|as_token|hs_token|device_code|sig(?:nature)?)=)[^&\s"'#]+/gi, `$1${gone}`],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/g, `$1 ${gone}`],
  [/([a-z][a-z0-9+.-]*:\/\/[^\s/:@"']*):[^\s/@"']+@/gi, `$1:${gone}@`],
  [/("?(?:as_token|hs_token|access_token|refresh_token|device_code|password)"?\s*[:=]\s*"?)[^\s",}]+/gi, `$1${gone}`],
  // People's own tokens, as Synapse and the Matrix Authentication Service write them.
  [/\b(?:syt|syr|mat|mar|mct|mcr)_[A-Za-z0-9_=-]{16,}/g, gone],
  // IRC: what follows these words is a password.
  [/\b(PASS|OPER \S+|AUTHENTICATE|IDENTIFY(?: \S+)?) :?\S+/g, `$1 ${gone}`],
];

const causeOf = (error: Error): Error | undefined => (isError(error.cause) ? error.cause : undefined);

export interface Redactor {
  text(text: string): string;
  /** A copy fit for the log: bounded in depth and size, errors as their messages. */
  fields(fields: Readonly<Record<string, unknown>>): Record<string, unknown>;
}

export function createRedactor(secrets: readonly string[]): Redactor {
  // Very short values would blank ordinary words.
  const known = [...new Set(secrets.filter((secret) => secret.length >= 4))].sort((a, b) => b.length - a.length);

  const text = (original: string): string => {
    let result = original;
    for (const secret of known) result = result.replaceAll(secret, gone);
    for (const [shape, instead] of shapes) result = result.replace(shape, instead);
    return result;
  };

  const value = (original: unknown, key: string, depth: number): unknown => {
    if (typeof original === "string") {
      if (secretKey.test(key)) return gone;
      return wordsKey.test(key) ? `[${original.length} characters]` : text(original.slice(0, 4_000));
    }
    if (typeof original === "bigint") return String(original);
    if (typeof original !== "object" || original === null) return secretKey.test(key) && original ? gone : original;
    if (isError(original)) return errorFields(original, depth);
    if (secretKey.test(key) || wordsKey.test(key) || ArrayBuffer.isView(original)) return gone;
    if (depth >= 5) return "[deep]";
    if (Array.isArray(original)) return original.slice(0, 50).map((item) => value(item, "", depth + 1));
    if (original instanceof Map || original instanceof Set) return `[${original.size} entries]`;
    return record(original, depth);
  };

  const record = (original: object, depth: number): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(original)
        .slice(0, 50)
        .map(([key, inner]) => [key, value(inner, key, depth + 1)]),
    );

  const errorFields = (error: Error, depth: number): Record<string, unknown> => {
    // What is expected to happen is told in words; only for a defect of ours is it of use where it came from.
    if (isExpected(error)) return expectedFields(error);
    return defectFields(error, depth);
  };

  const expectedFields = (error: Error): Record<string, unknown> => {
    const cause = causeOf(error);
    return {
      code: "code" in error ? String(error.code) : error.name,
      message: text(messageOf(error)),
      ...(cause === undefined ? {} : { cause: text(messageOf(cause)) }),
    };
  };

  const defectFields = (error: Error, depth: number): Record<string, unknown> => ({
    name: error.name,
    message: text(error.message),
    ...("code" in error ? { code: String(error.code) } : {}),
    ...("errcode" in error ? { errcode: String(error.errcode) } : {}),
    ...(error.stack === undefined ? {} : { stack: text(error.stack) }),
    ...(error.cause === undefined || depth >= 3 ? {} : { cause: value(error.cause, "cause", depth + 1) }),
  });

  return { text, fields: (fields) => record(fields, 0) };
}
