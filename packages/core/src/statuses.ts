/**
 * What a sender sees of his message's fate without a word being said: the bot's read receipt as a "delivered" mark, and status
 * events for clients that show them. Best effort, off by config; a receipt says "up to here", so only the newest one counts.
 */
import type { Log } from "./ambient.ts";
import type { BridgeSettings } from "./bridge.ts";
import type { BridgeError } from "./errors.ts";
import type { Homeserver, MatrixEvent, SendStatus } from "./homeserver.ts";
import type { EventId, RoomId } from "./ids.ts";
import type { Job, PortalRow } from "./store.ts";

export interface Statuses {
  delivered(job: Job, row: PortalRow): void;
  failed(job: Job, row: PortalRow, error: BridgeError, final: boolean): void;
}

export function createStatuses(
  homeserver: Homeserver,
  settings: Pick<BridgeSettings, "receipts" | "statusEvents">,
  log: Log,
): Statuses {
  /** Per room: the receipt that is due once the one under way is over. */
  const due = new Map<RoomId, EventId | undefined>();

  const receipts = async (room: RoomId): Promise<void> => {
    for (;;) {
      const event = due.get(room);
      if (event === undefined) break;
      due.set(room, undefined);
      await homeserver.showReceipt(room, event).catch((err) => log.debug({ room, err }, "could not set a receipt"));
    }
    due.delete(room);
  };

  const show = (event: MatrixEvent, key: string, status: SendStatus) => {
    homeserver
      .showStatus(event.room_id, event.event_id, status, key)
      .catch((err) => log.debug({ room: event.room_id, err }, "could not show a message's status"));
  };

  return {
    delivered(job, row) {
      const event = ownEvent(job, row);
      if (event === undefined) return;
      if (settings.receipts) {
        const running = due.has(event.room_id);
        due.set(event.room_id, event.event_id);
        if (!running) void receipts(event.room_id);
      }
      if (settings.statusEvents) show(event, `${job.key}/status/ok`, { state: "delivered", network: row.network });
    },
    failed(job, row, error, final) {
      const event = settings.statusEvents ? ownEvent(job, row) : undefined;
      // Only the first delay is told: each further try is no news.
      if (event === undefined || (!final && job.attempts > 1)) return;
      show(event, `${job.key}/status/${final ? "failed" : "delayed"}`, {
        state: final ? "failed" : "pending",
        network: row.network,
        reason: error.notice ?? error.message,
        retriable: final,
      });
    },
  };
}

/** The event, when it was said in the portal's own room. */
function ownEvent(job: Job, row: PortalRow): MatrixEvent | undefined {
  if (job.lane !== "outward" || job.body === "") return undefined;
  const { event } = JSON.parse(job.body) as { event?: MatrixEvent };
  return event?.room_id === row.room && event.state_key === undefined ? event : undefined;
}
