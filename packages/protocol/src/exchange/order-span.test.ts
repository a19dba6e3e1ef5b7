import { expect, it } from 'vitest';
import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS } from './limits.ts';
import { computeOrderSpan, computeSpanAround } from './order-span.ts';

it('dates an order from the longest life before its expiry, and from a tolerance before that', () => {
  const expiresAtMs = 1_700_000_600_000n;
  expect(computeOrderSpan({ expiresAtMs })).toEqual({ fromMs: 1_700_000_000_000, toMs: 1_700_000_600_000 });
  expect(computeOrderSpan({ expiresAtMs }, { toleranceMs: 60_000 })).toEqual({
    fromMs: 1_699_999_940_000,
    toMs: 1_700_000_600_000,
  });
  expect(computeOrderSpan({ expiresAtMs: 900_000 }).fromMs).toBe(900_000 - MAX_ORDER_LIFETIME_MS);
});

it('widens the present by the tolerance of clocks to both sides', () => {
  expect(computeSpanAround(1_000_000)).toEqual({
    fromMs: 1_000_000 - CLOCK_TOLERANCE_MS,
    toMs: 1_000_000 + CLOCK_TOLERANCE_MS,
  });
});
