import { compareBytes, equalBytes, toHex } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { computeMedianPrice, hashPriceQuote } from './burn-mint.ts';

/** What a feed says of an asset, as it hands it on. */
export interface SignedQuote {
  /** Dollars times 1e18, for 1e18 of the asset's smallest units. */
  readonly price: bigint;
  /** When it was measured, seconds since 1970. */
  readonly time: bigint;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** One of those whose word counts. */
export interface PriceFeed {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** Time of its newest quote that the chain has, seconds since 1970; it goes back to no older one. */
  readonly quotedAt: bigint;
}

export interface QuoteRules {
  /** Domain of the oracle. */
  readonly domain: LedgerDomain;
  /** 20 bytes. */
  readonly asset: Uint8Array;
  readonly feeds: readonly PriceFeed[];
  /** Of the newest block, seconds since 1970. */
  readonly now: bigint;
  /** Seconds that a quote counts. */
  readonly maxAge: bigint;
  /** All quotes are newer, seconds since 1970: what the last price is of, or so long after a doubt that it can be ended. */
  readonly since: bigint;
}

const BASIS = 10_000n;
/** So far a quote may be from the median, basis points. The contract has the same bound. */
const MAX_SPREAD_BPS = 500n;
/** So far a median may be from the last one without being doubted, basis points. The contract has the same bound. */
const MAX_JUMP_BPS = 2_000n;
const MAX_PRICE = 2n ** 128n - 1n;
const SIGNATURE_BYTES = 65;

const differs = (a: bigint, b: bigint, bps: bigint): boolean => (a > b ? a - b : b - a) * BASIS > b * bps;

/** Whether the contract believes this price only when it is said again an hour later. */
export const isPriceJump = (price: bigint, last: bigint): boolean => differs(price, last, MAX_JUMP_BPS);

/**
 * Chooses what the oracle takes: the most quotes that lie close enough together, of more than half of the feeds, one each, ascending by price.
 * A quote of nobody, one that is too old or of the future, and one that is far from the others keeps the rest from nothing.
 * @returns undefined while those that are left are too few.
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

/** The feed that signed a quote, in hex; undefined where the contract would not take it. */
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
