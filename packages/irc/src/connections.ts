/**
 * The supervisor of one network's relaying connection: dials, waits and dials again for ever, patiently by the kind of failure;
 * keeps sessions, joins, marks and the inbox together. One per network; none knows of another, so one that is down costs the
 * others nothing.
 */
import {
  BridgeError,
  type ChatKey,
  type ConnectorHost,
  type NetworkId,
  type NetworkStatus,
  type RemoteEvent,
} from "@trestle/core";
import { type ChannelState, createChannelState } from "./channel-state.ts";
import type { IrcNetworkConfig } from "./config.ts";
import { type Failure, patienceMs } from "./failures.ts";
import { createGaps, type Gaps } from "./gaps.ts";
import { createHearing, type Hearing, type Interpret } from "./hearing.ts";
import { type CaseMapping, caseMappingOf, foldCase } from "./ids.ts";
import { createInbox } from "./inbox.ts";
import { createJoins } from "./joins.ts";
import { defaultServerOptions, type ServerOptions } from "./profiles.ts";
import { openSession, type Session } from "./session.ts";
import { createTopics } from "./topics.ts";

export interface ConnectionOptions {
  readonly network: NetworkId;
  readonly config: IrcNetworkConfig;
  /** PEM by server, read from `caFile`. */
  readonly authorities: readonly (string | undefined)[];
  readonly host: ConnectorHost;
  readonly interpret: Interpret;
}

export interface Connection {
  /** Begins in the background. */
  start(): Promise<void>;
  stop(): Promise<void>;
  follow(chat: ChatKey): void;
  unfollow(chat: ChatKey, reason: string): void;
  readonly channels: ChannelState;
  /** The ready session, or a `network-down` BridgeError. */
  session(): Session;
  /** Throws `network-down` or `not-joined` unless we are in this chat right now. */
  requireJoined(chat: ChatKey): Session;
  problemOf(chat: ChatKey): string | undefined;
  facts(): ConnectionFacts;
  status(): NetworkStatus;
}

/** What is known of the network now, or was when it was last up. */
export interface ConnectionFacts {
  readonly nick: string;
  /** `nick!ident@host` as others see us, as far as we know it. */
  readonly source?: string;
  readonly mapping: CaseMapping;
  readonly options: ServerOptions;
  readonly capabilities: ReadonlySet<string>;
  readonly ready: boolean;
}

/** A connection that stood for so long starts over with short waits. */
const steadyMs = 60_000;
const markEveryMs = 250;

