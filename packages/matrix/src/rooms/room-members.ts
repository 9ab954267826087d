/**
 * The ghosts of a network in a room, brought to what the network says: who is missing joins, who is too much leaves. Paced by
 * the homeserver's own answers: a small one makes some forty joins a second whatever it is asked, and messages come first.
 */
import {
  asBridgeError,
  type Clock,
  type GhostStore,
  type Homeserver,
  type Log,
  type NetworkId,
  type RemoteAuthor,
  type RoomId,
  type UserId,
} from "@trestle/core";
import { isAway } from "../errors.ts";
import type { GhostIds } from "../ghosts/ghost-id.ts";
import type { Ghosts } from "../ghosts/ghosts.ts";

export interface RoomMembersOptions {
  readonly ghosts: Ghosts;
  readonly ids: GhostIds;
  readonly store: GhostStore;
  readonly clock: Clock;
  readonly log: Log;
  /** When the homeserver object stops. */
  readonly signal: AbortSignal;
}

/** Below what messages may use at once, so that these never wait behind a crowd. */
const atOnceMax = 4;
/** An answer that takes so many times longer than the quickest means that we are too much. */
const slowFactor = 3;
/** Answers quicker than this are never slow. */
const quickMs = 50;
const pauseMaxMs = 5_000;

export function createRoomMembers(options: RoomMembersOptions): Pick<Homeserver, "applyMembers"> {
  const { ghosts, ids, store, log } = options;
  /** The newest call for a room and network. */
  const latest = new Map<string, { readonly superseded: AbortController; readonly ended: Promise<void> }>();

  async function apply(
    room: RoomId,
    network: NetworkId,
    wanted: readonly RemoteAuthor[],
    signal: AbortSignal,
  ): Promise<void> {
    const people = new Map(
      wanted.filter((one) => one.network === network && one.service !== true).map((one) => [ids.of(one), one]),
    );
    const there = new Set<UserId>();
    for (const user of await store.inRoom(room)) {
      // Of an id too long to be read back, only the store knows the network.
      if ((ids.read(user)?.network ?? (await store.get(user))?.network) === network) there.add(user);
    }
    const join = async (author: RemoteAuthor) => void (await ghosts.ready(author, room));
    const work = [
      ...[...there].filter((user) => !people.has(user)).map((user) => () => ghosts.leaveAs(user, room)),
      ...[...people]
        .filter(([user]) => !there.has(user))
        .map(
          ([, author]) =>
            () =>
              join(author),
        ),
    ];
    await paced(options, work, signal, (error) => {
      // Away is for the caller to wait for; one ghost that may not be there is no reason to leave out the others.
      if (isAway(error)) throw error;
      log.info({ room, reason: asBridgeError(error).message }, "a ghost could not be brought into a room or out of it");
    });
    ghosts.tend();
  }

  return {
    async applyMembers(room, network, wanted) {
      const name = `${network}\n${room}`;
      const before = latest.get(name);
      before?.superseded.abort();
      const superseded = new AbortController();
      const signal = AbortSignal.any([superseded.signal, options.signal]);
      const run = (before?.ended ?? Promise.resolve()).then(() =>
        signal.aborted ? undefined : apply(room, network, wanted, signal),
      );
      const ended = run.catch(() => undefined);
      const entry = { superseded, ended };
      latest.set(name, entry);
      try {
        await run;
      } finally {
        if (latest.get(name) === entry) latest.delete(name);
      }
    },
  };
}

/** A few at once; fewer, and after a pause, when answers get slow; more when they are quick. */
async function paced(
  { clock }: RoomMembersOptions,
  work: readonly (() => Promise<void>)[],
  signal: AbortSignal,
  failed: (error: unknown) => void,
): Promise<void> {
  let atOnce = 1;
  let quickest = Number.POSITIVE_INFINITY;
  for (let place = 0; place < work.length && !signal.aborted; ) {
    const batch = work.slice(place, place + Math.ceil(atOnce));
    place += batch.length;
    const startMs = clock.now();
    const outcomes = await Promise.allSettled(batch.map((one) => one()));
    for (const outcome of outcomes) if (outcome.status === "rejected") failed(outcome.reason);
    const tookMs = clock.now() - startMs;
    quickest = Math.min(quickest, tookMs);
    if (tookMs > Math.max(quickMs, quickest * slowFactor)) {
      atOnce = Math.max(1, atOnce / 2);
      await clock.wait(Math.min(tookMs, pauseMaxMs), signal);
    } else {
      atOnce = Math.min(atOnceMax, atOnce + 0.5);
    }
  }
}
