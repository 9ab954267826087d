/** What a test makes go wrong: held, failed, late or unanswered requests. Asked by http.ts for every request. */

/** Which requests: all of a room, or by path, or by method and path. */
export interface FaultMatch {
  readonly room?: string;
  readonly path?: RegExp;
  readonly method?: string;
}

export interface SandboxFaults {
  /** Every answer is this late. */
  latencyMs: number;
  /**
   * Holds matching requests until `release` is called. `commit`: they take effect, only the answer is held. `late`: they take
   * effect when released, also if the client hung up meanwhile.
   */
  hang(match: FaultMatch, options?: { readonly commit?: boolean; readonly late?: boolean }): { release(): void };
  /** The next `count` matching requests are refused without effect. */
  failNext(status: number, options?: FailOptions): void;
  /** The next `count` matching requests (default: sends) take effect, and their connection is cut instead of an answer. */
  answerThenDie(options?: { readonly count?: number; readonly match?: FaultMatch; readonly then?: () => void }): void;
  /** Requests of this room take this much longer; 0 ends it. */
  slowRoom(room: string, ms: number): void;
  /** Ends everything injected; what hangs is let go. */
  clear(): void;
}

export interface FailOptions {
  readonly count?: number;
  readonly match?: FaultMatch;
  readonly errcode?: string;
  readonly retryAfterMs?: number;
}

/** What is to happen to one request. */
export interface Verdict {
  readonly before?: Promise<void>;
  /** After `before`, done for a client that is gone too. */
  readonly late?: boolean;
  readonly fail?: { readonly status: number; readonly errcode: string; readonly retryAfterMs?: number };
  readonly after?: Promise<void>;
  readonly die?: () => void;
  readonly delayMs: number;
}

export interface FaultJudge extends SandboxFaults {
  /** Undefined: nothing is injected at all, the common case. */
  judge(method: string, path: string): Verdict | undefined;
}

interface Counted<T> {
  left: number;
  readonly match: FaultMatch;
  readonly what: T;
}

const sends: FaultMatch = { method: "PUT", path: /\/send\// };

export function createFaults(): FaultJudge {
  const hangs = new Set<{
    match: FaultMatch;
    commit: boolean;
    late: boolean;
    over: Promise<void>;
    release: () => void;
  }>();
  const failures: Counted<NonNullable<Verdict["fail"]>>[] = [];
  const deaths: Counted<(() => void) | undefined>[] = [];
  const slow = new Map<string, number>();
  const take = <T>(list: Counted<T>[], method: string, path: string): Counted<T> | undefined => {
    const entry = list.find(({ left, match }) => left > 0 && matches(match, method, path));
    if (entry && --entry.left === 0) list.splice(list.indexOf(entry), 1);
    return entry;
  };
  const faults: FaultJudge = {
    latencyMs: 0,
    hang: (match, options) => {
      let release = () => {};
      const over = new Promise<void>((resolve) => {
        release = resolve;
      });
      const entry = {
        match,
        commit: options?.commit ?? false,
        late: options?.late ?? false,
        over,
        release: () => {
          hangs.delete(entry);
          release();
        },
      };
      hangs.add(entry);
      return { release: entry.release };
    },
    failNext: (status, options = {}) => {
      const {
        count = 1,
        match = {},
        errcode = status === 429 ? "M_LIMIT_EXCEEDED" : "M_UNKNOWN",
        retryAfterMs,
      } = options;
      const what = { status, errcode, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      failures.push({ left: count, match, what });
    },
    answerThenDie: (options = {}) => {
      deaths.push({ left: options.count ?? 1, match: options.match ?? sends, what: options.then });
    },
    slowRoom: (room, ms) => {
      if (ms > 0) slow.set(room, ms);
      else slow.delete(room);
    },
    clear: () => {
      for (const entry of hangs) entry.release();
      failures.length = 0;
      deaths.length = 0;
      slow.clear();
      faults.latencyMs = 0;
    },
    judge: (method, path) => {
      if (hangs.size + failures.length + deaths.length + slow.size === 0 && faults.latencyMs === 0) return undefined;
      const held = [...hangs].find(({ match }) => matches(match, method, path));
      const fail = take(failures, method, path);
      const death = fail ? undefined : take(deaths, method, path);
      const room = roomOf(path);
      return {
        delayMs: faults.latencyMs + ((room === undefined ? 0 : slow.get(room)) ?? 0),
        ...(held && !held.commit ? { before: held.over, late: held.late } : {}),
        ...(held?.commit ? { after: held.over } : {}),
        ...(fail ? { fail: fail.what } : {}),
        ...(death ? { die: death.what ?? (() => {}) } : {}),
      };
    },
  };
  return faults;
}

function matches(match: FaultMatch, method: string, path: string): boolean {
  if (match.method !== undefined && match.method !== method) return false;
  if (match.path !== undefined && !match.path.test(path)) return false;
  return match.room === undefined || roomOf(path) === match.room;
}

function roomOf(path: string): string | undefined {
  const segment = /\/rooms\/([^/?]+)/.exec(path)?.[1];
  if (segment === undefined) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
