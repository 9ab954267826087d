/**
 * Coming into a followed channel, first or again, and going out of it: at an arrival its live lines wait until its past is settled.
 * What was missed is fetched where the server has it (past.ts), and what cannot be had is written down and announced as a gap.
 * Arrivals of one chat are settled one after the other. It knows no wire.
 */
import type { ChatKey, Log, NetworkId } from "@trestle/core";
import type { ChannelState } from "./channel-state.ts";
import type { Gaps } from "./gaps.ts";
import { createPast, type PastOptions } from "./past.ts";
import type { Session } from "./session.ts";

export interface ArrivalsOptions extends PastOptions {
  readonly network: NetworkId;
  readonly log: Log;
  readonly channels: ChannelState;
  readonly gaps: Gaps;
  readonly session: () => Session | undefined;
  /** We are in and its past is settled, or it is left to a later arrival. */
  readonly onArrived: (chat: ChatKey, isIn: boolean) => void;
}

export interface Arrivals {
  arrive(chat: ChatKey, session: Session): void;
  /** Kicked, made to leave, or refused at the door: told in the room the first time. */
  depart(chat: ChatKey, reason: string): void;
  isArriving(chat: string): boolean;
  /** What kept us from speaking may be over: as if we had just come in, if we are in. */
  retell(chat: ChatKey | undefined): void;
  isSettled(): boolean;
  whenSettled(chat: string): Promise<void>;
  /** Reads the history for our own lines since then (our clock), unless that was done; from when on by the server's clock. */
  findOwnLines(chat: string, sinceMs: number): Promise<number>;
}

/** Builds the arrivals of one network. */
export function createArrivals(options: ArrivalsOptions): Arrivals {
  const { channels, clock, gaps, inbox, log, network } = options;
  const arriving = new Map<string, Promise<void>>();

  const past = createPast(options);

  const settle = async (chat: ChatKey, session: Session, joinedAtMs: number): Promise<void> => {
    const { lostFromMs, stored } = await past.catchUp(chat, gaps.missedSince(chat.id));
    // gone again in between: the next arrival covers this time too
    if (!stored || options.session() !== session || !channels.isJoined(chat.id)) return;
    const out = gaps.outOf(chat.id);
    const missed = await gaps.returned(chat.id, joinedAtMs, lostFromMs);
    if (out !== undefined) {
      const key = `back/${network}/${chat.id}/${out.sinceMs}`;
      void inbox.pushNow({ kind: "presence-in-chat", key, chat, state: "back" }, joinedAtMs);
    }
    for (const gap of missed) {
      void inbox.pushNow({ kind: "gap", chat, ...gap }, joinedAtMs).then((done) => {
        if (done) gaps.announced(chat.id, [gap]);
      });
    }
  };

  return {
    arrive(chat, session) {
      const joinedAtMs = clock.now();
      inbox.hold(chat);
      const before = arriving.get(chat.id) ?? Promise.resolve();
      const arrival: Promise<void> = before
        .then(() => settle(chat, session, joinedAtMs))
        .catch((error: unknown) => {
          log.error({ error: String(error) }, "the return to a channel could not be recorded");
          const detail = "the bridge cannot store its marks";
          session.close({ kind: "storage", detail }, "The bridge cannot store messages");
        })
        .finally(() => {
          if (arriving.get(chat.id) === arrival) arriving.delete(chat.id);
          inbox.release(chat);
          options.onArrived(chat, options.session() === session && channels.isJoined(chat.id));
        });
      arriving.set(chat.id, arrival);
    },
    depart(chat, reason) {
      const now = clock.now();
      // a kick: out since now; a refusal after a reconnect: out since the network was lost
      const wasHeard = channels.isJoined(chat.id) && !arriving.has(chat.id);
      const sinceMs = wasHeard ? now : (gaps.missedSince(chat.id) ?? now);
      gaps.wentOut(chat.id, sinceMs, reason).then(
        (first) => {
          if (!first) return;
          const key = `out/${network}/${chat.id}/${sinceMs}`;
          inbox.push({ kind: "presence-in-chat", key, chat, state: "out", reason }, now, chat);
        },
        (error: unknown) => log.error({ error: String(error) }, "a mark could not be stored"),
      );
    },
    isArriving: (chat) => arriving.has(chat),
    retell(chat) {
      if (chat !== undefined && channels.isJoined(chat.id) && !arriving.has(chat.id)) options.onArrived(chat, true);
    },
    isSettled: () => arriving.size === 0,
    whenSettled: async (chat) => arriving.get(chat),
    findOwnLines: past.findOwnLines,
  };
}
