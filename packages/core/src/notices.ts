/**
 * What people are told about failures: one notice per reason, portal and ten minutes, with how many more there were.
 */
import type { Clock } from "./ambient.ts";
import type { BridgeError } from "./errors.ts";
import type { EventId, PortalId, RoomId, UserId } from "./ids.ts";
import type { Job } from "./store.ts";

export interface Notice {
  readonly portal: PortalId;
  readonly room: RoomId;
  readonly error: BridgeError;
  /** Identity of what failed, so that a repeated notice after a crash is the same event. */
  readonly key: string;
  readonly toward?: { readonly user?: UserId; readonly event?: EventId };
  /** The dead letter it tells of, when it is one. */
  readonly dead?: Job;
}

export type SendNotice = (notice: Notice, text: string, key: string) => void;

const quietMs = 10 * 60_000;
const rememberedMax = 10_000;

/** A function to call on every failure; it calls `send` when somebody should hear of it. */
export function createNotices(clock: Clock, send: SendNotice): (notice: Notice) => void {
  const last = new Map<string, { atMs: number; swallowed: number }>();
  return (about) => {
    const { portal, error, key } = about;
    if (error.notice === undefined) return;
    const reason = `${portal}/${error.code}`;
    const before = last.get(reason);
    const now = clock.now();
    if (before !== undefined && now - before.atMs < quietMs) {
      before.swallowed++;
      return;
    }
    if (last.size >= rememberedMax) last.clear();
    last.set(reason, { atMs: now, swallowed: 0 });
    const more =
      before !== undefined && before.swallowed > 0 ? ` (${before.swallowed} more like this since the last notice)` : "";
    const again = about.dead === undefined ? "" : " React with 🔁 to try again.";
    send(about, `⚠ ${error.notice}${more}${again}`, `${key}/notice/${error.code}`);
  };
}
