/** Marks what is shown late with when it was said. Pure. */
import type { Content } from "./content.ts";
import { prefixed } from "./translate.ts";

/** Older than this when it is sent, a message says when it was said. */
export const lateAfterMs = 60 * 60_000;

/** `12:03` today, with the date on another day; always UTC, and said so. */
export function timeText(atMs: number, nowMs: number): string {
  const at = new Date(atMs).toISOString();
  const time = `${at.slice(11, 19)} UTC`;
  return at.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10) ? time : `${at.slice(0, 10)} ${time}`;
}

export function markLate(content: Content, saidAtMs: number, nowMs: number): Content {
  return { ...content, text: prefixed(`[${timeText(saidAtMs, nowMs)}] `, content.text) };
}
