/**
 * The store port in memory, with the semantics of the real one: calls take effect in order, in commits that come after the
 * call, and a promise resolves when its commit is done. The disk (memory-disk.ts) outlives the instance, so a test can kill
 * a bridge between any two hops and start another on what was committed.
 */
import { BridgeError, type GhostRow, type PortalRow, portalId, type Store } from "@trestle/core";
import { createMemoryDisk, type MemoryDisk, withoutUndefined } from "./memory-disk.ts";
import { createExtras } from "./memory-extras.ts";
import {
  appendJobs,
  countJobs,
  findJobs,
  listBacklog,
  listDead,
  loadLane,
  pruneJobs,
  retryJob,
  settleJob,
  shedLane,
  updateJob,
} from "./memory-journal.ts";
import {
  eraseAuthor,
  findByEvent,
  findByOrigin,
  findByRemote,
  ofAuthor,
  recentMessages,
  wipeTexts,
} from "./memory-messages.ts";
import { checkIds } from "./store-ids.ts";

export interface MemoryStore extends Store {
  readonly disk: MemoryDisk;
  /**
   * Like kill -9: what is not committed is gone, no promise of this instance ever settles again. Returns a new instance on
   * the same disk.
   */
  crash(): MemoryStore;
  /** The next `times` calls (any verb) reject with this; nothing of them is kept. */
  failNext(error?: BridgeError, times?: number): void;
  /** Commits wait until the returned function is called: a slow disk. */
  hold(): () => void;
}

interface Call {
  readonly step: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Commits {
  run<T>(step: () => T): Promise<T>;
  crash(): void;
  failNext(error: BridgeError, times: number): void;
  hold(): () => void;
  close(): void;
}

function createCommits(): Commits {
  let waiting: Call[] = [];
  let state: "open" | "closed" | "crashed" = "open";
  let holds = 0;
  const failures: BridgeError[] = [];

  const commit = () => {
    if (holds > 0 || state === "crashed") return;
    const group = waiting;
    waiting = [];
    for (const { step, resolve, reject } of group) {
      const failure = failures.shift();
      try {
        if (failure) throw failure;
        resolve(step());
      } catch (error) {
        reject(error);
      }
    }
  };

  return {
    run: <T>(step: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (state === "crashed") return;
        if (state === "closed") return reject(new BridgeError("database-failed", "the store is closed"));
        waiting.push({ step, resolve: resolve as (value: unknown) => void, reject });
        if (waiting.length === 1) queueMicrotask(commit);
      }),
    crash: () => {
      state = "crashed";
      waiting = [];
    },
    failNext: (error, times) => {
      for (let time = 0; time < times; time += 1) failures.push(error);
    },
    hold: () => {
      holds += 1;
      let released = false;
      return () => {
        if (released) return;
        released = true;
        holds -= 1;
        commit();
      };
    },
    close: () => {
      if (state === "open") state = "closed";
    },
  };
}

/** An in-process store, empty or on the disk of an earlier one. */
export function createMemoryStore(disk: MemoryDisk = createMemoryDisk()): MemoryStore {
  const commits = createCommits();
  const { run } = commits;
  return {
    disk,
    ...createTables(disk, run),
    ...createExtras(disk, run),
    journal: {
      append: async (jobs) => {
        const copies = jobs.map((job) => withoutUndefined(job));
        for (const job of copies) checkIds(job.key);
        return run(() => appendJobs(disk, copies));
      },
      settle: async (seq, outcome) => {
        const copy = structuredClone(outcome);
        for (const row of copy.messages ?? []) checkIds(row.origin, row.eventId, row.remoteId);
        return run(() => settleJob(disk, seq, copy));
      },
      update: async (seq, patch) => {
        const copy = structuredClone(patch);
        return run(() => updateJob(disk, seq, copy));
      },
      load: (portal, lane, afterSeq, limit) => run(() => loadLane(disk, portal, lane, afterSeq, limit)),
      backlog: () => run(() => listBacklog(disk)),
      find: (keys) => run(() => findJobs(disk, keys)),
      dead: ({ portal, limit }) => run(() => listDead(disk, portal, limit)),
      retry: (seq) => run(() => retryJob(disk, seq)),
      shed: (portal, lane, keep, failure, atMs) => run(() => shedLane(disk, { portal, lane }, keep, failure, atMs)),
      counts: () => run(() => countJobs(disk)),
      prune: (beforeMs) => run(() => pruneJobs(disk, beforeMs)),
    },
    close: async () => {
      await run(() => undefined).catch(() => undefined);
      commits.close();
    },
    crash: () => {
      commits.crash();
      return createMemoryStore(disk);
    },
    failNext: (error = new BridgeError("database-failed", "the disk is full"), times = 1) =>
      commits.failNext(error, times),
    hold: commits.hold,
  };
}

function createTables(disk: MemoryDisk, run: Commits["run"]): Pick<Store, "portals" | "messages" | "ghosts" | "kv"> {
  return {
    messages: {
      findByEvent: (portal, event) => run(() => findByEvent(disk, portal, event)),
      findByRemote: (portal, remote) => run(() => findByRemote(disk, portal, remote)),
      findByOrigin: (portal, origin) => run(() => findByOrigin(disk, portal, origin)),
      ofAuthor: (author, network) => run(() => ofAuthor(disk, author, network)),
      eraseAuthor: (author, network) => run(() => eraseAuthor(disk, author, network)),
      recent: (portal, lane, limit) => run(() => recentMessages(disk, portal, lane, limit)),
      wipeTexts: (beforeMs) => run(() => wipeTexts(disk, beforeMs)),
    },
    portals: {
      list: () => run(() => [...disk.portals.values()].map((row) => ({ ...row }))),
      add: (row) =>
        run(() => {
          disk.portalRow += 1;
          const added: PortalRow = withoutUndefined({ ...row, id: portalId(disk.portalRow) });
          disk.portals.set(added.id, added);
          return { ...added };
        }),
      update: (row) =>
        run(() => {
          if (disk.portals.has(row.id)) disk.portals.set(row.id, withoutUndefined(row));
        }),
    },
    ghosts: {
      get: (user) => run(() => copyOf(disk.ghosts.get(user))),
      put: (row) => run(() => void disk.ghosts.set(row.userId, withoutUndefined(row))),
      joinedRooms: (user) => run(() => [...(disk.joined.get(user) ?? [])].sort()),
      setJoined: (user, room, joined) =>
        run(() => {
          const rooms = disk.joined.get(user) ?? new Set();
          if (joined) rooms.add(room);
          else rooms.delete(room);
          disk.joined.set(user, rooms);
        }),
      inRoom: (room) => run(() => [...disk.joined].flatMap(([user, rooms]) => (rooms.has(room) ? [user] : [])).sort()),
    },
    kv: {
      get: (key) => run(() => disk.kv.get(key)),
      put: async (key, value) => {
        checkIds(key);
        return run(() => void disk.kv.set(key, value));
      },
      remove: (key) => run(() => void disk.kv.delete(key)),
      list: (prefix) =>
        run(() =>
          [...disk.kv]
            .filter(([key]) => key.startsWith(prefix))
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, value]) => ({ key, value })),
        ),
    },
  };
}

const copyOf = (row: GhostRow | undefined): GhostRow | undefined => (row === undefined ? undefined : { ...row });
