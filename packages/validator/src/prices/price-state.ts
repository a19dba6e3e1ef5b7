import type { ChainClient } from '@ogong/chain/client';
import type { Address } from '@ogong/chain/hex';
import { Refusal } from '@ogong/host/link/link-error';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { computeQuotePrice, hashPriceQuote } from '@ogong/protocol/settlement/burn-mint';
import type { SignedQuote } from '@ogong/protocol/settlement/price-quotes';
import type { PriceReading } from './price-source.ts';

export type PricingChain = Pick<ChainClient, 'priceState' | 'postPrice' | 'describeAsset'>;

/** A feed of prices, and what it knows. */
export interface PricingState {
  readonly crypto: Crypto;
  /** The feed's own key: what it signs counts for as much as the oracle gives its address. */
  readonly key: LedgerSigner;
  /** Of the oracle. */
  readonly domain: LedgerDomain;
  /** What the network burns and mints. */
  readonly token: Address;
  /** The validator's account, 20 bytes. */
  readonly validator: Uint8Array;
  readonly chain: { client(): Promise<PricingChain>; validators(): readonly QuorumMember[] };
  readonly read: (signal: AbortSignal) => Promise<PriceReading>;
  readonly ask: (peer: QuorumMember, asset: Address) => Promise<SignedQuote>;
  readonly onPosted: (asset: Address, price: bigint, quotes: number, transactionHash: string) => void;
  /** Too few feeds agree, or none of them answers. */
  readonly onTooFew: (asset: Address, quotes: number) => void;
  /** A peer did not answer: those who are no feeds never do. */
  readonly onSilent: (error: unknown) => void;
  /** The price of one asset waits. */
  readonly onError: (error: unknown) => void;
  /** What was read last. */
  reading: PriceReading | undefined;
  /** Decimals by asset: they never change. */
  readonly decimals: Map<Address, number>;
  /** What was signed last, by asset. */
  readonly signed: Map<Address, SignedQuote>;
  /** Since when a price waits to be posted, by the chain's clock. */
  readonly dueSince: Map<Address, bigint>;
}

export const openPricingState = (
  options: Omit<PricingState, 'reading' | 'decimals' | 'signed' | 'dueSince'>,
): PricingState => ({
  ...options,
  reading: undefined,
  decimals: new Map(),
  signed: new Map(),
  dueSince: new Map(),
});

/** The assets that a reading has a price of, the network's token first. */
export const listPriced = ({ token, reading }: Pick<PricingState, 'token' | 'reading'>): Address[] =>
  reading === undefined ? [] : [token, ...[...reading.assets.keys()].filter((asset) => asset !== token)];

/**
 * What this feed says of an asset, signed once for each reading.
 * @throws Refusal `unavailable` where nothing was read yet, `not-found` where the source has no price of the asset; ChainError
 */
export async function signOwnQuote(state: PricingState, asset: Address): Promise<SignedQuote> {
  const { crypto, key, domain, token, reading, chain, decimals, signed } = state;
  if (reading === undefined) throw new Refusal('unavailable', 'this feed has read no price yet');
  const nanoUsd = asset === token ? reading.tokenNanoUsd : reading.assets.get(asset);
  if (nanoUsd === undefined) throw new Refusal('not-found', `this feed has no price of ${asset}`);
  const known = decimals.get(asset) ?? (await (await chain.client()).describeAsset(asset)).decimals;
  decimals.set(asset, known);
  const price = computeQuotePrice(nanoUsd, known);
  const before = signed.get(asset);
  if (before?.price === price && before.time === reading.at) return before;
  const said = { asset: fromHex(asset.slice(2), 20), price, time: reading.at };
  const quote = { price, time: reading.at, signature: key.signDigest(hashPriceQuote(crypto, domain, said)) };
  signed.set(asset, quote);
  return quote;
}
