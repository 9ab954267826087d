/**
 * Rooms that are replaced by others. The link is held from the tombstone on (nothing is dropped, everything waits), follows
 * once the new room proves that it is the one, and is paused when it is not. What is on the way is stored and survives us.
 */
import type { Clock, Log } from "./ambient.ts";
import { asBridgeError } from "./errors.ts";
import type { Homeserver, MatrixEvent } from "./homeserver.ts";
import type { RoomId } from "./ids.ts";
import type { Lanes } from "./lanes.ts";
import type { Links } from "./links.ts";
import type { Router } from "./router.ts";
import type { KeyValueStore } from "./store.ts";

export interface MovesOptions {
  readonly homeserver: Homeserver;
  readonly router: Router;
  readonly links: Links;
  readonly lanes: Lanes;
  readonly kv: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  /** `!irc` */
  readonly prefix: string;
}

export interface Moves {
  /** Holds again what was on its way when the process ended; before the lanes begin. */
  load(): Promise<void>;
  /** A linked room has a tombstone. */
  begin(tombstone: MatrixEvent): Promise<void>;
  /** Where a room went that was replaced a while ago: who had not seen it yet, or may speak there still, is heard. */
  successorOf(room: RoomId): RoomId | undefined;
  /** Tries again now: the bot was let in somewhere. */
  nudge(): void;
  stop(): void;
}

const rowOf = (room: string) => `moving/${room}`;
const retryFirstMs = 5_000;
const retryMaxMs = 10 * 60_000;
/** Said once, when it takes longer than a client's own upgrade does. */
const tellAfterTries = 3;
/** Time for clients to go to the new room. */
const afterwordsMs = 10 * 60_000;

export function createMoves(options: MovesOptions): Moves {
  const { homeserver, router, links, lanes, kv, clock, log, prefix } = options;
  const stopping = new AbortController();
  const waiting = new Map<RoomId, AbortController>();
  const followed = new Map<RoomId, { readonly room: RoomId; readonly untilMs: number }>();

  const hold = (room: RoomId) => {
    for (const row of router.ofRoom(room)) lanes.hold(row.id);
  };

  /** Whether it is over, one way or the other. */
  const attempt = async (tombstone: MatrixEvent, tries: number): Promise<boolean> => {
    const room = tombstone.room_id;
    const rows = router.ofRoom(room);
    const upgrade = await homeserver.followUpgrade(tombstone);
    switch (upgrade.kind) {
      case "followed": {
        for (const [former, { untilMs }] of followed) if (untilMs < clock.now()) followed.delete(former);
        if (rows.length > 0) followed.set(room, { room: upgrade.room, untilMs: clock.now() + afterwordsMs });
        for (const row of rows) await links.move(row, upgrade.room, upgrade.created);
        // what was pushed before the link was there was nobody's; after a crash here the look back at the start finds it
        await homeserver.catchUp(upgrade.room);
        await kv.remove(rowOf(room));
        const said = `The link${rows.length === 1 ? "" : "s"} moved to the new room.`;
        await tell(room, `moved/${tombstone.event_id}`, said);
        await tell(upgrade.room, `moved-here/${tombstone.event_id}`, `${said} Nothing was lost on the way.`);
        return true;
      }
      case "refused": {
        for (const row of rows) {
          await lanes.free(row.id);
          await links.pause(row, `the room was closed, and not followed: ${upgrade.why}`);
        }
        await kv.remove(rowOf(room));
        const mend = `Invite ${homeserver.userId} into the right room and say \`${prefix} link\` there.`;
        await tell(
          room,
          `refused/${tombstone.event_id}`,
          `This room was closed and its link is paused: ${upgrade.why}. ${mend}`,
        );
        return true;
      }
      case "not-yet": {
        if (tries !== tellAfterTries) return false;
        const text = `This room was replaced, but I cannot get into the new one yet (${upgrade.why}). Messages wait; please invite ${homeserver.userId} there.`;
        await tell(room, `waiting/${tombstone.event_id}`, text);
        return false;
      }
    }
  };

  /** The old room may take no word any more; that holds nothing up. */
  const tell = (room: RoomId, key: string, text: string) =>
    homeserver.notify(room, text, key).catch((err) => log.info({ room, err }, "could not say what became of the link"));

  const keepTrying = async (tombstone: MatrixEvent): Promise<void> => {
    const room = tombstone.room_id;
    if (waiting.has(room)) return;
    for (let tries = 1, waitMs = retryFirstMs; !stopping.signal.aborted; tries++) {
      const pause = new AbortController();
      waiting.set(room, pause);
      try {
        if (await attempt(tombstone, tries)) break;
      } catch (thrown) {
        log.warn({ room, reason: asBridgeError(thrown).message }, "a replaced room could not be followed yet");
      }
      await clock.wait(waitMs, AbortSignal.any([pause.signal, stopping.signal]));
      waitMs = Math.min(waitMs * 2, retryMaxMs);
    }
    waiting.delete(room);
  };

  const start = (tombstone: MatrixEvent) => {
    keepTrying(tombstone).catch((err) => log.error({ err }, "a replaced room is not looked after any more"));
  };

  return {
    async load() {
      for (const { value } of await kv.list("moving/")) {
        const tombstone = JSON.parse(value) as MatrixEvent;
        hold(tombstone.room_id);
        start(tombstone);
      }
    },
    async begin(tombstone) {
      const room = tombstone.room_id;
      if (router.ofRoom(room).length === 0) return;
      // First durable, then held: a crash in between is a tombstone that comes again.
      await kv.put(rowOf(room), JSON.stringify(tombstone));
      hold(room);
      start(tombstone);
    },
    successorOf(room) {
      const successor = followed.get(room);
      return successor !== undefined && clock.now() < successor.untilMs ? successor.room : undefined;
    },
    nudge() {
      for (const pause of waiting.values()) pause.abort();
    },
    stop: () => stopping.abort(),
  };
}
