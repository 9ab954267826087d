/**
 * The parts of one network put together: who hears from whom. Nothing happens here; connections.ts opens sessions and these live on
 * across them.
 */
import type { ChatKey, ConnectorHost, Log, NetworkId } from "@trestle/core";
import { type ChannelState, createChannelState } from "./channel-state.ts";
import type { IrcNetworkConfig } from "./config.ts";
import type { ConnectionState } from "./connection-state.ts";
import { createEntryWaits, type EntryWaits } from "./entry-waits.ts";
import { createGaps, type Gaps } from "./gaps.ts";
import { createHeardMarks, type HeardMarks } from "./heard-marks.ts";
import { createHearing, type Hearing } from "./hearing.ts";
import { channelProblem } from "./ids.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { createJoins, type Joins } from "./joins.ts";
import type { Interpret, Relayed } from "./line-events.ts";
import { createOwnLines, type OwnLines } from "./own-lines.ts";
import { defaultServerOptions } from "./profiles.ts";
import { createTopics, type Topics } from "./topics.ts";
import { createUlids } from "./ulid.ts";

export interface NetworkPartsOptions {
  readonly network: NetworkId;
  readonly config: IrcNetworkConfig;
  readonly host: ConnectorHost;
  readonly log: Log;
  readonly interpret: Interpret;
  readonly relayed: Relayed;
  readonly state: ConnectionState;
  readonly stopping: AbortSignal;
}

export interface NetworkParts {
  readonly channels: ChannelState;
  readonly entries: EntryWaits;
  readonly gaps: Gaps;
  readonly hearing: Hearing;
  readonly inbox: Inbox;
  readonly joins: Joins;
  readonly marks: HeardMarks;
  readonly ownLines: OwnLines;
  readonly topics: Topics;
  follow(chat: ChatKey): void;
  unfollow(chat: ChatKey, reason: string): void;
  /** What outlives the process; before anything else. */
  load(): Promise<void>;
  /** A session is over. */
  end(): void;
}

/** Builds them; nothing is loaded yet. */
export function createNetworkParts(options: NetworkPartsOptions): NetworkParts {
  const { config, host, log, network, state } = options;
  const { clock, kv } = host;
  const { fold, session } = state;
  const ulid = createUlids();
  const gaps: Gaps = createGaps({ network, kv, log });
  const topics = createTopics({
    network,
    kv,
    log,
    newKey: () => ulid(clock.now()),
    push: (event, chat) => inbox.push(event, clock.now(), chat),
  });
  const ownLines = createOwnLines({ network, kv, log });
  const channels = createChannelState(fold);
  const entries = createEntryWaits({ clock });
  const inbox = createInbox({
    clock,
    emit: (event) => host.emit(event),
    onPause: (paused) => (paused ? session()?.pause() : session()?.resume()),
    onOverload: (reason) => session()?.close({ kind: "storage", detail: reason }, "The bridge cannot store messages"),
    onStored: () => marks.touch(),
  });
  const joins = createJoins({
    clock,
    fold,
    rejoinMinMs: config.rejoinMinMs,
    rejoinMaxMs: config.rejoinMaxMs,
    send: (command, params) => session()?.send(command, params),
    onGone: (channel, reason) => hearing.isGone(channel, reason),
    nameProblem(channel) {
      const { chantypes, channelLength: bytesMax } = session()?.options() ?? defaultServerOptions;
      return channelProblem(channel, { chantypes, bytesMax });
    },
    onOut: (channel, reason) => hearing.wentOut(channel, reason),
  });
  const parts = { channels, entries, gaps, inbox, joins, ownLines, topics };
  const hearing: Hearing = createHearing({ ...options, ...parts, fold, mapping: state.mapping, ulid });
  const marks = createHeardMarks({
    clock,
    log,
    gaps,
    inbox,
    stopping: options.stopping,
    heardAtMs: () => state.readySession()?.heardAtMs(),
    // a channel that we are still on the way into keeps the mark where it missed first
    isSettled: () => joins.isSettled() && hearing.isSettled(),
  });

  return {
    ...parts,
    hearing,
    marks,
    follow(chat) {
      hearing.follow(chat);
      joins.follow(chat.id);
    },
    unfollow(chat, reason) {
      joins.unfollow(chat.id, reason);
      hearing.unfollow(chat);
      entries.wake(chat.id);
      for (const book of [gaps, topics, ownLines]) book.forget(chat.id);
    },
    async load() {
      await Promise.all([gaps.load(), topics.load(), ownLines.load()]);
    },
    end() {
      hearing.end();
      entries.wakeAll();
      joins.stop();
      channels.reset();
    },
  };
}
