import { type Address, lowerHex } from '@ogong/chain/hex';
import { parseNanoUsd, readFeed, readUsdRate } from '@ogong/host/feed/feed-text';

/** A reading of prices at one time. Amounts are billionths of a dollar for a whole unit. */
export interface PriceReading {
  /** Seconds since 1970. */
  readonly at: bigint;
  readonly tokenNanoUsd: bigint;
  /** Prices of the stablecoin and of other assets for top-ups. */
  readonly assets: ReadonlyMap<Address, bigint>;
}

/** A feed posts each asset in its own transaction. */
export const MAX_PRICED_ASSETS = 16;

/**
 * Reads a price source: a file, or an address of `https:` (or `http:`). Its fields are `usd_per_token`, `at`, and
 * `usd_per_asset`, an object from addresses to dollars.
 * @throws Error that describes the problem.
 */
export const readPriceSource = async (place: string, signal: AbortSignal): Promise<PriceReading> =>
  toPriceReading(await readFeed(place, signal));

/** @throws Error if it is not a reading. */
export function toPriceReading(feed: Readonly<Record<string, unknown>>): PriceReading {
  const { nanoUsd: tokenNanoUsd, at } = readUsdRate(feed);
  const { usd_per_asset: named = {} } = feed;
  if (typeof named !== 'object' || named === null) throw new Error('usd_per_asset must be an object');
  const entries = Object.entries(named);
  if (entries.length > MAX_PRICED_ASSETS) throw new Error(`usd_per_asset has more than ${MAX_PRICED_ASSETS} assets`);
  const assets = new Map<Address, bigint>();
  for (const [asset, dollars] of entries) {
    const nanoUsd = typeof dollars === 'string' ? parseNanoUsd(dollars) : undefined;
    if (!/^0x[0-9a-fA-F]{40}$/.test(asset) || nanoUsd === undefined || nanoUsd === 0n) {
      throw new Error('usd_per_asset maps an address to a decimal above 0 in quotes, such as "1.0002"');
    }
    assets.set(lowerHex(asset as Address), nanoUsd);
  }
  return { at: BigInt(at), tokenNanoUsd, assets };
}
