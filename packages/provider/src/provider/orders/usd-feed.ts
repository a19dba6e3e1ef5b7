import { parseFeed, readFeed, readUsdRate } from '@ogong/host/feed/feed-text';

/** Measured price of one token. */
export interface UsdRate {
  /** Billionths of a dollar for one token, at least 1. */
  readonly nanoUsd: bigint;
  /** Unix time, ms. */
  readonly atMs: number;
}

/**
 * Reads a feed: a file, or an address of `https:` (or `http:`). It is a JSON object: `usd_per_token`, a decimal in quotes with nine
 * digits after the point at most, and `at`, Unix time in seconds.
 * @throws Error that says what is wrong with it.
 */
export async function readUsdFeed(place: string, signal: AbortSignal): Promise<UsdRate> {
  return toRate(await readFeed(place, signal));
}

/**
 * @throws Error if it is no rate.
 * @internal refusals are shown without files
 */
export const parseUsdRate = (text: string): UsdRate => toRate(parseFeed(text));

function toRate(feed: Readonly<Record<string, unknown>>): UsdRate {
  const { nanoUsd, at } = readUsdRate(feed);
  return { nanoUsd, atMs: at * 1_000 };
}
