/**
 * `run`: the life of a span's process. It starts the bridge, watches whether the homeserver takes us, and ends in order: on a
 * signal, on a refused token, or on an exception that nobody caught.
 */
import { BridgeError, type Log, systemClock } from "@trestle/core";
import type { Registration } from "@trestle/matrix";
import { type Composed, compose } from "./compose.ts";
import type { LoadedConfig } from "./config-file.ts";
import { loadCredentials } from "./credentials.ts";
import { exitCodes } from "./exit-codes.ts";
import { type Probe, probeHomeserver } from "./homeserver-probe.ts";
import { createLog } from "./log.ts";
import type { Span, Terminal } from "./span.ts";
import { letYoungHeapGrow } from "./young-heap.ts";

/** Less than the 90 s that supervisors wait before they kill. */
const drainMs = 10_000;
/** What closing may take beyond the drain, before the process goes all the same. */
const closeMs = 5_000;
/** Signals so close together are one. */
const sameSignalMs = 500;
const probeRetryMaxMs = 30_000;

/** Why the process ends; `code` is its exit code. */
interface Ending {
  readonly code: number;
  readonly drainMs: number;
  /** For the admin, when it is not an ordinary stop. */
  readonly message?: string;
}

/** Resolves to the exit code once everything is closed. Rejects with a BridgeError when it cannot even start. */
export async function run<C>(span: Span<C>, config: LoadedConfig<C>, terminal: Terminal): Promise<number> {
  const credentials = loadCredentials(span, config);
  const { registration, secrets } = credentials;
  const log = createLog({ ...config.shared.log, secrets });
  const ended = Promise.withResolvers<Ending>();
  const stopListening = endings(ended.resolve, log);
  const watching = new AbortController();
  try {
    const startedAt = performance.now();
    const starting = compose(span, config, credentials, log).catch((error: unknown) =>
      whyRefused(error, config, registration),
    );
    void watchHomeserver(config, registration, log, watching.signal, ended.resolve);
    // Told to stop while still starting: what hangs there is not waited for longer than it takes to close.
    const first = await Promise.race([starting, ended.promise]);
    if ("code" in first) {
      if (first.message !== undefined) terminal.err(`${first.message}\n`);
      await Promise.race([
        starting.then((late) => ("code" in late ? undefined : late.stop(0))),
        systemClock.wait(2_000),
      ]);
      return first.code;
    }
    letYoungHeapGrow();
    sayRunning(span, config, first, log);
    void announceReady(first, startedAt, log, watching.signal);
    const ending = await ended.promise;
    watching.abort();
    if (ending.message !== undefined) terminal.err(`${ending.message}\n`);
    log.info({ code: ending.code }, "stopping: what is under way is finished first");
    const closed = await Promise.race([
      first.stop(ending.drainMs).then(() => true),
      systemClock.wait(ending.drainMs + closeMs).then(() => false),
    ]);
    log.info({ code: ending.code, closed }, "stopped");
    return ending.code;
  } finally {
    watching.abort();
    stopListening();
  }
}

function sayRunning<C>(span: Span<C>, { shared }: LoadedConfig<C>, { admin }: Composed, log: Log): void {
  const listening = { appservice: shared.appservice.listen, admin: `${admin.host}:${admin.port}` };
  log.info({ span: span.name, ...listening }, "the bridge is running");
}

/** The homeserver side only knows that it was refused; for what reason is what an admin has to hear. Rethrows the rest. */
async function whyRefused<C>(error: unknown, config: LoadedConfig<C>, registration: Registration): Promise<Ending> {
  const refused = error instanceof BridgeError && error.code === "registration-mismatch";
  const ending = refused ? endingOf(await probeHomeserver(config.shared, registration), config) : undefined;
  if (ending === undefined) throw error;
  return ending;
}

/** Signals and escaped exceptions end the run; a second signal ends the process at once. */
function endings(end: (ending: Ending) => void, log: Log): () => void {
  let askedAt: number | undefined;
  const onSignal = () => {
    // One Ctrl-C comes twice when a parent in the same terminal passes it on.
    if (askedAt !== undefined && performance.now() - askedAt < sameSignalMs) return;
    if (askedAt !== undefined) process.exit(exitCodes.internal);
    askedAt = performance.now();
    end({ code: exitCodes.done, drainMs });
  };
  const onEscaped = (err: unknown) => {
    log.error(
      { err },
      "an exception escaped: this is a defect of the bridge. Stopping in order; nothing acknowledged is lost",
    );
    end({ code: exitCodes.internal, drainMs: 2_000 });
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  process.on("unhandledRejection", onEscaped).on("uncaughtException", onEscaped);
  return () => {
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
    process.off("unhandledRejection", onEscaped).off("uncaughtException", onEscaped);
  };
}

/** Asks until the homeserver has taken or refused our token; says each time when it asks next. */
async function watchHomeserver<C>(
  config: LoadedConfig<C>,
  registration: Registration,
  log: Log,
  signal: AbortSignal,
  end: (ending: Ending) => void,
): Promise<void> {
  const { url } = config.shared.homeserver;
  for (let waitMs = 1_000; !signal.aborted; waitMs = Math.min(waitMs * 2, probeRetryMaxMs)) {
    const probe = await probeHomeserver(config.shared, registration, signal);
    if (signal.aborted) return;
    const ending = endingOf(probe, config);
    if (ending !== undefined) return end(ending);
    if (probe.kind !== "unreachable") return;
    const nextTry = new Date(Date.now() + waitMs).toISOString();
    log.warn({ url, why: probe.why, nextTry }, "the homeserver cannot be reached; trying again");
    await systemClock.wait(waitMs, signal);
  }
}

/** A homeserver that does not want us is nothing to wait for. */
function endingOf<C>(probe: Probe, { shared }: LoadedConfig<C>): Ending | undefined {
  const { url } = shared.homeserver;
  if (probe.kind === "refused") {
    const message = `The homeserver at ${url} does not know this bridge (${probe.why}).\n-> Load the registration ${shared.appservice.registration} into it and restart it where it asks for that; \`trestle register\` says how.`;
    return { code: exitCodes.tokenRefused, drainMs: 0, message };
  }
  if (probe.kind === "other-name") {
    const message = `The homeserver at ${url} does not take the bridge's bot: ${probe.why}.\n-> homeserver.name, appservice.bot and the registration that the homeserver has loaded must agree; \`trestle check\` looks.`;
    return { code: exitCodes.registration, drainMs: 0, message };
  }
  return undefined;
}

async function announceReady(composed: Composed, startedAt: number, log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const status = await composed.bridge.status().catch(() => undefined);
    if (status?.ready === true) {
      log.info({ afterMs: Math.round(performance.now() - startedAt), links: status.links.active }, "ready");
      return;
    }
    await systemClock.wait(250, signal);
  }
}
