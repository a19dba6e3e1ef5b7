import { ProtocolError } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** Seconds of one epoch of minting. */
export const MINT_EPOCH_S = 4_320n;
/**
 * How many of them a year has.
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export const MINT_EPOCHS_PER_YEAR = 7_305n;
/** Parts per million: whoever pays itself, in all roles at once, gets back less than it burned. */
export const MAX_ELASTICITY_PPM = 950_000n;
/** Parts of the supply in a year, parts per million. */
const CEILING_PPM = 50_000n;
const FLOOR_PPM = 5_000n;
const PPM = 1_000_000n;
const WHOLE = 10n ** 18n;
/** Of what a provider earns, one part is governance's: 5 of 80 hundredths. */
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

/** What a feed signs (docs/spec/burn-and-mint.md). */
export interface PriceQuote {
  /** 20 bytes. */
  readonly asset: Uint8Array;
  /** Dollars times 1e18, for 1e18 of the asset's smallest units. */
  readonly price: bigint;
  /** Seconds since 1970. */
  readonly time: bigint;
}

const typedPrice = createTypedStruct('Price', { asset: abi.address, price: abi.uint128, time: abi.uint64 });

/** The EIP-712 digest that a feed signs. @param domain of the oracle. */
export function hashPriceQuote(crypto: Crypto, domain: LedgerDomain, { asset, price, time }: PriceQuote): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), typedPrice.hash(crypto, { asset, price, time }));
}

/**
 * What a feed signs, from what a whole one of the asset costs, rounded down.
 * @param nanoUsd billionths of a dollar. @param decimals of the asset, as its contract names them, 0 to 36.
 */
export const computeQuotePrice = (nanoUsd: bigint, decimals: number): bigint =>
  (nanoUsd * 10n ** 9n * WHOLE) / 10n ** BigInt(decimals);

/** Of ascending prices: the middle one, or the mean of the two, rounded down. @throws ProtocolError `malformed` where there are none */
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
 * The mean of a price over a window up to now, by time, rounded down; since the first change where that is later.
 * @param changes the oldest first, the first not after `now`.
 * @internal the contract's twin: tests and the laboratory hold the two together
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

/** What an amount of an asset is worth, in credits (1e18 a dollar), rounded down. */
export const computeDollars = (amount: bigint, price: bigint): bigint => (amount * price) / WHOLE;

/**
 * Credits for a top-up: the dollars of the asset, or of the tokens that were burned, whichever are fewer.
 * @param asset undefined where the asset is the token itself
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export function computeTopUp(
  asset: { readonly amount: bigint; readonly price: bigint } | undefined,
  burned: { readonly amount: bigint; readonly price: bigint },
): bigint {
  const worth = computeDollars(burned.amount, burned.price);
  return asset === undefined ? worth : least(computeDollars(asset.amount, asset.price), worth);
}

/**
 * The burned tokens behind a part of the credits: an even part of those behind all, rounded down.
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export const computeBackingPart = (backing: bigint, supply: bigint, amount: bigint): bigint =>
  supply === 0n ? 0n : (backing * amount) / supply;

/** What a rule decides by. */
export interface MintEpochWork {
  /** Dollars (1e18) of the work that became final. */
  readonly dollars: bigint;
  /** Tokens that were burned for its credits. */
  readonly burned: bigint;
  readonly price: bigint;
  /** Tokens that there were when the first of it became final. */
  readonly supply: bigint;
  /** Tokens that were burned within ninety days. */
  readonly recentBurn: bigint;
}

export interface MintSettings {
  readonly elasticityPpm: bigint;
  /** Tokens a year, atomic units. */
  readonly yearlyCap: bigint;
}

/**
 * What an epoch's work is paid with: less than what was burned for it, always.
 * @throws ProtocolError `out-of-range` where the elasticity exceeds its bound.
 * @internal the contract's twin: tests and the laboratory hold the two together
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

/** What one epoch may be paid with, whatever its work. */
const computeMostMint = (supply: bigint, yearlyCap: bigint): bigint =>
  least(yearlyCap / MINT_EPOCHS_PER_YEAR, (supply * CEILING_PPM) / PPM / MINT_EPOCHS_PER_YEAR);

/**
 * How many tokens may have been burned for an epoch's work, so that no bound of the epoch cuts what it is paid. What is more waits for a later epoch.
 * @param supply tokens that there were when the first of it became final
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export const computeCarriedBurn = (supply: bigint, { elasticityPpm, yearlyCap }: MintSettings): bigint =>
  (computeMostMint(supply, yearlyCap) * PPM) / elasticityPpm;

/**
 * So much of what was earned as an epoch can pay for.
 * @param room burned tokens that it still carries @param backing of all credits @param supply all credits
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export function computeCarriedCredits(
  amount: bigint,
  { room, backing, supply }: { readonly room: bigint; readonly backing: bigint; readonly supply: bigint },
): bigint {
  return computeBackingPart(backing, supply, amount) > room ? (room * supply) / backing : amount;
}

/**
 * The rule as Orogen's document has it, which is farmed (docs/economics.md): for the laboratory.
 * @throws ProtocolError `out-of-range` where the elasticity is outside of [0.8, 1.5].
 * @internal the contract's twin: tests and the laboratory hold the two together
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
 * What is governance's of the dollars that a provider earned, rounded down; the provider has the rest.
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export const computeGovernancePart = (dollars: bigint): bigint => dollars / GOVERNANCE_PART;

/** What a payee has of an epoch's mint, rounded down. */
export const computeMintClaim = (minted: bigint, dollars: bigint, all: bigint): bigint => (minted * dollars) / all;

/**
 * What an amount buys in a pool of constant product, its fee taken, rounded down.
 * @internal the contract's twin: tests and the laboratory hold the two together
 */
export function computePoolOut(amount: bigint, reserveIn: bigint, reserveOut: bigint): bigint {
  if (amount === 0n || reserveOut === 0n) return 0n;
  const kept = amount * (POOL_FEE_BASE - POOL_FEE);
  return (kept * reserveOut) / (reserveIn * POOL_FEE_BASE + kept);
}

/** The least that a sale of tokens may bring of the stablecoin. @param slippageBps at most the contract's own bound, which is the default */
export const computeLeastSale = (
  amount: bigint,
  price: bigint,
  stablePrice: bigint,
  slippageBps = MAX_SLIPPAGE_BPS,
): bigint => (((amount * price) / stablePrice) * (BASIS - slippageBps)) / BASIS;
