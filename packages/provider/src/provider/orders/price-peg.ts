import { createRepeating } from '@ogong/host/time/repeat';
import type { UsdRate } from './usd-feed.ts';

/** Keeps the price of an offer at the same amount of dollars, while the token's price in dollars changes. */
export interface PricePeg {
  start(): void;
  /** Reads the rate now. A failure leaves what was known. */
  trigger(): Promise<void>;
  stop(): Promise<void>;
  /** Returns the price to announce now. @param priceAtomic what the operator named. */
  announced(priceAtomic: bigint): bigint;
  /** The least that was announced lately: an order may come from a ticket of before. */
  least(priceAtomic: bigint): bigint;
}

export interface PricePegOptions {
  /** Dollars of one token at which the named prices hold, in billionths. */
  readonly nanoUsd: bigint;
  /** A price is moved by this factor at most, up and down, whatever the feed says. At least 1. */
  readonly range: bigint;
  readonly intervalMs: number;
}

export interface PricePegDependencies {
  readonly readRate: (signal: AbortSignal) => Promise<UsdRate>;
  readonly clock: { nowMs(): number };
  readonly onError?: (error: unknown) => void;
  readonly onChange?: (nanoUsd: bigint) => void;
}

/** An older measurement of the feed does not count: then the named prices hold. */
export const RATE_KNOWN_MS = 3_600_000;
/** Tolerance for a feed whose clock is ahead. */
const AHEAD_MS = 60_000;
/** Longer than an announcement and the ticket that follows it live. */
export const PRICE_MEMORY_MS = 900_000;

export function createPricePeg(
  { nanoUsd: pegged, range, intervalMs }: PricePegOptions,
  { readRate, clock, onError = () => {}, onChange = () => {} }: PricePegDependencies,
): PricePeg {
  let rate: UsdRate = { nanoUsd: pegged, atMs: 0 };
  /** Rates that prices were announced by, with when the last announcement was. */
  const used = new Map<bigint, number>();

  /** Returns the rate within the range. Without a recent measurement it is the rate that the named prices are for. */
  function current(): bigint {
    const isKnown = clock.nowMs() - rate.atMs <= RATE_KNOWN_MS;
    if (!isKnown) return pegged;
    const [low, high] = [(pegged + range - 1n) / range, pegged * range];
    return rate.nanoUsd < low ? low : rate.nanoUsd > high ? high : rate.nanoUsd;
  }

  // A token of half the dollars makes twice the price.
  const priceAt = (priceAtomic: bigint, nanoUsd: bigint): bigint => (priceAtomic * pegged + nanoUsd - 1n) / nanoUsd;

  async function refresh(signal: AbortSignal): Promise<void> {
    const read = await readRate(signal);
    const nowMs = clock.nowMs();
    if (read.atMs > nowMs + AHEAD_MS) throw new RangeError('the rate is from the future');
    if (nowMs - read.atMs > RATE_KNOWN_MS) throw new RangeError('the rate is older than an hour');
    if (read.atMs < rate.atMs) throw new RangeError('the rate is older than the one before');
    const before = current();
    rate = read;
    if (current() !== before) onChange(current());
  }

  const repeating = createRepeating({ intervalMs }, refresh, onError);
  return {
    start: repeating.start,
    trigger: () => repeating.trigger().catch(onError),
    stop: repeating.stop,
    announced(priceAtomic) {
      const nanoUsd = current();
      used.set(nanoUsd, clock.nowMs());
      return priceAt(priceAtomic, nanoUsd);
    },
    least(priceAtomic) {
      const nowMs = clock.nowMs();
      for (const [nanoUsd, lastMs] of used) if (nowMs - lastMs > PRICE_MEMORY_MS) used.delete(nanoUsd);
      let highest = current();
      for (const nanoUsd of used.keys()) if (nanoUsd > highest) highest = nanoUsd;
      return priceAt(priceAtomic, highest);
    },
  };
}
