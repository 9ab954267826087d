/**
 * What is heard in one session, line by line: PING and ERROR are dealt with, registration has its say, what our own parts came to is
 * found out, and the rest is handed on in order. It knows how far the session has come and what the server said of itself.
 */
import type { Clock } from "@trestle/core";
import type { Client } from "irc-framework";
import { type Confirmations, createConfirmations } from "./confirmations.ts";
import type { Ending } from "./ending.ts";
import { classifyServerError, type Failure } from "./failures.ts";
import type { Phase } from "./keep-alive.ts";
import { type IrcMessage, lastParam, param } from "./message.ts";
import { defaultServerOptions, readServerOptions, type ServerOptions } from "./profiles.ts";
import type { Registration } from "./registration.ts";
import type { SendQueue } from "./send-queue.ts";
import { formatLine } from "./wire-writer.ts";

export interface DialogueOptions {
  readonly clock: Clock;
  readonly client: Client;
  readonly ending: Ending;
  readonly queue: SendQueue;
  readonly registration: Registration;
  /** For people: `irc.example.org:6697`. */
  readonly where: string;
  readonly fold: (name: string) => string;
  readonly isJoined: (channel: string) => boolean;
  readonly has: (capability: string) => boolean;
  readonly write: (line: string) => void;
  readonly fail: (failure: Failure) => void;
  readonly onReady: () => void;
  readonly onMessage: (message: IrcMessage, own: boolean, answered: boolean) => void;
}

export interface Dialogue {
  /** The socket is open. */
  open(): void;
  /** Takes one line; `pass` lets irc-framework act on it. */
  take(message: IrcMessage, pass: (message: IrcMessage) => void): void;
  phase(): Phase;
  options(): ServerOptions;
  confirmations(): Confirmations;
  heardAtMs(): number;
}

/** Builds the dialogue of a session that is being dialled. */
export function createDialogue(options: DialogueOptions): Dialogue {
  const { client, clock, ending, has, queue, registration, where, write } = options;
  const confirmBy = (labelled: boolean): Confirmations =>
    createConfirmations({ labelled, fold: options.fold, isJoined: options.isJoined, onSettled: () => queue.wake() });
  let phase: Phase = "dialling";
  let serverOptions = defaultServerOptions;
  let confirmations = confirmBy(false);
  let heardAtMs = clock.now();

  const welcome = (): void => {
    phase = "welcomed";
    confirmations = confirmBy(has("labeled-response") && has("echo-message") && has("batch"));
    // answered after all that the server says at the start, also where it has no message of the day
    write(formatLine("PING", ["welcome"]));
  };
  const takeWelcomed = (message: IrcMessage): void => {
    if (message.command === "005") {
      serverOptions = readServerOptions(serverOptions, message.params.slice(1, -1));
      return;
    }
    const own = message.nick !== "" && options.fold(message.nick) === options.fold(client.user.nick);
    const answered = confirmations.take(message, own);
    if (own && message.command === "NICK") client.user.nick = param(message, 0);
    const isEnd = message.command === "376" || message.command === "422" || message.command === "PONG";
    if (phase === "welcomed" && isEnd) {
      phase = "ready";
      options.onReady();
    } else options.onMessage(message, own, answered);
  };

  return {
    open() {
      phase = "registering";
    },
    take(message, pass) {
      if (ending.over.aborted) return;
      heardAtMs = clock.now();
      if (message.command === "PING") {
        queue.urgent(1, () => write(formatLine("PONG", [lastParam(message)])));
        return;
      }
      if (message.command === "ERROR") {
        options.fail(classifyServerError(lastParam(message), where));
        return;
      }
      const step = registration.take(message);
      if (step.to === "framework") pass(step.message);
      if (ending.isNear()) return;
      if (message.command === "001" && phase === "registering") welcome();
      if (phase === "welcomed" || phase === "ready") takeWelcomed(message);
    },
    phase: () => phase,
    options: () => serverOptions,
    confirmations: () => confirmations,
    heardAtMs: () => heardAtMs,
  };
}
