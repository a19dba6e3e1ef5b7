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

/** State of a price feed. */
export interface PricingState {
  readonly crypto: Crypto;
  /** The feed's own key. The oracle gives its address a weight. */
  readonly key: LedgerSigner;
  /** Domain of the oracle. */
  readonly domain: LedgerDomain;
  /** The token that the network burns and mints. */
  readonly token: Address;
  /** The validator's account, 20 bytes. */
  readonly validator: Uint8Array;
  readonly chain: { client(): Promise<PricingChain>; validators(): readonly QuorumMember[] };
  readonly read: (signal: AbortSignal) => Promise<PriceReading>;
  readonly ask: (peer: QuorumMember, asset: Address) => Promise<SignedQuote>;
  readonly onPosted: (asset: Address, price: bigint, quotes: number, transactionHash: string) => void;
  /** Called if too few feeds agree, or none answers. */
  readonly onTooFew: (asset: Address, quotes: number) => void;
  /** Called if a peer did not answer. Peers without a feed never do. */
  readonly onSilent: (error: unknown) => void;
  /** Called if the price of one asset cannot be posted yet. */
  readonly onError: (error: unknown) => void;
  /** The last reading. */
  reading: PriceReading | undefined;
  /** Decimals by asset: they never change. */
  readonly decimals: Map<Address, number>;
  /** The last signed quotes, by asset. */
  readonly signed: Map<Address, SignedQuote>;
  /** Time since which a price waits to be posted, by the chain's clock. */
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

/** Lists the assets in a reading, the network's token first. */
export const listPriced = ({ token, reading }: Pick<PricingState, 'token' | 'reading'>): Address[] =>
  reading === undefined ? [] : [token, ...[...reading.assets.keys()].filter((asset) => asset !== token)];

/**
 * Signs this feed's quote of an asset, once for each reading.
 * @throws Refusal `unavailable` before the first reading, `not-found` if the source has no price of the asset;
 * ChainError
 */
export async function signOwnQuote(state: PricingState, asset: Address): Promise<SignedQuote> {
  const { crypto, key, domain, token, reading, chain, decimals, signed } = state;
  if (reading === undefined) throw new Refusal('unavailable', 'this feed has read no price yet');
  const nanoUsd = asset === token ? reading.tokenNanoUsd : reading.assets.get(asset);
  if (nanoUsd === undefined) throw new Refusal('not-found', `this feed has no price for ${asset}`);
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
