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
import type { ChannelState } from "./channel-state.ts";
import type { IrcNetworkConfig } from "./config.ts";
import { type ConnectionFacts, type ConnectionState, createConnectionState } from "./connection-state.ts";
import type { Interpret, Relayed } from "./line-events.ts";
import { createNetworkParts, type NetworkParts } from "./network-parts.ts";
import type { OwnLines } from "./own-lines.ts";
import { sendInPassing } from "./sending.ts";
import { openSession, type Session } from "./session.ts";
import { type SuperviseOptions, superviseSessions } from "./supervise.ts";

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

/** Builds an idle connection. */
export function createConnection(options: ConnectionOptions): Connection {
  const { config, host, network } = options;
  const { clock } = host;
  const log = host.log.child({ network });
  const stopping = new AbortController();
  const state = createConnectionState({ network, config, clock });
  const parts = createNetworkParts({ ...options, log, state, stopping: stopping.signal });
  const { channels, entries, gaps, hearing, joins, ownLines } = parts;
  let running: Promise<void> | undefined;

  const requireJoined = (chat: ChatKey): Session => {
    const current = state.requireSession();
    if (channels.isJoined(chat.id)) return current;
    throw new BridgeError("not-joined", joins.problemOf(chat.id) ?? "the bridge is on its way into the channel");
  };

  return {
    channels,
    async start() {
      await parts.load();
      const casemapping = gaps.casemapping();
      if (casemapping !== undefined) state.remember(casemapping);
      const sessions = createSessions(options, log, state, parts);
      running = superviseSessions({ clock, config, stopping: stopping.signal, ...sessions });
    },
    async stop() {
      stopping.abort();
      entries.wakeAll();
      state.session()?.close({ kind: "closed", detail: "the bridge stops" }, "The bridge stops");
      await running;
      state.stops();
    },
    follow: parts.follow,
    unfollow: parts.unfollow,
    session: state.requireSession,
    async whenIn(chat) {
      if (!state.isDown() && !stopping.signal.aborted && isEntering(parts, chat)) await entries.wait(chat.id);
      requireJoined(chat);
      await hearing.whenSettled(chat);
      return requireJoined(chat);
    },
    sendInPassing(chat, tags) {
      const session = state.readySession();
      const isIn = joins.follows(chat.id) && channels.isJoined(chat.id);
      return session !== undefined && isIn && sendInPassing(session, chat, tags);
    },
    findOwnLines: (chat, sinceMs) => hearing.findOwnLines(chat, sinceMs),
    ownLines() {
      const isKept = state.facts().capabilities.has("draft/chathistory") && config.historyLinesMax > 0;
      return isKept ? ownLines : undefined;
    },
    problemOf: (chat) => joins.problemOf(chat.id),
    facts: () => ({ ...state.facts(), source: hearing.ownSource() }),
    status: state.status,
  };
}

/** The sessions of a network, one after the other: what each of them means to the parts, and to the core. */
function createSessions(
  options: ConnectionOptions,
  log: Log,
  state: ConnectionState,
  { channels, end, gaps, hearing, inbox, joins, marks }: NetworkParts,
): Pick<SuperviseOptions, "run" | "onDown"> {
  const { host, network } = options;
  const { clock } = host;
  const tell = createTeller(options, log);

  const becomeReady = (opened: Session): void => {
    state.becomesReady(opened);
    gaps.setCasemapping(state.mapping());
    inbox.forgetLost();
    log.info({ nick: opened.nick() }, "connected");
    tell("up");
    hearing.begin(opened);
    joins.start(opened.options().joinTargets);
  };

  const closeDown = async (closed: Session): Promise<void> => {
    const wasReady = state.closes();
    const unsettled = wasReady ? hearing.unsettledChats() : [];
    end();
    if (wasReady) await marks.close(closed.heardAtMs(), unsettled);
  };

  return {
    run: (serverIndex) =>
      new Promise((resolve) => {
        let readyAtMs: number | undefined;
        const opened: Session = openSession({
          ...dialOptions(options, serverIndex),
          clock,
          log,
          fold: state.fold,
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
            void closeDown(opened).then(() => {
              resolve({ failure, readyForMs: readyAtMs === undefined ? 0 : clock.now() - readyAtMs });
            });
          },
        });
        state.dials(opened);
      }),
    onDown(failure, waitMs) {
      state.goesDown(failure, waitMs);
      log.warn({ kind: failure.kind, detail: failure.detail, waitMs }, "not connected");
      host.meter.count("trestle_irc_connection_failures_total", { network, kind: failure.kind });
      tell("down", failure.detail);
    },
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
