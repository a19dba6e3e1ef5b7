import { type Address, lowerHex } from '@ogong/chain/hex';
import { parseNanoUsd, readFeed, readUsdRate } from '@ogong/host/feed/feed-text';

/** What somebody measured, all at one time. Amounts are billionths of a dollar for a whole one. */
export interface PriceReading {
  /** Seconds since 1970. */
  readonly at: bigint;
  readonly tokenNanoUsd: bigint;
  /** Of the stablecoin, and of what else top-ups are paid in. */
  readonly assets: ReadonlyMap<Address, bigint>;
}

/** A feed posts each of them in a transaction of its own. */
export const MAX_PRICED_ASSETS = 16;

/**
 * Reads a price source: a file, or an address of `https:` (or `http:`). Beside `usd_per_token` and `at` it has `usd_per_asset`, an object from
 * addresses to dollars.
 * @throws Error that says what is wrong with it.
 */
export const readPriceSource = async (place: string, signal: AbortSignal): Promise<PriceReading> =>
  toPriceReading(await readFeed(place, signal));

/** @throws Error where it is no reading. */
export function toPriceReading(feed: Readonly<Record<string, unknown>>): PriceReading {
  const { nanoUsd: tokenNanoUsd, at } = readUsdRate(feed);
  const { usd_per_asset: named = {} } = feed;
  if (typeof named !== 'object' || named === null) throw new Error('usd_per_asset is no object');
  const entries = Object.entries(named);
  if (entries.length > MAX_PRICED_ASSETS) throw new Error(`usd_per_asset has more than ${MAX_PRICED_ASSETS} assets`);
  const assets = new Map<Address, bigint>();
  for (const [asset, dollars] of entries) {
    const nanoUsd = typeof dollars === 'string' ? parseNanoUsd(dollars) : undefined;
    if (!/^0x[0-9a-fA-F]{40}$/.test(asset) || nanoUsd === undefined || nanoUsd === 0n) {
      throw new Error('usd_per_asset goes from an address to a decimal above 0 in quotes, such as "1.0002"');
    }
    assets.set(lowerHex(asset as Address), nanoUsd);
  }
  return { at: BigInt(at), tokenNanoUsd, assets };
}
