import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS } from './limits.ts';

/** Unix time in ms, both ends included. */
export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Returns the times at which an order may have been signed. No order lives longer than `MAX_ORDER_LIFETIME_MS`, so it was signed at
 * most so long before its expiry.
 * @param toleranceMs how much earlier the order may have been signed by another machine's clock. Default: 0.
 */
export function computeOrderSpan(
  { expiresAtMs }: { readonly expiresAtMs: bigint | number },
  { toleranceMs = 0 }: { readonly toleranceMs?: number } = {},
): TimeSpan {
  const toMs = Number(expiresAtMs);
  return { fromMs: toMs - MAX_ORDER_LIFETIME_MS - toleranceMs, toMs };
}

/** Returns the present by clocks that differ as much as is tolerated. */
export function computeSpanAround(nowMs: number): TimeSpan {
  return { fromMs: nowMs - CLOCK_TOLERANCE_MS, toMs: nowMs + CLOCK_TOLERANCE_MS };
}
