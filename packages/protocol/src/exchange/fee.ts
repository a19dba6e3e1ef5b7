import { ProtocolError } from '../base/bytes.ts';
import { PROGRESS_WINDOW_BYTES } from './limits.ts';
import type { LedgerDomain, Order } from './order.ts';
import type { Progress } from './progress.ts';

/** Parts of the gross fee. All amounts are atomic units of the token; shares are basis points (1/10,000) of the gross fee. */
const BASIS_POINTS = 10_000n;
const TOKENS_PER_PRICE = 1000n;

/** The part of an order's maximum fee that a provider pays as a fine if it takes the order and delivers nothing. */
const ABANDONED_PART = 100n;

/** The chain id of one-machine networks with made-up money. The costs that the floor pays for do not arise there. */
const DEVELOPMENT_CHAIN_ID = 31_337n;
/**
 * The least maximum fee of an order, atomic units. Settling one reply costs about this much, however short it is
 * (docs/spec/order.md).
 */
const FEE_FLOOR_ATOMIC = 1_000n;

/** The ceiling of all shares together in the parameters contract. A provider keeps at least 80 %. */
export const MAX_TOTAL_SHARES_BPS = 2_000;

export interface FeeShares {
  readonly routerBps: number;
  readonly validatorBps: number;
  readonly verificationBps: number;
  readonly treasuryBps: number;
  readonly licenseBps: number;
  /** Returns to the remaining emission; 0 on a network without emission. */
  readonly recycleBps: number;
  /** Share of the model's maker. Default: 0, until governance raises it. */
  readonly makerBps?: number;
}

export interface FeeSplit {
  /** The residual of the floored shares. All parts sum to the gross exactly. */
  readonly provider: bigint;
  readonly router: bigint;
  readonly validator: bigint;
  readonly verification: bigint;
  readonly treasury: bigint;
  readonly license: bigint;
  readonly recycle: bigint;
  readonly maker: bigint;
}

export type FeeErrorCode =
  /** The order offers less than the floor. */
  | 'floor'
  /** More prompt tokens than the request can make. */
  | 'prompt'
  /** More output tokens than the request allows. */
  | 'output'
  /** More than the order pays. */
  | 'maximum';

