import { describe, expect, it } from 'vitest';
import { MAX_WINDOWS } from '../commitment/opening.ts';
import { WINDOW_TOKENS } from '../modality/text/commitment/window.ts';
import { MAX_MAX_TOKENS } from '../modality/text/request/request.ts';
import {
  CLOCK_TOLERANCE_MS,
  computeOrderLifetime,
  isEpochNear,
  MAX_JOB_BYTES,
  MAX_ORDER_LIFETIME_MS,
  MAX_REQUEST_BYTES,
} from './limits.ts';

describe('limits', () => {
  it('an order is accepted at the largest allowed clock difference, for any length of reply', () => {
    for (const expectedMs of [1, 12_800, 420_000, 50 * MAX_MAX_TOKENS]) {
      const lifetimeMs = computeOrderLifetime({ expectedMs });
      expect(lifetimeMs + 2 * CLOCK_TOLERANCE_MS).toBeLessThanOrEqual(MAX_ORDER_LIFETIME_MS);
      expect(lifetimeMs).toBeGreaterThan(2 * CLOCK_TOLERANCE_MS);
    }
    expect(computeOrderLifetime({ expectedMs: 2_000 })).toBe(122_000);
  });

  it('an epoch is near up to two before and two behind', () => {
    expect([7n, 8n, 9n, 10n, 11n, 12n, 13n].map((epoch) => isEpochNear(epoch, 10n))).toEqual([
      ...[false, true, true, true, true, true, false],
    ]);
    expect(isEpochNear(0n, 1n)).toBe(true);
  });

  it('the longest reply to the longest request fits a job', () => {
    const tokens = MAX_WINDOWS * WINDOW_TOKENS;
    // Each output token adds an id, a list size, a shape class and an entry of the tail draws.
    expect(MAX_REQUEST_BYTES + tokens * (4 + 1 + 1 + 8)).toBeLessThan(MAX_JOB_BYTES);
  });
});
