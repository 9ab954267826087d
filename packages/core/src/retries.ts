/** Asking for a failed message again by a reaction: to the notice that told of it, or to the message itself. */

import type { BridgeSettings } from "./bridge.ts";
import type { Homeserver, MatrixEvent } from "./homeserver.ts";
import type { EventId } from "./ids.ts";
import type { Intake } from "./intake.ts";
import type { Lanes } from "./lanes.ts";
import { atLeast, levelOf } from "./permit.ts";
import type { Job, JournalStore, KeyValueStore } from "./store.ts";

const retryKeys = new Set(["🔁", "🔄", "retry"]);

const rowOf = (notice: string) => `notice/${notice}`;

/** Whether a reaction may be such a request: by its key alone, the rest is looked up later. */
export function asksRetry(event: MatrixEvent): boolean {
  const key = (event.content["m.relates_to"] as { key?: unknown } | null | undefined)?.key;
  return typeof key === "string" && retryKeys.has(key.replaceAll("\ufe0f", ""));
}

export interface Retries {
  /** This notice told of that dead letter. */
  told(notice: EventId, job: Job): Promise<void>;
  /** A reaction that asks for it: done, or handed back as a reaction like any other. */
  asked(event: MatrixEvent): Promise<"retried" | "not-permitted" | "ordinary">;
}

export interface RetriesOptions {
  readonly homeserver: Homeserver;
  readonly journal: JournalStore;
  readonly kv: KeyValueStore;
  readonly lanes: () => Lanes;
  readonly settings: Pick<BridgeSettings, "permissions">;
  readonly keysOf: Intake["keysOf"];
}

export function createRetries({ homeserver, journal, kv, lanes, settings, keysOf }: RetriesOptions): Retries {
  const deadOf = async (event: MatrixEvent): Promise<Job | undefined> => {
    const meaning = homeserver.interpret(event);
    if (meaning?.kind !== "action" || meaning.action.kind !== "react") return undefined;
    const { target } = meaning.action;
    const noted = await kv.get(rowOf(target));
    const keys = noted === undefined ? keysOf(event.room_id, target) : [noted as Job["key"]];
    return (await journal.find(keys)).find((job) => job.state === "dead");
  };
  return {
    told: (notice, job) => kv.put(rowOf(notice), job.key),
    async asked(event) {
      const job = await deadOf(event);
      if (job === undefined) return "ordinary";
      const level = levelOf(settings.permissions, { user: event.sender, room: event.room_id });
      if (job.author !== event.sender && !atLeast(level, "moderator")) return "not-permitted";
      return (await lanes().retry(job.seq)) === undefined ? "ordinary" : "retried";
    },
  };
}
