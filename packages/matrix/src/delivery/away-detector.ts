/**
 * Whether the homeserver is there, seen from one kept-alive connection of its own with a request every two seconds: a restart
 * shows as that connection breaking, however short it was. It repairs nothing; it only says `away` and `back`.
 */
import type { Clock, Log } from "@trestle/core";
import { Client } from "undici";

export interface AwayDetectorOptions {
  readonly url: string;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Once, as soon as it is seen; what is lost was sent after this moment or shortly before. */
  readonly away: (why: string) => void;
  /** It answers again. */
  readonly back: (why: string) => void;
}

export interface AwayDetector {
  start(): void;
  /** Somebody else saw a sign of it: look now, and treat it as having been away. */
  suspect(why: string): void;
  readonly isAway: boolean;
  stop(): Promise<void>;
}

const answerMs = 15_000;

export function createAwayDetector(options: AwayDetectorOptions): AwayDetector {
  const { clock, log, heartbeatMs } = options;
  const address = new URL(options.url);
  const path = `${address.pathname.replace(/\/+$/, "")}/_matrix/client/versions`;
  const stopping = new AbortController();
  let sign: string | undefined;
  let isAway = false;
  let told = false;
  let running: Promise<void> | undefined;
  let nap = new AbortController();
  /** The server said beforehand that it would close: proxies do after so many requests. */
  let closesAnyway = false;

  const connection = new Client(address.origin, {
    keepAliveTimeout: Math.max(heartbeatMs * 5, 60_000),
    keepAliveMaxTimeout: 600_000,
    headersTimeout: answerMs,
    bodyTimeout: answerMs,
    connect: { timeout: 5_000 },
  });
  connection.on("disconnect", (_url, _targets, error) => {
    // Codes of undici's own making (idle time, our close) are no sign.
    if (stopping.signal.aborted || closesAnyway || error?.code === "UND_ERR_INFO") return;
    saw(`the connection broke: ${error?.message ?? "closed"}`);
  });

  function saw(why: string): void {
    sign ??= why;
    if (!told) {
      told = true;
      options.away(why);
    }
    nap.abort();
  }

  async function beat(): Promise<void> {
    try {
      const { statusCode, headers, body } = await connection.request({ method: "GET", path });
      closesAnyway = String(headers["connection"] ?? "").toLowerCase() === "close";
      await body.dump();
      if (statusCode >= 500) {
        isAway = true;
        return saw(`status ${statusCode}`);
      }
    } catch (error) {
      if (stopping.signal.aborted) return;
      isAway = true;
      return saw(error instanceof Error ? error.message : String(error));
    }
    isAway = false;
    const why = sign;
    if (why === undefined) return;
    sign = undefined;
    told = false;
    log.info({ why }, "the homeserver was away and is back");
    options.back(why);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await beat();
      if (stopping.signal.aborted) return;
      nap = new AbortController();
      // Away: look often, it costs nothing and every message waits. A sign with no failure yet: look at once.
      const waitMs = isAway ? Math.min(heartbeatMs, 500) : sign === undefined ? heartbeatMs : 0;
      if (waitMs > 0) await clock.wait(waitMs, AbortSignal.any([nap.signal, stopping.signal]));
    }
  }

  return {
    start() {
      running ??= run();
    },
    suspect: saw,
    get isAway() {
      return isAway;
    },
    async stop() {
      stopping.abort();
      nap.abort();
      await connection.destroy();
      await running;
    },
  };
}
