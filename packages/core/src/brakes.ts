/**
 * What stops us from doing what only a machine gone wrong would ask for: two bots answering each other for ever, a network that
 * says all its chats are gone, a deletion of everything. All of it in memory: a brake that was pulled is stored as a pause.
 */
import type { Clock } from "./ambient.ts";
import { BridgeError } from "./errors.ts";
import type { PortalId } from "./ids.ts";

/** People do not answer each other twenty times in a row, each within a second and a half. */
const exchangeMax = 20;
const answerMs = 1_500;
const windowMs = 60_000;
/** Lines closer than this are one answer. */
const breathMs = 500;

/** Messages deleted in one portal within a minute before the rest is asked about: a moderator's purge is smaller. */
const deletionsMax = 100;
/** Chats gone within ten minutes before none of it is believed. */
const goneMax = 3;
const goneWindowMs = 10 * 60_000;
const portalsMax = 10_000;

interface Exchange {
  readonly direction: "inward" | "outward";
  readonly author: string;
  /** Who speaks on the other side, once somebody did. */
  readonly other: string | undefined;
  readonly count: number;
  readonly sinceMs: number;
  readonly lastMs: number;
}

export interface Brakes {
  /** Somebody spoke on one side of a portal; true when he and one on the other side answer each other as only machines do. */
  talk(portal: PortalId, direction: "inward" | "outward", author: string): boolean;
  /** Rejects (throws) with `bulk-brake` past the number that is believed. */
  deletion(portal: PortalId, count: number): void;
  /** A chat is said to be gone; whether to believe it. */
  believeGone(): boolean;
}

export function createBrakes(clock: Clock): Brakes {
  const exchanges = new Map<PortalId, Exchange>();
  const deletions = new Map<PortalId, { sinceMs: number; count: number }>();
  let gone: number[] = [];

  return {
    talk(portal, direction, author) {
      const now = clock.now();
      const next = goOn(exchanges.get(portal), direction, author, now);
      exchanges.delete(portal);
      exchanges.set(portal, next);
      if (exchanges.size > portalsMax) exchanges.delete(exchanges.keys().next().value as PortalId);
      if (next.count < exchangeMax) return false;
      exchanges.delete(portal);
      return now - next.sinceMs <= windowMs;
    },
    deletion(portal, count) {
      const now = clock.now();
      const before = deletions.get(portal);
      const current = before === undefined || now - before.sinceMs > windowMs ? { sinceMs: now, count: 0 } : before;
      current.count += count;
      deletions.set(portal, current);
      if (deletions.size > portalsMax) deletions.delete(deletions.keys().next().value as PortalId);
      if (current.count > deletionsMax) {
        throw new BridgeError("bulk-brake", `more than ${deletionsMax} messages were to be deleted within a minute`);
      }
    },
    believeGone() {
      const now = clock.now();
      gone = [...gone.filter((atMs) => now - atMs < goneWindowMs), now];
      return gone.length <= goneMax;
    },
  };
}

function goOn(before: Exchange | undefined, direction: Exchange["direction"], author: string, now: number): Exchange {
  const begun: Exchange = { direction, author, other: undefined, count: 1, sinceMs: now, lastMs: now };
  // What one person says comes by on both sides of a portal that his words pass through: that is no answer to himself.
  if (before !== undefined && before.author === author && before.direction !== direction) return before;
  // A machine says several lines in one breath; a person's next line takes longer.
  if (before?.author === author && now - before.lastMs < breathMs) return { ...before, lastMs: now };
  if (before === undefined || before.direction === direction || now - before.lastMs > answerMs) return begun;
  if (before.other !== undefined && before.other !== author) return { ...begun, other: before.author };
  return { ...begun, other: before.author, count: before.count + 1, sinceMs: before.sinceMs };
}
