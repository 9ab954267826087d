/** Values that stand in more than one section of a config: addresses, names, spans of time; and what is said of a wrong one. */
import { z } from "zod";

export const httpUrl = (example: string) =>
  z
    .string({ error: `must be a URL like ${example}` })
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), {
      error: `is no URL. Write it with http:// or https://, like ${example}`,
    })
    .refine((text) => !/[?#]/.test(text) && !/\/_matrix\b/.test(text), {
      error: `must end after the host and port, like ${example}`,
    })
    .transform((text) => text.replace(/\/+$/, ""));

export const hostAndPort = (example: string) =>
  z
    .string({ error: `must be HOST:PORT, like ${example}` })
    .refine((text) => parseHostPort(text) !== undefined, { error: `must be HOST:PORT, like ${example}` });

export const localpart = (what: string) =>
  z.string({ error: `must be ${what} without @ and domain, like _irc_bot` }).regex(/^[a-z0-9._=/+-]+$/, {
    error: `must be ${what} of lower-case letters, digits and . _ = / + - only, without @ and domain`,
  });

export const dayMs = 24 * 60 * 60 * 1000;

export const days = (what: string) =>
  z
    .number({ error: `must be ${what} in days, like 7` })
    .min(0, { error: "cannot be less than 0" })
    .max(3650, {
      error: "cannot be more than 3650 (ten years)",
    });

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:29310`, `[::1]:29310`, `localhost:29310`; undefined when it is none of these. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

/** A host that only this machine reaches. */
export const isLoopback = (host: string): boolean => /^(?:127\.|localhost$|\[?::1\]?$)/.test(host);
