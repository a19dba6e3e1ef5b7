import type { Clock } from '../time/clock.ts';

export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
  /** The present burst, if it is larger. */
  readonly burstNow?: (() => number) | undefined;
}

export interface RateLimiter {
  /** Takes tokens of the peer's bucket, by default one; none and false if it holds fewer. */
  take(peer: string, count?: number): boolean;
  /** Puts tokens back that were taken for nothing. */
  giveBack(peer: string, count?: number): void;
}

/** One token bucket per peer. A full bucket is dropped, so memory use follows activity. */
export function createRateLimiter({ perSecond, burst: least, burstNow }: RateLimit, clock: Clock): RateLimiter {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  const most = (): number => Math.max(least, burstNow?.() ?? 0);
  let sweepAtMs = clock.nowMs() + (most() / perSecond) * 1000;

  function sweep(nowMs: number): void {
    if (nowMs < sweepAtMs) return;
    const refillMs = (most() / perSecond) * 1000;
    sweepAtMs = nowMs + refillMs;
    for (const [peer, bucket] of buckets) if (nowMs - bucket.atMs >= refillMs) buckets.delete(peer);
  }

  return {
    take(peer, count = 1) {
      const nowMs = clock.nowMs();
      sweep(nowMs);
      const burst = most();
      const bucket = buckets.get(peer) ?? { tokens: burst, atMs: nowMs };
      const tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond);
      buckets.set(peer, { tokens: tokens >= count ? tokens - count : tokens, atMs: nowMs });
      return tokens >= count;
    },
    giveBack(peer, count = 1) {
      const bucket = buckets.get(peer);
      if (bucket) bucket.tokens = Math.min(most(), bucket.tokens + count);
    },
  };
}