/** Builds an idle connection. */
export function createConnection(options: ConnectionOptions): Connection {
  const { config, host, network } = options;
  const { clock, log: hostLog } = host;
  const log = hostLog.child({ network });
  const stopping = new AbortController();
  let session: Session | undefined;
  let ready = false;
  let mapping: CaseMapping = "ascii";
  let serverOptions = defaultServerOptions;
  let capabilities: ReadonlySet<string> = new Set();
  let state: NetworkStatus["state"] = "connecting";
  let detail: string | undefined;
  let nextTryAtMs: number | undefined;
  let told: "up" | "down" | undefined;
  let running: Promise<void> | undefined;
  let marking = false;

  const fold = (name: string): string => foldCase(name, mapping);
  const gaps: Gaps = createGaps({ network, kv: host.kv, log });
  const topics = createTopics({ network, kv: host.kv, log });
  const channels = createChannelState(fold);
  const inbox = createInbox({
    clock,
    emit: (event) => host.emit(event),
    onPause: (paused) => (paused ? session?.pause() : session?.resume()),
    onOverload: (reason) => session?.close({ kind: "storage", detail: reason }, "The bridge cannot store messages"),
    onStored: () => mark(),
  });
  const joins = createJoins({
    clock,
    fold,
    rejoinMinMs: config.rejoinMinMs,
    rejoinMaxMs: config.rejoinMaxMs,
    send: (command, params) => session?.send(command, params),
    onOut: (channel, reason) => hearing.wentOut(channel, reason),
  });
  const hearing: Hearing = createHearing({
    network,
    host,
    log,
    config,
    channels,
    joins,
    inbox,
    gaps,
    topics,
    fold,
    interpret: options.interpret,
    mapping: () => mapping,
  });

  /** What was heard and stored so far counts as heard, soon and durably. */
  const mark = (): void => {
    if (marking || !ready) return;
    marking = true;
    void clock.wait(markEveryMs, stopping.signal).then(async () => {
      marking = false;
      if (ready && session !== undefined) await writeMark(session.heardAtMs());
    });
  };
  const writeMark = async (heardAtMs: number): Promise<void> => {
    // a channel that we are still on the way into keeps the mark where it missed first
    if (joins.isSettled() && hearing.isSettled()) gaps.heard(Math.min(heardAtMs, inbox.oldestAtMs() ?? heardAtMs));
    await gaps.flush().catch((error: unknown) => {
      log.error({ error: String(error) }, "the mark of what was heard could not be stored");
    });
  };

  const tell = (now: "up" | "down", reason?: string): void => {
    if (told === now) return;
    told = now;
    const event: RemoteEvent = { kind: "connection", network, state: now, ...(reason === undefined ? {} : { reason }) };
    host.emit(event).catch((error: unknown) => log.warn({ error: String(error) }, "a connection change was not taken"));
  };

  const becomeReady = (opened: Session): void => {
    serverOptions = opened.options();
    mapping = caseMappingOf(serverOptions.casemapping);
    gaps.setCasemapping(mapping);
    capabilities = new Set(["message-tags", "echo-message", "labeled-response", ...capabilityNames].filter(opened.has));
    inbox.forgetLost();
    ready = true;
    state = "up";
    detail = undefined;
    nextTryAtMs = undefined;
    log.info({ nick: opened.nick() }, "connected");
    tell("up");
    hearing.begin(opened);
    joins.start(serverOptions.joinTargets);
  };

  const runSession = (serverIndex: number): Promise<{ failure: Failure; readyForMs: number }> =>
    new Promise((resolve) => {
      let readyAtMs: number | undefined;
      const server = config.servers[serverIndex % config.servers.length];
      if (server === undefined) return;
      const ca = options.authorities[serverIndex % config.servers.length];
      const contact = config.contact === undefined ? "" : ` (${config.contact})`;
      const opened: Session = openSession({
        server,
        ...(ca === undefined ? {} : { ca }),
        network: config,
        realname: config.realname ?? `Trestle, a Matrix bridge${contact}`,
        clock,
        log,
        fold,
        isJoined: (channel) => channels.isJoined(channel),
        onReady: () => {
          readyAtMs = clock.now();
          becomeReady(opened);
        },
        onMessage: (message, own, answered) => {
          hearing.take(message, own, answered);
          mark();
        },
        onClosed: (failure) => {
          const wasReady = ready;
          ready = false;
          void closeDown(opened, wasReady).then(() => {
            resolve({ failure, readyForMs: readyAtMs === undefined ? 0 : clock.now() - readyAtMs });
          });
        },
      });
      session = opened;
    });

  const closeDown = async (closed: Session, wasReady: boolean): Promise<void> => {
    const heardAtMs = Math.min(closed.heardAtMs(), inbox.oldestAtMs() ?? closed.heardAtMs());
    const unsettled = wasReady ? hearing.unsettledChats() : [];
    hearing.end();
    joins.stop();
    channels.reset();
    session = undefined;
    if (!wasReady) return;
    try {
      // those that were never reached keep their own start, then the rest moves on
      await Promise.all(unsettled.map((chat) => gaps.pin(chat)));
      gaps.heard(heardAtMs);
      await gaps.flush();
    } catch (error) {
      log.error({ error: String(error) }, "the mark of what was heard could not be stored");
    }
  };

  const run = async (): Promise<void> => {
    let tries = 0;
    for (let at = 0; !stopping.signal.aborted; at += 1) {
      state = "connecting";
      const { failure, readyForMs } = await runSession(at);
      if (stopping.signal.aborted) break;
      tries = readyForMs >= steadyMs ? 1 : tries + 1;
      const growing = Math.min(config.retryMaxMs, config.retryMinMs * 2 ** Math.min(tries - 1, 20));
      const waitMs = Math.round(Math.max(growing, patienceMs[failure.kind]) * (0.8 + Math.random() * 0.4));
      state = "down";
      detail = failure.detail;
      nextTryAtMs = clock.now() + waitMs;
      log.warn({ kind: failure.kind, detail, waitMs }, "not connected");
      host.meter.count("trestle_irc_connection_failures_total", { network, kind: failure.kind });
      tell("down", failure.detail);
      await clock.wait(waitMs, stopping.signal);
    }
    state = "down";
  };

  const requireSession = (): Session => {
    if (session !== undefined && ready) return session;
    const wait = nextTryAtMs === undefined ? {} : { afterMs: Math.max(500, nextTryAtMs - clock.now()) };
    throw new BridgeError("network-down", detail ?? "the network is being connected", wait);
  };

  return {
    channels,
    async start() {
      await Promise.all([gaps.load(), topics.load()]);
      mapping = gaps.casemapping() === undefined ? "ascii" : caseMappingOf(gaps.casemapping());
      running = run();
    },
    async stop() {
      stopping.abort();
      session?.close({ kind: "closed", detail: "the bridge stops" }, "The bridge stops");
      await running;
    },
    follow: (chat) => {
      hearing.follow(chat);
      joins.follow(chat.id);
    },
    unfollow(chat, reason) {
      joins.unfollow(chat.id, reason);
      hearing.unfollow(chat);
      gaps.forget(chat.id);
      topics.forget(chat.id);
    },
    session: requireSession,
    requireJoined(chat) {
      const current = requireSession();
      if (channels.isJoined(chat.id)) return current;
      throw new BridgeError("not-joined", joins.problemOf(chat.id) ?? "the bridge is on its way into the channel");
    },
    problemOf: (chat) => joins.problemOf(chat.id),
    facts() {
      const source = hearing.ownSource();
      return {
        nick: session?.nick() ?? config.nick,
        ...(source === undefined ? {} : { source }),
        mapping,
        options: serverOptions,
        capabilities,
        ready,
      };
    },
    status: () => ({
      network,
      state,
      ...(state === "up" ? upDetail() : detail === undefined ? {} : { detail }),
      ...(nextTryAtMs === undefined || state === "up" ? {} : { nextTryAtMs }),
      queuedLines: session?.queue.waiting() ?? 0,
    }),
  };

  function upDetail(): { detail?: string } {
    const nick = session?.nick() ?? config.nick;
    return fold(nick) === fold(config.nick) ? {} : { detail: `connected as ${nick}: the nick ${config.nick} is taken` };
  }
}

const capabilityNames: readonly string[] = [
  "draft/chathistory",
  "draft/message-redaction",
  "draft/relaymsg",
  "overdrivenetworks.com/relaymsg",
  "server-time",
  "account-tag",
  "extended-join",
];
