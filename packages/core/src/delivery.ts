/**
 * The last steps of a message, the same in both directions: the stored plan, its parts one by one, the map rows. A crash
 * resumes at the part that was not confirmed.
 */
import type { Again, Part } from "./connector.ts";
import { type PartKey, partKey } from "./ids.ts";
import type { Job, JournalStore } from "./store.ts";

export interface Delivery<Id extends string> {
  readonly job: Job;
  readonly journal: JournalStore;
  /** Made anew only when none is stored. */
  readonly plan: () => readonly Part[];
  /** Jobs older than this may have been under way when a former process ended. */
  readonly startedAtMs: number;
  readonly send: (part: Part, key: PartKey, again: Again | undefined) => Promise<Id>;
}

/** The ids of all parts, in order; rejects at the first part that failed, with what went before it stored. */
export async function sendParts<Id extends string>({
  job,
  journal,
  plan,
  startedAtMs,
  send,
}: Delivery<Id>): Promise<Id[]> {
  const stored = job.plan === undefined ? undefined : (JSON.parse(job.plan) as readonly Part[]);
  const parts = stored ?? plan();
  const sent = job.sent.map((id) => id as Id);
  // One part needs no plan on disk: sending it again is the same part under the same key.
  if (stored === undefined && parts.length > 1) await journal.update(job.seq, { plan: JSON.stringify(parts) });
  // Only the first part that is not known to be sent can have been under way.
  const mayBeThere = job.attempts > 0 || job.createdAtMs < startedAtMs;
  const first = sent.length;
  for (let index = first; index < parts.length; index++) {
    const again = mayBeThere && index === first ? { sinceMs: job.createdAtMs } : undefined;
    sent.push(await send(parts[index] as Part, partKey(job.key, index), again));
    if (index + 1 < parts.length) await journal.update(job.seq, { sent });
  }
  return sent;
}
