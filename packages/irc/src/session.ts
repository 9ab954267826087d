/**
 * One connection to one server, from dialling to its end: time limits, registration, keep-alive, pacing and confirmation on
 * it. irc-framework parses and negotiates inside; everything else of it is kept from acting. It ends exactly once, with a
 * classified failure; whether to come back is connections.ts.
 */
import { BridgeError, type Clock, type Log } from "@trestle/core";
import { Client } from "irc-framework";
import type { IrcNetworkConfig, IrcServerConfig } from "./config.ts";
import type { Confirmations } from "./confirmations.ts";
import { createDialogue, type Dialogue } from "./dialogue.ts";
import { createEnding, type Ending } from "./ending.ts";
import { classifySocketError, cleanReason, codeOf, type Failure } from "./failures.ts";
import { connectFramework } from "./framework.ts";
import { keepAlive } from "./keep-alive.ts";
import type { IrcMessage } from "./message.ts";
import { choosePace, type ServerOptions } from "./profiles.ts";
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

/** Dials at once. */
export function openSession(options: SessionOptions): Session {
  const { clock, network, server } = options;
  const where = `${server.host}:${server.port}`;
  const transport = transportFor(options);
  const client = new Client();
  const ending = createEnding(clock, (failure) => {
    queue.close();
    dialogue.confirmations().fail(new BridgeError(codeOf(failure.kind), failure.detail));
    client.removeAllListeners();
    transport.destroy();
    options.onClosed(failure);
  });
  const close = (failure: Failure, reason?: string): void =>
    ending.begin(failure, () => {
      if (reason !== undefined && dialogue.phase() !== "dialling") write(formatLine("QUIT", [cleanReason(reason)]));
      transport.close();
    });
  const has = (capability: string): boolean => client.network.cap.enabled.includes(capability);
  const write = (line: string): void => {
    if (!ending.over.aborted) transport.writeLine(line);
  };

  const queue = createSendQueue({ clock, pace: "unlimited", mayMessage: () => dialogue.confirmations().hasRoom() });
  const registration = createRegistration({
    client,
    nick: network.nick,
    sasl: network.sasl !== undefined,
    where,
    write: (command, params) => write(formatLine(command, params)),
    fail: (failure) => close(failure, "Goodbye"),
  });
  const dialogue: Dialogue = createDialogue({
    ...options,
    client,
    ending,
    queue,
    registration,
    where,
    has,
    write,
    fail: close,
    onReady() {
      queue.setPace(choosePace(network, dialogue.options()));
      options.onReady();
    },
  });
  keepAlive({
    clock,
    network,
    where,
    ended: ending.over,
    phase: dialogue.phase,
    heardAtMs: dialogue.heardAtMs,
    oldestUnconfirmedAtMs: () => dialogue.confirmations().oldestAtMs(),
    ping: () => queue.urgent(1, () => write(formatLine("PING", ["alive"]))),
    fail: ending.finish,
  });
  dial(options, where, { client, transport, dialogue, ending });

  return {
    queue,
    confirmations: dialogue.confirmations,
    nick: () => client.user.nick,
    options: dialogue.options,
    has,
    heardAtMs: dialogue.heardAtMs,
    send(command, params, tags) {
      const line = formatLine(command, params, tags);
      queue.protocol({ lines: 1, run: () => write(line), drop: () => undefined });
    },
    write,
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    close,
  };
}

interface Dialling {
  readonly client: Client;
  readonly transport: Transport;
  readonly dialogue: Dialogue;
  readonly ending: Ending;
}

function dial(
  { log, network, realname }: SessionOptions,
  where: string,
  { client, transport, dialogue, ending }: Dialling,
): void {
  try {
    connectFramework({
      client,
      transport,
      network,
      realname,
      onLine: dialogue.take,
      onOpen: dialogue.open,
      onClose(error) {
        const closed = { kind: "closed" as const, detail: `${where} closed the connection` };
        ending.finish(error ? classifySocketError(error, where) : closed);
      },
      onFault: (command, fault) => log.warn({ command, fault: describe(fault) }, "a line could not be handled"),
    });
  } catch (fault) {
    queueMicrotask(() => ending.finish({ kind: "config", detail: `${where}: ${describe(fault)}` }));
  }
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
