/** What is forgotten in time: finished jobs, and the texts kept for quotes and edit diffs. */
import type { Clock, Log } from "./ambient.ts";
import type { BridgeSettings } from "./bridge.ts";
import type { Store } from "./store.ts";

const everyMs = 60 * 60_000;
/** How long a reaction can be taken back. */
const reactionsKeptMs = 365 * 24 * 60 * 60_000;

/** Runs once an hour until the returned function is called. */
export function startHousekeeping(store: Store, settings: BridgeSettings, clock: Clock, log: Log): () => void {
  const stopping = new AbortController();
  const loop = async () => {
    while (!stopping.signal.aborted) {
      await clock.wait(everyMs, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        const jobs = await store.journal.prune(clock.now() - settings.doneRetentionMs);
        const texts = await store.messages.wipeTexts(clock.now() - settings.textRetentionMs);
        const reactions = await store.reactions.prune(clock.now() - reactionsKeptMs);
        const media = await store.media.prune(clock.now());
        log.debug({ jobs, texts, reactions, media }, "forgot what is past its time");
      } catch (err) {
        log.warn({ err }, "could not forget old rows; next try in an hour");
      }
    }
  };
  void loop();
  return () => stopping.abort();
}
