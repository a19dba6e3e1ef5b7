import { describe, expect, it } from 'vitest';
import { computeRetryPause } from './outbox.ts';

describe('the pause before another delivery', () => {
  const limits = { firstRetryMs: 500, maxRetryMs: 60_000 };

  it('doubles up to its limit, however often it failed', () => {
    const pauses = [0, 1, 2, 6, 7, 50, 5_000].map((attempts) => computeRetryPause({ ...limits, attempts, random: 1 }));
    expect(pauses).toEqual([500, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('is shortened by chance to half of it at most', () => {
    expect(computeRetryPause({ ...limits, attempts: 3, random: 0 })).toBe(2_000);
    expect(computeRetryPause({ ...limits, attempts: 3, random: 0.5 })).toBe(3_000);
  });
});
