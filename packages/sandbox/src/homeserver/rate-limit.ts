/** Synapse's default limits for appservices that are not `rate_limited: false`: a leaky bucket per user and kind. */
import { MatrixFault } from "./fault.ts";

const buckets = {
  message: { perSecond: 0.2, burst: 9 },
  invite: { perSecond: 0.3, burst: 10 },
  login: { perSecond: 0.003, burst: 5 },
} as const;

export type LimitKind = keyof typeof buckets;

export interface RateLimit {
  /** Throws 429 M_LIMIT_EXCEEDED when the bucket is full. */
  take(kind: LimitKind, user: string): void;
}

export function createRateLimit(now: () => number): RateLimit {
  const levels = new Map<string, { level: number; atMs: number }>();
  return {
    take: (kind, user) => {
      const { perSecond, burst } = buckets[kind];
      const key = `${kind}\u0000${user}`;
      const atMs = now();
      const last = levels.get(key) ?? { level: 0, atMs };
      const level = Math.max(0, last.level - ((atMs - last.atMs) / 1000) * perSecond);
      if (level + 1 > burst) {
        const retryAfterMs = Math.ceil(((level + 1 - burst) / perSecond) * 1000);
        throw new MatrixFault(429, "M_LIMIT_EXCEEDED", "Too Many Requests", { retry_after_ms: retryAfterMs });
      }
      levels.set(key, { level: level + 1, atMs });
    },
  };
}
