/**
 * One connection to one server, from dialling to its end: time limits, registration, keep-alive, pacing and confirmation on
 * it. irc-framework parses and negotiates inside; everything else of it is kept from acting. It ends exactly once, with a
 * classified failure; whether to come back is connections.ts.
 */
import { BridgeError, type Clock, type Log } from "@trestle/core";
import { Client } from "irc-framework";
import type { IrcNetworkConfig, IrcServerConfig } from "./config.ts";
import { type Confirmations, createConfirmations } from "./confirmations.ts";
import { classifyServerError, classifySocketError, codeOf, type Failure } from "./failures.ts";
import { type IrcMessage, lastParam, param } from "./message.ts";
import { choosePace, defaultServerOptions, readServerOptions, type ServerOptions } from "./profiles.ts";
import { createRegistration, wantedCapabilities } from "./registration.ts";
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

  const transport = createTransport({
    host: server.host,
    port: server.port,
    tls: server.tls,
    rejectUnauthorized: server.rejectUnauthorized,
    encodingFallback: network.encodingFallback,
    onFault: (fault) => log.warn({ fault: describe(fault) }, "a line could not be handled"),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(network.outgoingAddress === undefined ? {} : { localAddress: network.outgoingAddress }),
  });
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
    confirmations.fail(
      new BridgeError(codeOf(failure.kind) === "login-refused" ? "login-refused" : "network-down", failure.detail),
    );
    client.removeAllListeners();
    transport.destroy();
    options.onClosed(failure);
  };
  /** What went wrong is known; the socket's own end comes later or never. */
  const fail = (failure: Failure, reason?: string): void => {
    verdict ??= failure;
    if (closed) return;
    if (reason !== undefined && phase !== "dialling") {
      try {
        write(formatLine("QUIT", [reason]));
      } catch (fault) {
        log.warn({ fault: describe(fault) }, "no goodbye could be said");
      }
    }
    transport.close();
    void clock.wait(goodbyeMs, ended.signal).then(() => finish(verdict ?? failure));
  };
  const failNow = (failure: Failure): void => {
    verdict ??= failure;
    finish(verdict);
  };

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

  watchTime();
  connect();

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

  function connect(): void {
    client.requestCap(wantedCapabilities);
    client.use((_, raw) => {
      raw.use((_command, message, _line, _client, next) => {
        heardAtMs = clock.now();
        try {
          onLine(message, (other) => {
            // the framework goes on with the very object that it made
            Object.assign(message, other);
            next();
          });
        } catch (fault) {
          log.warn({ command: message.command, fault: describe(fault) }, "a line could not be handled");
        }
      });
    });
    client.on("socket connected", () => {
      phase = "registering";
    });
    client.on("socket close", (error: unknown) => {
      const failure = verdict ?? (error instanceof Error ? classifySocketError(error, where) : undefined);
      finish(failure ?? { kind: "closed", detail: `${where} closed the connection` });
    });
    try {
      client.connect({
        nick: network.nick,
        username: network.username ?? network.nick,
        gecos: options.realname,
        ...(network.password === undefined ? {} : { password: network.password }),
        // an empty object: else a server password would be used as a SASL password too
        account: network.sasl ?? {},
        version: "",
        auto_reconnect: false,
        ping_interval: 0,
        ping_timeout: 0,
        sasl_disconnect_on_fail: true,
        transport: transportClass(transport),
      });
    } catch (fault) {
      queueMicrotask(() => failNow({ kind: "config", detail: `${where}: ${describe(fault)}` }));
    }
  }

  function watchTime(): void {
    void clock.wait(network.connectTimeoutMs, ended.signal).then(() => {
      if (phase === "dialling")
        failNow({ kind: "timeout", detail: `${where} did not answer within ${network.connectTimeoutMs / 1000} s` });
    });
    void clock.wait(network.connectTimeoutMs + network.registrationTimeoutMs, ended.signal).then(() => {
      if (phase !== "ready")
        failNow({
          kind: "timeout",
          detail: `${where} did not let the bridge in within ${network.registrationTimeoutMs / 1000} s`,
        });
    });
    void keepAlive();
  }

  async function keepAlive(): Promise<void> {
    let askedAtMs = clock.now();
    const stepMs = Math.max(20, Math.min(network.pingIntervalMs, network.pingTimeoutMs, network.confirmTimeoutMs) / 4);
    while (!ended.signal.aborted) {
      await clock.wait(stepMs, ended.signal);
      if (ended.signal.aborted || phase === "dialling") continue;
      const now = clock.now();
      const oldest = confirmations.oldestAtMs();
      if (now - heardAtMs > network.pingTimeoutMs) {
        failNow({ kind: "ping-timeout", detail: `nothing heard from ${where} for ${network.pingTimeoutMs / 1000} s` });
      } else if (oldest !== undefined && now - oldest > network.confirmTimeoutMs) {
        failNow({
          kind: "ping-timeout",
          detail: `${where} did not confirm a message within ${network.confirmTimeoutMs / 1000} s`,
        });
      } else if (phase === "ready" && now - askedAtMs >= network.pingIntervalMs) {
        askedAtMs = now;
        queue.urgent(1, () => write(formatLine("PING", ["alive"])));
      }
    }
  }
}

// irc-framework calls `new` on it; ours exists already
function transportClass(transport: Transport): new () => Transport {
  return function existing() {
    return transport;
  } as unknown as new () => Transport;
}

function describe(fault: unknown): string {
  return fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault);
}
