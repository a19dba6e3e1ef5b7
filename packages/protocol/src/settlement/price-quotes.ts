import { compareBytes, equalBytes, toHex } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { computeMedianPrice, hashPriceQuote } from './burn-mint.ts';

/** A feed's signed quote of an asset. */
export interface SignedQuote {
  /** Dollars times 1e18, for 1e18 of the asset's smallest units. */
  readonly price: bigint;
  /** Time of the measurement, seconds since 1970. */
  readonly time: bigint;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** A feed that the oracle counts. */
export interface PriceFeed {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** Time of its newest quote on the chain, seconds since 1970. It never goes back to an older one. */
  readonly quotedAt: bigint;
}

export interface QuoteRules {
  /** Domain of the oracle. */
  readonly domain: LedgerDomain;
  /** 20 bytes. */
  readonly asset: Uint8Array;
  readonly feeds: readonly PriceFeed[];
  /** Time of the newest block, seconds since 1970. */
  readonly now: bigint;
  /** Seconds for which a quote counts. */
  readonly maxAge: bigint;
  /**
   * All quotes must be newer, seconds since 1970. It is the time of the last price, or the time after a doubt at which the
   * doubt can end.
   */
  readonly since: bigint;
}

const BASIS = 10_000n;
/** The largest distance of a quote from the median, basis points. The contract has the same bound. */
const MAX_SPREAD_BPS = 500n;
/** The largest distance of a median from the last one without a doubt, basis points. The contract has the same bound. */
const MAX_JUMP_BPS = 2_000n;
const MAX_PRICE = 2n ** 128n - 1n;
const SIGNATURE_BYTES = 65;

const differs = (a: bigint, b: bigint, bps: bigint): boolean => (a > b ? a - b : b - a) * BASIS > b * bps;

/** Returns whether the contract believes this price only after it is repeated an hour later. */
export const isPriceJump = (price: bigint, last: bigint): boolean => differs(price, last, MAX_JUMP_BPS);

/**
 * Picks the quotes for the oracle: the most that lie close enough together, from more than half of the feeds, one each,
 * ascending by price. Invalid quotes do not affect the others: unsigned ones, old or future ones, and distant ones.
 * @returns undefined while too few quotes remain.
 */
export function pickQuotes(
  crypto: Crypto,
  quotes: readonly SignedQuote[],
  rules: QuoteRules,
): readonly SignedQuote[] | undefined {
  const { feeds } = rules;
  const least = Math.floor(feeds.length / 2) + 1;
  const found = new Map<string, SignedQuote>();
  for (const quote of quotes) {
    const signer = findSigner(crypto, quote, rules);
    if (signer === undefined) continue;
    const before = found.get(signer);
    if (before === undefined || before.time < quote.time) found.set(signer, quote);
  }
  const sorted = [...found.values()].sort((a, b) =>
    a.price < b.price ? -1 : a.price > b.price ? 1 : compareBytes(a.signature, b.signature),
  );
  for (let size = sorted.length; size >= least; size--) {
    for (let start = 0; start + size <= sorted.length; start++) {
      const chosen = sorted.slice(start, start + size);
      const median = computeMedianPrice(chosen.map(({ price }) => price));
      if (chosen.every(({ price }) => !differs(price, median, MAX_SPREAD_BPS))) return chosen;
    }
  }
  return undefined;
}

/** Finds the feed that signed a quote, in hex; undefined if the contract would refuse it. */
function findSigner(
  crypto: Crypto,
  { price, time, signature }: SignedQuote,
  { domain, asset, feeds, now, maxAge, since }: QuoteRules,
): string | undefined {
  if (price <= 0n || price > MAX_PRICE || signature.length !== SIGNATURE_BYTES) return undefined;
  if (time > now || now > time + maxAge || time <= since) return undefined;
  const signer = crypto.recoverAddress(hashPriceQuote(crypto, domain, { asset, price, time }), signature);
  const feed = signer && feeds.find(({ address }) => equalBytes(address, signer));
  return feed === undefined || time < feed.quotedAt ? undefined : toHex(feed.address);
}
