/**
 * The supervisor of one network's relaying connection: dials, waits and dials again for ever, patiently by the kind of failure;
 * keeps sessions, joins, marks and the inbox together. One per network; none knows of another, so one that is down costs the
 * others nothing.
 */
import {
  BridgeError,
  type ChatKey,
  type ConnectorHost,
  type Log,
  type NetworkId,
  type NetworkStatus,
  type RemoteEvent,
} from "@trestle/core";
import { wantedCapabilities } from "./capability-negotiation.ts";
import type { ChannelState } from "./channel-state.ts";
import type { IrcNetworkConfig } from "./config.ts";
import type { Failure } from "./failures.ts";
import { type CaseMapping, caseMappingOf, foldCase } from "./ids.ts";
import type { Interpret, Relayed } from "./line-events.ts";
import { createNetworkParts, type NetworkParts } from "./network-parts.ts";
import type { OwnLines } from "./own-lines.ts";
import { defaultServerOptions, type ServerOptions } from "./profiles.ts";
import { sendInPassing } from "./sending.ts";
import { openSession, type Session } from "./session.ts";
import { superviseSessions } from "./supervise.ts";

export interface ConnectionOptions {
  readonly network: NetworkId;
  readonly config: IrcNetworkConfig;
  /** PEM by server, read from `caFile`. */
  readonly authorities: readonly (string | undefined)[];
  readonly host: ConnectorHost;
  readonly interpret: Interpret;
  readonly relayed: Relayed;
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
  /**
   * Resolves once we are in this chat and its past is settled; a join that is under way is waited for. Rejects with
   * `network-down` or `not-joined`.
   */
  whenIn(chat: ChatKey): Promise<Session>;
  /** Tells by tags alone, if we are in the chat and the connection has nothing else to do; whether it did. */
  sendInPassing(chat: ChatKey, tags: Readonly<Record<string, string>>): boolean;
  /** Knows our own lines in this chat since then, as far as the server can tell; from when on by the server's clock. */
  findOwnLines(chat: ChatKey, sinceMs: number): Promise<number>;
  /** Where the server keeps history: which of our lines it has. */
  ownLines(): OwnLines | undefined;
  problemOf(chat: ChatKey): string | undefined;
  facts(): ConnectionFacts;
  status(): NetworkStatus;
}

