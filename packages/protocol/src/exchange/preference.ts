import { toHex } from '../base/bytes.ts';
import { type Codec, type CodecType, oneOf, struct, u32, u64, u128, within } from '../base/codec.ts';
import { PPM } from './reputation.ts';
import { countPayees } from './stake-weights.ts';

/** The aims of a caller for its provider's draw (docs/spec/match.md#preference), in the order of their codes. */
export const SORTS = ['none', 'price', 'latency', 'throughput', 'quality', 'balanced'] as const;
export type Sort = (typeof SORTS)[number];

/** The request's terms in a list. */
export const askedCodec = struct({
  sort: oneOf(SORTS),
  maxPricePer1kAtomic: u128,
  /** The most tokens of prompt and reply. */
  contextSize: u32,
  /** The least amount that the drawn provider loses by an ejection, in whole tokens. */
  minHeldTokens: u64,
});
export interface AskedMatch extends CodecType<typeof askedCodec> {}

export const MAX_LATENCY_MS = 600_000;
export const MAX_MILLI_TOKENS_PER_SECOND = 1_000_000_000;

/** Figures of a provider with one model that callers measured by their own clocks. */
export interface MeasuredFigures {
  /** Time from the request to the first token, at least 1; 0: not measured. */
  readonly latencyMs: number;
  /** Thousandths of output tokens per second, over whole replies; 0: not measured. */
  readonly milliTokensPerSecond: number;
}

export const NO_FIGURES: MeasuredFigures = { latencyMs: 0, milliTokensPerSecond: 0 };

export const figuresCodec: Codec<MeasuredFigures> = struct({
  latencyMs: within(u32, 0, MAX_LATENCY_MS),
  milliTokensPerSecond: within(u32, 0, MAX_MILLI_TOKENS_PER_SECOND),
});

/** Reputation of a candidate. A provider with reputation 0 is no candidate. */
export const candidateReputation: Codec<number> = within(u32, 1, PPM);

/** The inputs of a weight. */
export interface WeighedFigures extends MeasuredFigures {
  readonly pricePer1kAtomic: bigint;
  /** Stake of the payee, in whole tokens, for all its offers together. */
  readonly stakeTokens: bigint;
  readonly reputationPpm: number;
  readonly payee: Uint8Array;
}

/** Parts of the best figure. The least share is a quarter, so no candidate counts for more than 256 times another. */
const BEST = 256n;
const LEAST = 64n;
/** The shortest distinguished wait, because a caller's measurement includes the network. */
const LEAST_LATENCY_MS = 20;

type Best = Readonly<Record<'price' | 'latency' | 'throughput' | 'quality', bigint>>;

/**
 * Computes the weights of a draw over these candidates: (stake share + 1) x reputation, times the factor of the preference. A
 * candidate without a figure counts as the worst, so a new name is worth no more than a slow one.
 */
export function weighCandidates(candidates: readonly WeighedFigures[], sort: Sort): bigint[] {
  const counts = countPayees(candidates);
  const best = findBest(candidates);
  return candidates.map((one) => {
    const share = one.stakeTokens / BigInt(counts.get(toHex(one.payee)) as number);
    return (share + 1n) * BigInt(one.reputationPpm) * rate(one, best, sort);
  });
}

const latencyOf = ({ latencyMs }: MeasuredFigures): bigint => BigInt(Math.max(latencyMs, LEAST_LATENCY_MS));

function findBest(candidates: readonly WeighedFigures[]): Best {
  const prices = candidates.map(({ pricePer1kAtomic }) => pricePer1kAtomic);
  const known = candidates.map(({ latencyMs }) => latencyMs).filter((latencyMs) => latencyMs > 0);
  const most = (values: readonly number[]): bigint => BigInt(Math.max(0, ...values));
  return {
    price: prices.sort((a, b) => (a < b ? -1 : 1))[0] ?? 0n,
    latency: BigInt(Math.max(LEAST_LATENCY_MS, Math.min(...known, MAX_LATENCY_MS))),
    throughput: most(candidates.map(({ milliTokensPerSecond }) => milliTokensPerSecond)),
    quality: most(candidates.map(({ reputationPpm }) => reputationPpm)),
  };
}

/** Computes the factor of the preference: from 64^4 to 256^4; 1 without a preference. */
function rate(one: WeighedFigures, best: Best, sort: Sort): bigint {
  if (sort === 'none') return 1n;
  const parts = {
    price: takeRatio(best.price + 1n, one.pricePer1kAtomic + 1n),
    latency: one.latencyMs === 0 ? LEAST : takeRatio(best.latency, latencyOf(one)),
    throughput: takeRatio(BigInt(one.milliTokensPerSecond), best.throughput),
    quality: takeRatio(BigInt(one.reputationPpm), best.quality),
  };
  if (sort === 'balanced') return parts.price * parts.latency * parts.throughput * parts.quality;
  return parts[sort] ** 4n;
}

function takeRatio(part: bigint, whole: bigint): bigint {
  if (whole === 0n) return LEAST;
  const ratio = (BEST * part) / whole;
  return ratio < LEAST ? LEAST : ratio > BEST ? BEST : ratio;
}
