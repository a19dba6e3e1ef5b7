import { ProtocolError } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** Seconds of one epoch of minting. */
export const MINT_EPOCH_S = 4_320n;
/**
 * Epochs of minting in a year.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export const MINT_EPOCHS_PER_YEAR = 7_305n;
/** The largest elasticity, parts per million. A party that pays itself, in all roles at once, gets back less than it burned. */
export const MAX_ELASTICITY_PPM = 950_000n;
/** The largest part of the supply that is minted in a year, parts per million. */
const CEILING_PPM = 50_000n;
const FLOOR_PPM = 5_000n;
const PPM = 1_000_000n;
const WHOLE = 10n ** 18n;
/** The divisor of governance's part of a provider's earnings: 5 of 80 hundredths. */
const GOVERNANCE_PART = 16n;
const POOL_FEE = 3n;
const POOL_FEE_BASE = 1_000n;
const BASIS = 10_000n;
const MAX_SLIPPAGE_BPS = 100n;

function least(...values: readonly [bigint, ...bigint[]]): bigint {
  let [found] = values;
  for (const value of values) if (value < found) found = value;
  return found;
}

/** The quote that a feed signs (docs/spec/burn-and-mint.md). */
export interface PriceQuote {
  /** 20 bytes. */
  readonly asset: Uint8Array;
  /** Dollars times 1e18, for 1e18 of the asset's smallest units. */
  readonly price: bigint;
  /** Seconds since 1970. */
  readonly time: bigint;
}

const typedPrice = createTypedStruct('Price', { asset: abi.address, price: abi.uint128, time: abi.uint64 });

/** Computes the EIP-712 digest that a feed signs. @param domain of the oracle. */
export function hashPriceQuote(crypto: Crypto, domain: LedgerDomain, { asset, price, time }: PriceQuote): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), typedPrice.hash(crypto, { asset, price, time }));
}

/**
 * Computes the price that a feed signs, from the price of a whole unit of the asset, rounded down.
 * @param nanoUsd billionths of a dollar.
 * @param decimals of the asset, as its contract names them, 0 to 36.
 */
export const computeQuotePrice = (nanoUsd: bigint, decimals: number): bigint =>
  (nanoUsd * 10n ** 9n * WHOLE) / 10n ** BigInt(decimals);

/**
 * Returns the middle of ascending prices, or the mean of the two in the middle, rounded down. @throws ProtocolError `malformed`
 * for an empty list
 */
export function computeMedianPrice(ascending: readonly bigint[]): bigint {
  const middle = Math.floor(ascending.length / 2);
  const upper = ascending[middle];
  if (upper === undefined) throw new ProtocolError('malformed', 'no prices');
  if (ascending.length % 2 === 1) return upper;
  return ((ascending[middle - 1] as bigint) + upper) / 2n;
}

export interface PriceChange {
  readonly time: bigint;
  readonly price: bigint;
}

/**
 * Computes the mean of a price over a window up to now, weighted by time, rounded down. If the first change is later than the
 * window's start, it starts there.
 * @param changes the oldest first, the first not after `now`.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function computeAveragePrice(changes: readonly PriceChange[], now: bigint, windowS: bigint): bigint {
  const [first] = changes;
  const last = changes.at(-1);
  if (first === undefined || last === undefined) throw new ProtocolError('malformed', 'no prices');
  const from = now > first.time + windowS ? now - windowS : first.time;
  if (from === now) return last.price;
  const sumAt = (time: bigint): bigint =>
    changes.reduce((sum, { time: start, price }, i) => {
      const end = least(changes[i + 1]?.time ?? time, time);
      return end > start ? sum + price * (end - start) : sum;
    }, 0n);
  return (sumAt(now) - sumAt(from)) / (now - from);
}

/** Computes the value of an amount of an asset in credits (1e18 a dollar), rounded down. */
export const computeDollars = (amount: bigint, price: bigint): bigint => (amount * price) / WHOLE;

/**
 * Computes the credits for a top-up: the dollars of the asset, or of the burned tokens, whichever are fewer.
 * @param asset undefined if the asset is the token itself
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function computeTopUp(
  asset: { readonly amount: bigint; readonly price: bigint } | undefined,
  burned: { readonly amount: bigint; readonly price: bigint },
): bigint {
  const worth = computeDollars(burned.amount, burned.price);
  return asset === undefined ? worth : least(computeDollars(asset.amount, asset.price), worth);
}

/**
 * Computes the burned tokens behind a part of the credits: in proportion to all credits, rounded down.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export const computeBackingPart = (backing: bigint, supply: bigint, amount: bigint): bigint =>
  supply === 0n ? 0n : (backing * amount) / supply;

/** The inputs of a minting rule. */
export interface MintEpochWork {
  /** Dollars (1e18) of the work that became final. */
  readonly dollars: bigint;
  /** Tokens that were burned for its credits. */
  readonly burned: bigint;
  readonly price: bigint;
  /** Supply of tokens when the first of this work became final. */
  readonly supply: bigint;
  /** Tokens that were burned within ninety days. */
  readonly recentBurn: bigint;
}