/** What is known of the network now, or was when it was last up. */
export interface ConnectionFacts {
  readonly nick: string;
  /** `nick!ident@host` as others see us, as far as we know it. */
  readonly source: string | undefined;
  readonly mapping: CaseMapping;
  readonly options: ServerOptions;
  readonly capabilities: ReadonlySet<string>;
  readonly ready: boolean;
}

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
  let whyDown: { readonly detail: string; readonly nextTryAtMs: number } | undefined;
  let running: Promise<void> | undefined;

  const fold = (name: string): string => foldCase(name, mapping);
  const parts = createNetworkParts({
    ...options,
    log,
    fold,
    mapping: () => mapping,
    session: () => session,
    isReady: () => ready,
    stopping: stopping.signal,
  });

  const { channels, entries, gaps, hearing, inbox, joins, marks, ownLines } = parts;
  const tell = createTeller(options, log);

  const becomeReady = (opened: Session): void => {
    serverOptions = opened.options();
    mapping = caseMappingOf(serverOptions.casemapping);
    gaps.setCasemapping(mapping);
    capabilities = offersOf(opened);
    inbox.forgetLost();
    ready = true;
    state = "up";
    whyDown = undefined;
    log.info({ nick: opened.nick() }, "connected");
    tell("up");
    hearing.begin(opened);
    joins.start(serverOptions.joinTargets);
  };

  const runSession = (serverIndex: number): Promise<{ failure: Failure; readyForMs: number }> =>
    new Promise((resolve) => {
      state = "connecting";
      let readyAtMs: number | undefined;
      const opened: Session = openSession({
        ...dialOptions(options, serverIndex),
        clock,
        log,
        fold,
        isJoined: (channel) => channels.isJoined(channel),
        onReady() {
          readyAtMs = clock.now();
          becomeReady(opened);
        },
        onMessage: (message, own, answered) => {
          hearing.take(message, own, answered);
          marks.touch();
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
    const unsettled = wasReady ? hearing.unsettledChats() : [];
    parts.end();
    session = undefined;
    if (wasReady) await marks.close(closed.heardAtMs(), unsettled);
  };

  const onDown = (failure: Failure, waitMs: number): void => {
    state = "down";
    whyDown = { detail: failure.detail, nextTryAtMs: clock.now() + waitMs };
    log.warn({ kind: failure.kind, detail: failure.detail, waitMs }, "not connected");
    host.meter.count("trestle_irc_connection_failures_total", { network, kind: failure.kind });
    tell("down", failure.detail);
  };

  const requireSession = (): Session => {
    if (session !== undefined && ready) return session;
    throw notConnected(whyDown?.detail, whyDown && whyDown.nextTryAtMs - clock.now());
  };

  const requireJoined = (chat: ChatKey): Session => {
    const current = requireSession();
    if (channels.isJoined(chat.id)) return current;
    throw new BridgeError("not-joined", joins.problemOf(chat.id) ?? "the bridge is on its way into the channel");
  };

  return {
    channels,
    async start() {
      await parts.load();
      mapping = gaps.casemapping() === undefined ? "ascii" : caseMappingOf(gaps.casemapping());
      running = superviseSessions({ clock, config, stopping: stopping.signal, run: runSession, onDown });
    },
    async stop() {
      stopping.abort();
      entries.wakeAll();
      session?.close({ kind: "closed", detail: "the bridge stops" }, "The bridge stops");
      await running;
      state = "down";
    },
    follow: parts.follow,
    unfollow: parts.unfollow,
    session: requireSession,
    async whenIn(chat) {
      if (state !== "down" && !stopping.signal.aborted && isEntering(parts, chat)) await entries.wait(chat.id);
      requireJoined(chat);
      await hearing.whenSettled(chat);
      return requireJoined(chat);
    },
    sendInPassing(chat, tags) {
      const isIn = ready && joins.follows(chat.id) && channels.isJoined(chat.id);
      return isIn && session !== undefined && sendInPassing(session, chat, tags);
    },
    findOwnLines: (chat, sinceMs) => hearing.findOwnLines(chat, sinceMs),
    ownLines: () => (capabilities.has("draft/chathistory") && config.historyLinesMax > 0 ? ownLines : undefined),
    problemOf: (chat) => joins.problemOf(chat.id),
    facts: () => ({
      nick: session?.nick() ?? config.nick,
      source: hearing.ownSource(),
      mapping,
      options: serverOptions,
      capabilities,
      ready,
    }),
    status: () => ({
      network,
      state,
      ...(state === "up" ? nickDetail(config.nick, session?.nick(), fold) : { ...whyDown }),
      queuedLines: session?.queue.waiting() ?? 0,
      ...(session === undefined ? {} : { self: session.nick() }),
    }),
  };
}

// one that was refused once is entered again some day, for which nobody waits
function isEntering({ channels, joins }: NetworkParts, { id }: ChatKey): boolean {
  return joins.follows(id) && !channels.isJoined(id) && joins.problemOf(id) === undefined;
}

function dialOptions({ authorities, config }: ConnectionOptions, at: number) {
  const index = at % config.servers.length;
  const server = config.servers[index];
  if (server === undefined) throw new BridgeError("config-invalid", "a network needs a server");
  const ca = authorities[index];
  const contact = config.contact === undefined ? "" : ` (${config.contact})`;
  const realname = config.realname ?? `Trestle, a Matrix bridge${contact}`;
  return { server, network: config, realname, ...(ca === undefined ? {} : { ca }) };
}

function nickDetail(wanted: string, nick: string | undefined, fold: (name: string) => string): { detail?: string } {
  if (nick === undefined || fold(nick) === fold(wanted)) return {};
  return { detail: `connected as ${nick}: the nick ${wanted} is taken` };
}

function notConnected(detail: string | undefined, waitMs: number | undefined): BridgeError {
  const wait = waitMs === undefined ? {} : { afterMs: Math.max(500, waitMs) };
  return new BridgeError("network-down", detail ?? "the network is being connected", wait);
}

/** Tells the core of each change once. */
function createTeller({ host, network }: ConnectionOptions, log: Log): (now: "up" | "down", reason?: string) => void {
  let told: "up" | "down" | undefined;
  return (now, reason) => {
    if (told === now) return;
    told = now;
    const event: RemoteEvent = { kind: "connection", network, state: now, ...(reason === undefined ? {} : { reason }) };
    host.emit(event).catch((error: unknown) => log.warn({ error: String(error) }, "a connection change was not taken"));
  };
}

function offersOf(session: Session): ReadonlySet<string> {
  return new Set(wantedCapabilities.filter(session.has));
}