/** The error of a reply that must not be billed as it is. */
export class FeeError extends Error {
  override readonly name = 'FeeError';
  readonly code: FeeErrorCode;
  readonly retryable = false;
  constructor(code: FeeErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

type BilledOrder = Pick<Order, 'pricePer1kAtomic' | 'maxFeeAtomic'>;

/** The most that a request can bill; each modality computes its own bound (modality.ts). */
export interface TokenBound {
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** The billed tokens of a reply. */
export interface BilledTokens {
  readonly promptTokenCount: number;
  readonly outputTokenCount: number;
}

/**
 * Computes the cost of one reply. No other function turns an order, its token bound and a reply into money
 * (docs/spec/order.md). The token bound is needed because the order's maximum has room for every output token. Alone it would
 * let a short reply bill a made-up prompt.
 * @returns atomic units, price per 1,000 tokens times prompt and output tokens, rounded up.
 * @throws FeeError if the reply bills more than request and order allow; ProtocolError `out-of-range` on a negative or
 * fractional quantity.
 */
export function computeReplyFee(order: BilledOrder, bound: TokenBound, reply: BilledTokens): bigint {
  const { promptTokenCount, outputTokenCount } = reply;
  for (const count of [promptTokenCount, outputTokenCount]) {
    if (!Number.isSafeInteger(count) || count < 0) throw new ProtocolError('out-of-range', `token count ${count}`);
  }
  const { pricePer1kAtomic, maxFeeAtomic } = order;
  if (maxFeeAtomic < 0n) throw new ProtocolError('out-of-range', `negative maximum ${maxFeeAtomic}`);
  const { promptTokens, outputTokens } = bound;
  if (promptTokenCount > promptTokens) {
    throw new FeeError(
      'prompt',
      `${promptTokenCount} prompt tokens are billed, the request makes at most ${promptTokens}`,
    );
  }
  if (outputTokenCount > outputTokens) {
    throw new FeeError(
      'output',
      `${outputTokenCount} output tokens are billed, at most ${outputTokens} were asked for`,
    );
  }
  const fee = priceTokens(pricePer1kAtomic, promptTokenCount + outputTokenCount);
  if (fee > maxFeeAtomic) {
    throw new FeeError('maximum', `a fee of ${fee} exceeds the order's maximum of ${maxFeeAtomic}`);
  }
  return fee;
}

/**
 * Counts the billed tokens of a truncated reply. It bills its prompt, and a share of its tokens. The share is that of the text
 * which the payer has, plus one window. Without the payer's progress statement it bills nothing. Otherwise a provider could
 * stop at the first token and bill the prompt.
 * @param textBytes of the whole reply.
 */
export function countCutShort(
  { promptTokenCount, outputTokenCount }: BilledTokens,
  textBytes: number,
  progress: Pick<Progress, 'textBytes' | 'hasLeft'> | undefined,
): BilledTokens {
  if (progress === undefined || (progress.textBytes === 0 && !progress.hasLeft)) {
    return { promptTokenCount: 0, outputTokenCount: 0 };
  }
  if (textBytes === 0) return { promptTokenCount, outputTokenCount: 0 };
  return { promptTokenCount, outputTokenCount: countShown(outputTokenCount, textBytes, progress) };
}

/**
 * Counts the billed tokens of a complete text, by the rule for truncated texts. A payer that signed no progress counts as
 * having received 0 bytes. So a provider is paid for at most one window of text that it shows to nobody. A text that fits into
 * one window needs no progress statement.
 * @param textBytes of the whole reply.
 */
export function countWhole(
  { promptTokenCount, outputTokenCount }: BilledTokens,
  textBytes: number,
  progress: Pick<Progress, 'textBytes'> | undefined,
): BilledTokens {
  return { promptTokenCount, outputTokenCount: countShown(outputTokenCount, textBytes, progress) };
}

/** Counts the tokens of the shown text: all tokens if, by its own statement, the payer lacks at most one window. */
function countShown(tokens: number, textBytes: number, progress: Pick<Progress, 'textBytes'> | undefined): number {
  const paidBytes = (progress?.textBytes ?? 0) + PROGRESS_WINDOW_BYTES;
  // Counts are below 2^32 and texts below 2^21 bytes, so the product is exact.
  return paidBytes >= textBytes ? tokens : Math.floor((tokens * paidBytes) / textBytes);
}

/**
 * Computes the fee of a reply that its payer has not taken: its prompt, at the standby price or the order's price, whichever is
 * lower.
 * @returns atomic units, rounded up.
 */
export function computeStandbyFee(
  { pricePer1kAtomic }: Pick<Order, 'pricePer1kAtomic'>,
  { promptTokenCount }: Pick<BilledTokens, 'promptTokenCount'>,
  standbyPer1kAtomic: bigint,
): bigint {
  const price = standbyPer1kAtomic < pricePer1kAtomic ? standbyPer1kAtomic : pricePer1kAtomic;
  return priceTokens(price, promptTokenCount);
}

/** Least maximum fee of an order on that ledger, atomic units. */
export function computeFeeFloor({ chainId }: Pick<LedgerDomain, 'chainId'>): bigint {
  return chainId === DEVELOPMENT_CHAIN_ID ? 0n : FEE_FLOOR_ATOMIC;
}

/**
 * Refuses orders below the floor, as provider, validator and co-signer do. They would cost the network more than they pay.
 * @throws FeeError
 */
export function assertFeeFloor(ledger: Pick<LedgerDomain, 'chainId'>, order: BilledOrder): void {
  const floor = computeFeeFloor(ledger);
  const { maxFeeAtomic, pricePer1kAtomic } = order;
  if (maxFeeAtomic < floor) throw new FeeError('floor', `an order offers ${floor} at least, this one ${maxFeeAtomic}`);
  if (floor > 0n && pricePer1kAtomic === 0n) throw new FeeError('floor', 'an order has a price');
}

/** Returns the most tokens of prompt and reply, before the prompt is tokenised. */
export function computeContextBound({ promptTokens, outputTokens }: TokenBound): number {
  return promptTokens + outputTokens;
}

/**
 * Computes the most that a reply can cost before its prompt is tokenised, atomic units. The order's maximum must be at least
 * this, floor aside.
 */
export function computeMaxFee(bound: TokenBound, pricePer1kAtomic: bigint): bigint {
  return priceTokens(pricePer1kAtomic, computeContextBound(bound));
}

/** Counts the tokens that a fee can pay for. Free tokens are as many as any reply has. */
export function countTokensOfFee(feeAtomic: bigint, pricePer1kAtomic: bigint): bigint {
  return pricePer1kAtomic === 0n ? 0xffffffffn : (feeAtomic * TOKENS_PER_PRICE) / pricePer1kAtomic;
}

function priceTokens(pricePer1kAtomic: bigint, tokens: number): bigint {
  if (pricePer1kAtomic < 0n) throw new ProtocolError('out-of-range', `negative price ${pricePer1kAtomic}`);
  return (pricePer1kAtomic * BigInt(tokens) + TOKENS_PER_PRICE - 1n) / TOKENS_PER_PRICE;
}

/**
 * Splits one settlement line, as the contract does: floored shares, and the residual for the provider. Without a router (zero
 * address) its share stays with the provider. The maker's share also stays there if the registry names no maker. A fine goes to
 * verification before the rest is shared.
 * @throws ProtocolError `out-of-range` on a negative fee, a fine that is negative or above the fee, a negative or fractional
 * share, or shares above their ceiling.
 */
export function splitFee(
  grossAtomic: bigint,
  shares: FeeShares,
  { routed = true, made = false, fineAtomic = 0n } = {},
): FeeSplit {
  if (fineAtomic < 0n) throw new ProtocolError('out-of-range', `negative fine ${fineAtomic}`);
  const sharedAtomic = grossAtomic - fineAtomic;
  if (sharedAtomic < 0n) throw new ProtocolError('out-of-range', `a fine of ${fineAtomic} on ${grossAtomic}`);
  assertFeeShares(shares);
  const part = (bps: number): bigint => (sharedAtomic * BigInt(bps)) / BASIS_POINTS;
  const router = routed ? part(shares.routerBps) : 0n;
  const validator = part(shares.validatorBps);
  const verification = fineAtomic + part(shares.verificationBps);
  const treasury = part(shares.treasuryBps);
  const license = part(shares.licenseBps);
  const recycle = part(shares.recycleBps);
  const maker = made ? part(shares.makerBps ?? 0) : 0n;
  const provider = grossAtomic - router - validator - verification - treasury - license - recycle - maker;
  return { provider, router, validator, verification, treasury, license, recycle, maker };
}

/**
 * Splits a batch's verification share among the verifiers, as the contract does: pro rata by credits, each part rounded down.
 * @returns the part of each, and the rest for the share's recipient: all of it if no verifier has credit.
 */
export function splitVerification(
  poolAtomic: bigint,
  credits: readonly number[],
): { readonly parts: readonly bigint[]; readonly rest: bigint } {
  const total = BigInt(credits.reduce((sum, count) => sum + count, 0));
  const parts = credits.map((count) => (total === 0n ? 0n : (poolAtomic * BigInt(count)) / total));
  return { parts, rest: parts.reduce((rest, part) => rest - part, poolAtomic) };
}

/** @throws ProtocolError `out-of-range`, see splitFee. */
export function assertFeeShares(shares: FeeShares): void {
  const { routerBps, validatorBps, verificationBps, treasuryBps, licenseBps, recycleBps, makerBps = 0 } = shares;
  const all = [routerBps, validatorBps, verificationBps, treasuryBps, licenseBps, recycleBps, makerBps];
  for (const bps of all) {
    if (!Number.isInteger(bps) || bps < 0) throw new ProtocolError('out-of-range', `share of ${bps} basis points`);
  }
  const total = all.reduce((sum, bps) => sum + bps, 0);
  if (total > MAX_TOTAL_SHARES_BPS) throw new ProtocolError('out-of-range', `shares sum to ${total} basis points`);
}

/** Computes a provider's fine for an abandoned order: atomic units, rounded down (docs/spec/deposits.md). */
export function computeAbandonmentFine({ maxFeeAtomic }: Pick<Order, 'maxFeeAtomic'>): bigint {
  return maxFeeAtomic / ABANDONED_PART;
}
