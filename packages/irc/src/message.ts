/**
 * One parsed line as the parts of this package hand it around, and the few readings that all of them share. Pure.
 */
import type { ParsedLine } from "irc-framework";

export type IrcMessage = ParsedLine;

/** The parameter at this place, or "". */
export const param = (message: IrcMessage, at: number): string => message.params[at] ?? "";

/** The last parameter: the text of most lines. */
export const lastParam = (message: IrcMessage): string => message.params.at(-1) ?? "";

/** Said by a relay for somebody else (draft/relaymsg). */
export const isMarkedAsRelayed = ({ tags }: IrcMessage): boolean => "relaymsg" in tags || "draft/relaymsg" in tags;

/** The numeric of a reply, 0 for commands. */
export const numericOf = (message: IrcMessage): number =>
  /^\d{3}$/.test(message.command) ? Number(message.command) : 0;

/** The server-time tag as epoch ms, when it is a time and not in the far future or past. */
export function serverTimeMs(message: IrcMessage, nowMs: number): number | undefined {
  const text = message.tags["time"];
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms > 0 && ms < nowMs + 86_400_000 ? ms : undefined;
}
