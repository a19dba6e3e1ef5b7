import type { Clock } from '../time/clock.ts';
import { createRateLimiter, type RateLimit } from './token-bucket.ts';

/**
 * Calls that a party may make beyond its rate, since earlier ones of it led to something (docs/spec/links.md#limits). Earned calls are kept
 * for each address. Each address spends at most so much in a second, however much it has earned.
 */
export interface EarnedCalls {
  earn(name: string, calls: number): void;
  /** All of them, by default one, or none. @returns false where fewer are left. */
  take(name: string, calls?: number): boolean;
}

/** Of one address at once. */
const MAX_EARNED = 4_096;
const MAX_NAMES = 4_096;

export function createEarnedCalls(rate: RateLimit, clock: Clock): EarnedCalls {
  const spent = createRateLimiter(rate, clock);
  const earned = new Map<string, number>();
  /** The one that has been there longest makes room. */
  const set = (name: string, calls: number): void => {
    earned.delete(name);
    if (calls > 0) earned.set(name, Math.min(MAX_EARNED, calls));
    if (earned.size > MAX_NAMES) earned.delete(earned.keys().next().value as string);
  };
  return {
    earn: (name, calls) => set(name, (earned.get(name) ?? 0) + calls),
    take(name, calls = 1) {
      const left = earned.get(name) ?? 0;
      if (left < calls || !spent.take(name, calls)) return false;
      set(name, left - calls);
      return true;
    },
  };
}
