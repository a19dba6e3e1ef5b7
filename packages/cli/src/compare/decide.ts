import { advanceCoinTest, type CoinTest, INITIAL_COIN_TEST, readCoinTest } from '@ogong/protocol/statistics/coin-test';

/** Of one reply of the endpoint under test, in nats per listed token. */
export interface ReplyDistances {
  /** From the endpoint to each reference. */
  readonly toReference: readonly number[];
  /** Between references, on the same text; symmetric. */
  readonly between: readonly (readonly number[])[];
}

/** What is asked of every reply: one coin each, so that nothing is assumed of tokens within a reply. */
interface Evidence {
  /** nearer[i][j]: the endpoint is nearer to reference i than to j. */
  readonly nearer: readonly (readonly CoinTest[])[];
  /** The endpoint is nearer to reference i than its yardstick. */
  readonly near: readonly CoinTest[];
  /** The endpoint is farther from reference i than its yardstick. */
  readonly far: readonly CoinTest[];
}

export interface ComparisonState {
  readonly replies: number;
  readonly evidence: Evidence;
}

export interface ComparisonTerms {
  /** Chance of a wrong verdict, of all that it could say together. */
  readonly level: number;
  /** The yardstick of a reference is the nearest other reference, and at most so many nats. */
  readonly tolerance: number;
}

/**
 * `same`: the endpoint serves the first reference. `other`: not the first, but reference `index`. `unknown`: not the first, and
 * none of the others either, or it is not yet certain which. `undecided`: nothing is certain yet.
 */
export type ComparisonVerdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'other'; readonly index: number }
  | { readonly kind: 'unknown'; readonly isFinal: boolean }
  | { readonly kind: 'undecided' };

/** @param references how many there are, the one that is claimed first. */
export function createComparison(references: number): ComparisonState {
  const row = (): CoinTest[] => Array.from({ length: references }, () => INITIAL_COIN_TEST);
  return { replies: 0, evidence: { nearer: row().map(row), near: row(), far: row() } };
}

/** A tie tosses no coin. */
const toss = (test: CoinTest, heads: number, tails: number): CoinTest =>
  heads === tails ? test : advanceCoinTest(test, heads < tails);

export function advanceComparison(
  { replies, evidence: { nearer, near, far } }: ComparisonState,
  distances: ReplyDistances,
  { tolerance }: Pick<ComparisonTerms, 'tolerance'>,
): ComparisonState {
  const { toReference, between } = distances;
  const yards = toReference.map((_, i) =>
    Math.min(tolerance, ...toReference.flatMap((_, j) => (j === i ? [] : [between[i]?.[j] as number]))),
  );
  const at = (i: number): number => toReference[i] as number;
  return {
    replies: replies + 1,
    evidence: {
      nearer: nearer.map((row, i) => row.map((test, j) => (i === j ? test : toss(test, at(i), at(j))))),
      near: near.map((test, i) => toss(test, at(i), yards[i] as number)),
      far: far.map((test, i) => toss(test, yards[i] as number, at(i))),
    },
  };
}

/** What an e-value has to reach: each of the n (n + 1) tests gets its share of the level. */
export const computeThreshold = (references: number, level: number): number => (references * (references + 1)) / level;

export function decideComparison(
  { evidence }: ComparisonState,
  { level }: Pick<ComparisonTerms, 'level'>,
): ComparisonVerdict {
  const { nearer, near, far } = evidence;
  const limit = computeThreshold(near.length, level);
  const isSure = (test: CoinTest | undefined): boolean => test !== undefined && readCoinTest(test) >= limit;
  const indexes = near.map((_, i) => i);
  const isServed = (i: number): boolean => isSure(near[i]) && indexes.every((j) => j === i || isSure(nearer[i]?.[j]));
  if (isServed(0)) return { kind: 'same' };
  const index = indexes.findIndex((i) => i > 0 && isServed(i));
  if (index > 0) return { kind: 'other', index };
  if (indexes.every((i) => isSure(far[i]))) return { kind: 'unknown', isFinal: true };
  const isRefused = isSure(far[0]) || indexes.some((j) => j > 0 && isSure(nearer[j]?.[0]));
  return isRefused ? { kind: 'unknown', isFinal: false } : { kind: 'undecided' };
}