export interface MintSettings {
  readonly elasticityPpm: bigint;
  /** The most tokens of a year, atomic units. */
  readonly yearlyCap: bigint;
}

/**
 * Computes the mint for an epoch's work. It is always less than the tokens burned for the work.
 * @throws ProtocolError `out-of-range` if the elasticity exceeds its bound.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function computeBoundedMint(
  { dollars, burned, price, supply }: MintEpochWork,
  { elasticityPpm, yearlyCap }: MintSettings,
): bigint {
  if (elasticityPpm <= 0n || elasticityPpm > MAX_ELASTICITY_PPM) {
    throw new ProtocolError('out-of-range', `elasticity ${elasticityPpm}`);
  }
  return least((least((dollars * WHOLE) / price, burned) * elasticityPpm) / PPM, computeMostMint(supply, yearlyCap));
}

/** Computes the most that one epoch may mint, for any work. */
const computeMostMint = (supply: bigint, yearlyCap: bigint): bigint =>
  least(yearlyCap / MINT_EPOCHS_PER_YEAR, (supply * CEILING_PPM) / PPM / MINT_EPOCHS_PER_YEAR);

/**
 * Computes how many burned tokens an epoch can carry, so that no bound of the epoch cuts its mint. The rest waits for a later
 * epoch.
 * @param supply of tokens when the first of the work became final
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export const computeCarriedBurn = (supply: bigint, { elasticityPpm, yearlyCap }: MintSettings): bigint =>
  (computeMostMint(supply, yearlyCap) * PPM) / elasticityPpm;

/**
 * Computes the part of the earned credits that an epoch can pay for.
 * @param room burned tokens that it still carries
 * @param backing of all credits
 * @param supply all credits
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function computeCarriedCredits(
  amount: bigint,
  { room, backing, supply }: { readonly room: bigint; readonly backing: bigint; readonly supply: bigint },
): bigint {
  return computeBackingPart(backing, supply, amount) > room ? (room * supply) / backing : amount;
}

/**
 * Computes the mint by the rule of Orogen's document, which can be farmed (docs/economics.md). It is for the laboratory.
 * @throws ProtocolError `out-of-range` if the elasticity is outside of [0.8, 1.5].
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function computeDocumentMint(
  { supply, recentBurn }: MintEpochWork,
  { elasticityPpm, yearlyCap }: MintSettings,
): bigint {
  if (elasticityPpm < 800_000n || elasticityPpm > 1_500_000n) {
    throw new ProtocolError('out-of-range', `elasticity ${elasticityPpm}`);
  }
  const amount = least(yearlyCap, (recentBurn * elasticityPpm) / PPM, (supply * CEILING_PPM) / PPM);
  const floor = (supply * FLOOR_PPM) / PPM;
  return floor > amount ? floor : amount;
}

/**
 * Computes governance's part of a provider's earned dollars, rounded down. The provider gets the rest.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export const computeGovernancePart = (dollars: bigint): bigint => dollars / GOVERNANCE_PART;

/** Computes a payee's part of an epoch's mint, rounded down. */
export const computeMintClaim = (minted: bigint, dollars: bigint, all: bigint): bigint => (minted * dollars) / all;

/**
 * Computes the output of a swap in a pool of constant product, after its fee, rounded down.
 * @internal mirrors the contract: tests and the laboratory compare both
 */
export function computePoolOut(amount: bigint, reserveIn: bigint, reserveOut: bigint): bigint {
  if (amount === 0n || reserveOut === 0n) return 0n;
  const kept = amount * (POOL_FEE_BASE - POOL_FEE);
  return (kept * reserveOut) / (reserveIn * POOL_FEE_BASE + kept);
}

/**
 * Computes the least stablecoin that a sale of tokens must bring. @param slippageBps at most the contract's own bound, which is
 * the default
 */
export const computeLeastSale = (
  amount: bigint,
  price: bigint,
  stablePrice: bigint,
  slippageBps = MAX_SLIPPAGE_BPS,
): bigint => (((amount * price) / stablePrice) * (BASIS - slippageBps)) / BASIS;
