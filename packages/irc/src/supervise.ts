/**
 * Trying again for ever: one session after the other, the servers in turn, with waits that grow, are capped, vary by chance, and are
 * longer where the kind of failure asks for patience. A session that stood for a minute starts over with short waits.
 */
import type { Clock } from "@trestle/core";
import type { IrcNetworkConfig } from "./config.ts";
import { type Failure, patienceMs } from "./failures.ts";

const steadyMs = 60_000;

export interface SuperviseOptions {
  readonly clock: Clock;
  readonly config: Pick<IrcNetworkConfig, "retryMinMs" | "retryMaxMs">;
  readonly stopping: AbortSignal;
  /** Runs the session number `at` to its end. */
  readonly run: (at: number) => Promise<{ readonly failure: Failure; readonly readyForMs: number }>;
  readonly onDown: (failure: Failure, waitMs: number) => void;
}

/** Resolves once it was stopped and the last session is over. */
export async function superviseSessions({ clock, config, stopping, run, onDown }: SuperviseOptions): Promise<void> {
  let tries = 0;
  for (let at = 0; !stopping.aborted; at += 1) {
    const { failure, readyForMs } = await run(at);
    if (stopping.aborted) return;
    tries = readyForMs >= steadyMs ? 1 : tries + 1;
    const growing = Math.min(config.retryMaxMs, config.retryMinMs * 2 ** Math.min(tries - 1, 20));
    const waitMs = Math.round(Math.max(growing, patienceMs[failure.kind]) * (0.8 + Math.random() * 0.4));
    onDown(failure, waitMs);
    await clock.wait(waitMs, stopping);
  }
}
