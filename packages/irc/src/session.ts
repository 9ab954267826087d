/**
 * One connection to one server, from dialling to its end: time limits, registration, keep-alive, pacing and confirmation on
 * it. irc-framework parses and negotiates inside; everything else of it is kept from acting. It ends exactly once, with a
 * classified failure; whether to come back is connections.ts.
 */
import { BridgeError, type Clock, type Log } from "@trestle/core";
import { Client } from "irc-framework";
import type { IrcNetworkConfig, IrcServerConfig } from "./config.ts";
import { type Confirmations, createConfirmations } from "./confirmations.ts";
import { classifyServerError, classifySocketError, cleanReason, codeOf, type Failure } from "./failures.ts";
import { connectFramework } from "./framework.ts";
import { keepAlive } from "./keep-alive.ts";
import { type IrcMessage, lastParam, param } from "./message.ts";
import { choosePace, defaultServerOptions, readServerOptions, type ServerOptions } from "./profiles.ts";
import { createRegistration } from "./registration.ts";
import { createSendQueue, type SendQueue } from "./send-queue.ts";
import { createTransport, type Transport } from "./transport.ts";
import { formatLine } from "./wire-writer.ts";

export interface SessionOptions {
  readonly server: IrcServerConfig;
  readonly ca?: string;
  readonly network: IrcNetworkConfig;
  readonly realname: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly fold: (name: string) => string;
  readonly isJoined: (channel: string) => boolean;
  /** Registered and told all about the server. */
  readonly onReady: () => void;
  /** Every line after the welcome but PING, in order. `own`: by ourselves; `answered`: it settled a part of ours. */
  readonly onMessage: (message: IrcMessage, own: boolean, answered: boolean) => void;
  readonly onClosed: (failure: Failure) => void;
}

export interface Session {
  readonly queue: SendQueue;
  confirmations(): Confirmations;
  nick(): string;
  options(): ServerOptions;
  has(capability: string): boolean;
  /** When the server was last heard: up to then nothing can have been missed. */
  heardAtMs(): number;
  /** Queues a line of the protocol. A line that may not be sent throws. */
  send(command: string, params: readonly string[], tags?: Readonly<Record<string, string>>): void;
  /** Writes now, past the queue; for what is already paced. A line that may not be sent throws. */
  write(line: string): void;
  pause(): void;
  resume(): void;
  /** Says goodbye and closes; `onClosed` follows. */
  close(failure: Failure, reason: string): void;
}

const goodbyeMs = 1_000;

/** Dials at once. */
export function openSession(options: SessionOptions): Session {
  const { clock, network, server, log } = options;
  const where = `${server.host}:${server.port}`;
  const ended = new AbortController();
  let phase: "dialling" | "registering" | "welcomed" | "ready" = "dialling";
  let serverOptions = defaultServerOptions;
  let heardAtMs = clock.now();
  let verdict: Failure | undefined;
  let closed = false;

  const transport = transportFor(options);
  const client = new Client();
  const queue = createSendQueue({ clock, pace: "unlimited", mayMessage: () => confirmations.hasRoom() });
  const book = (labelled: boolean): Confirmations =>
    createConfirmations({ labelled, fold: options.fold, isJoined: options.isJoined, onSettled: () => queue.wake() });
  let confirmations = book(false);
  const has = (capability: string): boolean => client.network.cap.enabled.includes(capability);
  const write = (line: string): void => {
    if (!closed) transport.writeLine(line);
  };
  const send = (command: string, params: readonly string[], tags?: Readonly<Record<string, string>>): void => {
    const line = formatLine(command, params, tags);
    queue.protocol({ lines: 1, run: () => write(line), drop: () => undefined });
  };
  const finish = (failure: Failure): void => {
    if (closed) return;
    closed = true;
    ended.abort();
    queue.close();
    confirmations.fail(new BridgeError(codeOf(failure.kind), failure.detail));
    client.removeAllListeners();
    transport.destroy();
    options.onClosed(failure);
  };
  /** What went wrong is known; the socket's own end comes later or never. */
  const fail = (failure: Failure, reason?: string): void => {
    verdict ??= failure;
    if (closed) return;
    if (reason !== undefined && phase !== "dialling") write(formatLine("QUIT", [cleanReason(reason)]));
    transport.close();
    void clock.wait(goodbyeMs, ended.signal).then(() => finish(verdict ?? failure));
  };
  const failNow = (failure: Failure): void => finish(verdict ?? failure);

  const registration = createRegistration({
    client,
    nick: network.nick,
    sasl: network.sasl !== undefined,
    where,
    write: (command, params) => write(formatLine(command, params)),
    fail: (failure) => fail(failure, "Goodbye"),
  });

  const becomeReady = (): void => {
    if (phase !== "welcomed") return;
    phase = "ready";
    queue.setPace(choosePace(network, serverOptions));
    options.onReady();
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
    if (phase === "welcomed" && isEnd) becomeReady();
    else options.onMessage(message, own, answered);
  };

  const onLine = (message: IrcMessage, pass: (message: IrcMessage) => void): void => {
    if (closed) return;
    heardAtMs = clock.now();
    if (message.command === "PING") {
      queue.urgent(1, () => write(formatLine("PONG", [lastParam(message)])));
      return;
    }
    if (message.command === "ERROR") {
      fail(classifyServerError(lastParam(message), where));
      return;
    }
    const step = registration.take(message);
    if (step.to === "framework") pass(step.message);
    if (closed || verdict !== undefined) return;
    if (message.command === "001" && phase === "registering") {
      phase = "welcomed";
      confirmations = book(has("labeled-response") && has("echo-message") && has("batch"));
      // answered after all that the server says at the start, also where it has no message of the day
      write(formatLine("PING", ["welcome"]));
    }
    if (phase === "welcomed" || phase === "ready") takeWelcomed(message);
  };

  keepAlive({
    clock,
    network,
    where,
    ended: ended.signal,
    phase: () => phase,
    heardAtMs: () => heardAtMs,
    oldestUnconfirmedAtMs: () => confirmations.oldestAtMs(),
    ping: () => queue.urgent(1, () => write(formatLine("PING", ["alive"]))),
    fail: failNow,
  });
  try {
    connectFramework({
      client,
      transport,
      network,
      realname: options.realname,
      onLine,
      onOpen: () => {
        phase = "registering";
      },
      onClose(error) {
        const failure = verdict ?? (error ? classifySocketError(error, where) : undefined);
        finish(failure ?? { kind: "closed", detail: `${where} closed the connection` });
      },
      onFault: (command, fault) => log.warn({ command, fault: describe(fault) }, "a line could not be handled"),
    });
  } catch (fault) {
    queueMicrotask(() => failNow({ kind: "config", detail: `${where}: ${describe(fault)}` }));
  }

  return {
    queue,
    confirmations: () => confirmations,
    nick: () => client.user.nick,
    options: () => serverOptions,
    has,
    heardAtMs: () => heardAtMs,
    send,
    write,
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    close: (failure, reason) => fail(failure, reason),
  };
}

function transportFor({ server, network, log, ca }: SessionOptions): Transport {
  return createTransport({
    host: server.host,
    port: server.port,
    tls: server.tls,
    rejectUnauthorized: server.rejectUnauthorized,
    encodingFallback: network.encodingFallback,
    onFault: (fault) => log.warn({ fault: describe(fault) }, "a line could not be handled"),
    ...(ca === undefined ? {} : { ca }),
    ...(network.outgoingAddress === undefined ? {} : { localAddress: network.outgoingAddress }),
  });
}

function describe(fault: unknown): string {
  return fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault);
}
