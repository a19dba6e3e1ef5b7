import { ProtocolError } from '../base/bytes.ts';

/** All amounts are atomic units of the token; shares are basis points (1/10,000) of the gross fee. */
const BASIS_POINTS = 10_000n;
const TOKENS_PER_PRICE = 1000n;

/** What the parameters contract allows the five shares together: a provider keeps at least 80 %. */
export const MAX_TOTAL_SHARES_BPS = 2_000;

export interface FeeShares {
  readonly routerBps: number;
  readonly validatorBps: number;
  readonly verificationBps: number;
  readonly treasuryBps: number;
  readonly licenseBps: number;
}

export interface FeeSplit {
  /** What the five floors leave: the shares sum to the gross exactly. */
  readonly provider: bigint;
  readonly router: bigint;
  readonly validator: bigint;
  readonly verification: bigint;
  readonly treasury: bigint;
  readonly license: bigint;
}

export interface Usage {
  readonly pricePer1kAtomic: bigint;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly maxFeeAtomic: bigint;
}

/**
 * Fee of one reply: price per 1,000 tokens times prompt and output tokens, rounded up, never above the order's maximum.
 * @throws ProtocolError `out-of-range` on a negative or fractional quantity.
 */
export function computeFee({ pricePer1kAtomic, promptTokens, outputTokens, maxFeeAtomic }: Usage): bigint {
  for (const count of [promptTokens, outputTokens]) {
    if (!Number.isSafeInteger(count) || count < 0) throw new ProtocolError('out-of-range', `token count ${count}`);
  }
  if (pricePer1kAtomic < 0n || maxFeeAtomic < 0n) throw new ProtocolError('out-of-range', 'negative price or maximum');
  const tokens = BigInt(promptTokens) + BigInt(outputTokens);
  const fee = (pricePer1kAtomic * tokens + TOKENS_PER_PRICE - 1n) / TOKENS_PER_PRICE;
  return fee < maxFeeAtomic ? fee : maxFeeAtomic;
}

/**
 * The six-way split of one settlement line, as the contract computes it: five floored shares, the provider takes the
 * residual. Where no router took part (zero address), its share stays with the provider.
 * @throws ProtocolError `out-of-range` on a negative fee, a negative or fractional share, or shares above their ceiling.
 */
export function splitFee(grossAtomic: bigint, shares: FeeShares, { routed = true } = {}): FeeSplit {
  if (grossAtomic < 0n) throw new ProtocolError('out-of-range', `negative fee ${grossAtomic}`);
  assertFeeShares(shares);
  const part = (bps: number): bigint => (grossAtomic * BigInt(bps)) / BASIS_POINTS;
  const router = routed ? part(shares.routerBps) : 0n;
  const validator = part(shares.validatorBps);
  const verification = part(shares.verificationBps);
  const treasury = part(shares.treasuryBps);
  const license = part(shares.licenseBps);
  const provider = grossAtomic - router - validator - verification - treasury - license;
  return { provider, router, validator, verification, treasury, license };
}

/** @throws ProtocolError `out-of-range`, see splitFee. */
export function assertFeeShares(shares: FeeShares): void {
  const all = [shares.routerBps, shares.validatorBps, shares.verificationBps, shares.treasuryBps, shares.licenseBps];
  for (const bps of all) {
    if (!Number.isInteger(bps) || bps < 0) throw new ProtocolError('out-of-range', `share of ${bps} basis points`);
  }
  const total = all.reduce((sum, bps) => sum + bps, 0);
  if (total > MAX_TOTAL_SHARES_BPS) throw new ProtocolError('out-of-range', `shares sum to ${total} basis points`);
}
