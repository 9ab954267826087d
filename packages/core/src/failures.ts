/** What follows when a message does not get across: the log, the count, and a notice to whom it concerns. */
import type { Clock, Log, Meter } from "./ambient.ts";
import { BridgeError } from "./errors.ts";
import type { Homeserver } from "./homeserver.ts";
import type { EventId, PortalId, UserId } from "./ids.ts";
import { createNotices } from "./notices.ts";
import type { Retries } from "./retries.ts";
import type { Router } from "./router.ts";
import type { Statuses } from "./statuses.ts";
import type { Direction, Job } from "./store.ts";

export interface FailuresOptions {
  readonly homeserver: Homeserver;
  readonly router: Router;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly statuses: Statuses;
  readonly retries: () => Retries;
}

export interface Failures {
  failed(job: Job, error: BridgeError, final: boolean): void;
  shed(portal: PortalId, direction: Direction, count: number): void;
}

export function createFailures(options: FailuresOptions): Failures {
  const { homeserver, router, clock, log, meter, statuses, retries } = options;
  const notice = createNotices(clock, ({ room, toward, dead }, text, key) => {
    homeserver
      .notify(room, text, key, toward)
      .then((event) => (dead === undefined ? undefined : retries().told(event, dead)))
      .catch((err) => log.warn({ room, err }, "could not say that something failed"));
  });
  return {
    failed(job, error, final) {
      const { seq, portal, lane, attempts } = job;
      const { code, message: reason } = error;
      // A mistake of ours is worth its stack; an outage is not.
      const ours = code === "internal" ? { err: error } : {};
      const level = code === "internal" ? "error" : "warn";
      log[level]({ seq, portal, lane, attempts, code, final, reason, ...ours }, "a message did not get across");
      meter.count(final ? "trestle_messages_failed_total" : "trestle_messages_delayed_total", {
        direction: lane,
        code,
      });
      const row = router.get(portal);
      if (row === undefined || lane === "control") return;
      statuses.failed(job, row, error, final);
      const toward = lane === "outward" ? senderOf(job) : undefined;
      notice({
        portal,
        room: row.room,
        error,
        key: job.key,
        ...(toward === undefined ? {} : { toward }),
        ...(final && mayHelp.has(code) ? { dead: job } : {}),
      });
    },
    shed(portal, direction, count) {
      const row = router.get(portal);
      log.error({ portal, direction, count }, "too many jobs waited; the oldest are dead letters now");
      if (row === undefined) return;
      const detail = `${count} messages ${direction === "inward" ? "from" : "to"} ${row.chat}`;
      notice({
        portal,
        room: row.room,
        error: new BridgeError("queue-full", detail),
        key: `shed/${portal}/${direction}/${clock.now()}`,
      });
    },
  };
}

/** What trying again can mend: the others fail for what the message is. */
const mayHelp = new Set<string>(["too-old", "queue-full", "internal", "cannot-send", "bulk-brake", "media-failed"]);

/** Who is told: whoever said it in Matrix, with his event to answer to; nobody for what only passes through. */
function senderOf(job: Job): { user: UserId; event?: EventId } | undefined {
  const { event } = JSON.parse(job.body) as { event?: { event_id: EventId } };
  return event === undefined ? undefined : { user: job.author as UserId, event: event.event_id };
}
