/**
 * The time limits of one connection: dialling, registration, silence, a part that nobody confirms. It asks the server for a sign
 * of life now and then; what ends the connection is handed out once per finding.
 */
import type { Clock } from "@trestle/core";
import type { IrcNetworkConfig } from "./config.ts";
import type { Failure } from "./failures.ts";

/** How far a session has come. */
export type Phase = "dialling" | "registering" | "welcomed" | "ready";

export interface KeepAliveOptions {
  readonly clock: Clock;
  readonly network: IrcNetworkConfig;
  /** For people: `irc.example.org:6697`. */
  readonly where: string;
  readonly ended: AbortSignal;
  readonly phase: () => Phase;
  readonly heardAtMs: () => number;
  readonly oldestUnconfirmedAtMs: () => number | undefined;
  readonly ping: () => void;
  readonly fail: (failure: Failure) => void;
}

/** Watches until `ended`. */
export function keepAlive(options: KeepAliveOptions): void {
  const { clock, ended, fail, network, phase, where } = options;
  const { connectTimeoutMs, registrationTimeoutMs } = network;
  void clock.wait(connectTimeoutMs, ended).then(() => {
    if (ended.aborted || phase() !== "dialling") return;
    fail({ kind: "timeout", detail: `${where} did not answer within ${connectTimeoutMs / 1000} s` });
  });
  void clock.wait(connectTimeoutMs + registrationTimeoutMs, ended).then(() => {
    if (ended.aborted || phase() === "ready") return;
    fail({ kind: "timeout", detail: `${where} did not let the bridge in within ${registrationTimeoutMs / 1000} s` });
  });
  void watch(options);
}

async function watch({ clock, ended, fail, network, phase, where, ...options }: KeepAliveOptions): Promise<void> {
  const { confirmTimeoutMs, pingIntervalMs, pingTimeoutMs } = network;
  const stepMs = Math.max(20, Math.min(pingIntervalMs, pingTimeoutMs, confirmTimeoutMs) / 4);
  let askedAtMs = clock.now();
  while (!ended.aborted) {
    await clock.wait(stepMs, ended);
    if (ended.aborted || phase() === "dialling") continue;
    const now = clock.now();
    const oldest = options.oldestUnconfirmedAtMs();
    if (now - options.heardAtMs() > pingTimeoutMs) {
      fail({ kind: "ping-timeout", detail: `nothing heard from ${where} for ${pingTimeoutMs / 1000} s` });
    } else if (oldest !== undefined && now - oldest > confirmTimeoutMs) {
      fail({ kind: "ping-timeout", detail: `${where} did not confirm a message within ${confirmTimeoutMs / 1000} s` });
    } else if (phase() === "ready" && now - askedAtMs >= pingIntervalMs) {
      askedAtMs = now;
      options.ping();
    }
  }
}
