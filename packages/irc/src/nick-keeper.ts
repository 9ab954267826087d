/**
 * Getting the configured nick back once we had to come in under another one: asks the server to tell us (MONITOR) and tries
 * again now and then. It knows no socket.
 */
import type { Clock } from "@trestle/core";
import { type IrcMessage, lastParam } from "./message.ts";

const retryMs = 60_000;

export interface NickKeeperOptions {
  readonly clock: Clock;
  readonly wanted: string;
  readonly current: () => string;
  readonly monitor: boolean;
  readonly fold: (name: string) => string;
  readonly send: (command: string, params: readonly string[]) => void;
}

export interface NickKeeper {
  take(message: IrcMessage): void;
  stop(): void;
}

/** Starts at once; does nothing while we have the nick. */
export function createNickKeeper(options: NickKeeperOptions): NickKeeper {
  const { clock, current, fold, send, wanted } = options;
  const stopped = new AbortController();
  const has = (): boolean => fold(current()) === fold(wanted);
  let triedAtMs = Number.NEGATIVE_INFINITY;
  const tryNow = (): void => {
    // somebody who comes and goes under our nick shall not make us flood
    if (has() || clock.now() - triedAtMs < 1_000) return;
    triedAtMs = clock.now();
    send("NICK", [wanted]);
  };
  const run = async (): Promise<void> => {
    if (!has() && options.monitor) send("MONITOR", ["+", wanted]);
    while (!stopped.signal.aborted) {
      await clock.wait(retryMs, stopped.signal);
      if (!stopped.signal.aborted) tryNow();
    }
  };
  void run();
  return {
    take(message) {
      if (has()) return;
      const gone = (message.command === "QUIT" || message.command === "NICK") && fold(message.nick) === fold(wanted);
      // RPL_MONOFFLINE lists nicks
      const offline =
        message.command === "731" &&
        lastParam(message)
          .split(",")
          .some((nick) => fold(nick) === fold(wanted));
      if (gone || offline) tryNow();
    },
    stop: () => stopped.abort(),
  };
}
