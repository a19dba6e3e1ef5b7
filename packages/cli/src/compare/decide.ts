import { advanceCoinTest, type CoinTest, INITIAL_COIN_TEST, readCoinTest } from '@ogong/protocol/statistics/coin-test';

/** Of one reply of the endpoint under test, in nats per listed token. */
export interface ReplyDistances {
  /** From the endpoint to each reference. */
  readonly toReference: readonly number[];
  /** Between references, on the same text; symmetric. */
  readonly between: readonly (readonly number[])[];
}

/** Evidence of every reply: one coin each, so that nothing is assumed of tokens within a reply. */
interface Evidence {
  /** nearer[i][j]: the endpoint is nearer to reference i than to j. */
  readonly nearer: readonly (readonly CoinTest[])[];
  /** The endpoint is nearer to reference i than its yardstick. */
  readonly near: readonly CoinTest[];
  /** The endpoint is farther from reference i than its yardstick. */
  readonly far: readonly CoinTest[];
  /** More than HONEST_SHARE of the replies are off the first reference. */
  readonly off: CoinTest;
  /** Fewer than `share` of them are. */
  readonly clean: CoinTest;
  /** More than CHANCE_SHARE of them are as near to it as a reply of it would be. */
  readonly some: CoinTest;
}

export interface ComparisonState {
  readonly replies: number;
  readonly evidence: Evidence;
}

export interface ComparisonTerms {
  /** Chance of a wrong verdict, of all that it could say together. */
  readonly level: number;
  /** The yardstick of a reference is the nearest other reference, and at most this many nats. */
  readonly tolerance: number;
  /** `same` says that fewer than this share of the replies are off the first reference; above 0, below 1. */
  readonly share: number;
}

/** A reply is off at this many tolerances from the first reference: farther than any measured honest machine. */
const OFF_TOLERANCES = 2;
/** An honest endpoint may have this share of its replies off, for example after an unlikely token. */
const HONEST_SHARE = 0.05;
/** Another model may look like the first reference in this share of its replies. */
const CHANCE_SHARE = 0.1;

/**
 * `same`: the endpoint serves the first reference. `mixed`: it does so for some replies, and serves something else for others.
 * `other`: not the first, but reference `index`. `unknown`: not the first, and none of the others either, or it is not yet
 * certain which. `undecided`: nothing is certain yet.
 */
export type ComparisonVerdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'mixed' }
  | { readonly kind: 'other'; readonly index: number }
  | { readonly kind: 'unknown'; readonly isFinal: boolean }
  | { readonly kind: 'undecided' };

/** @param references their number; the claimed one is first. */
export function createComparison(references: number): ComparisonState {
  const row = (): CoinTest[] => Array.from({ length: references }, () => INITIAL_COIN_TEST);
  return {
    replies: 0,
    evidence: {
      nearer: row().map(row),
      near: row(),
      far: row(),
      off: INITIAL_COIN_TEST,
      clean: INITIAL_COIN_TEST,
      some: INITIAL_COIN_TEST,
    },
  };
}

/** A tie tosses no coin. */
const toss = (test: CoinTest, heads: number, tails: number): CoinTest =>
  heads === tails ? test : advanceCoinTest(test, heads < tails);

export function advanceComparison(
  { replies, evidence: { nearer, near, far, off, clean, some } }: ComparisonState,
  distances: ReplyDistances,
  { tolerance, share }: Pick<ComparisonTerms, 'tolerance' | 'share'>,
): ComparisonState {
  const { toReference, between } = distances;
  const yards = toReference.map((_, i) =>
    Math.min(tolerance, ...toReference.flatMap((_, j) => (j === i ? [] : [between[i]?.[j] as number]))),
  );
  const at = (i: number): number => toReference[i] as number;
  const isNear = at(0) < (yards[0] as number) && toReference.every((each, j) => j === 0 || at(0) < each);
  const isOff = at(0) > OFF_TOLERANCES * tolerance;
  return {
    replies: replies + 1,
    evidence: {
      nearer: nearer.map((row, i) => row.map((test, j) => (i === j ? test : toss(test, at(i), at(j))))),
      near: near.map((test, i) => toss(test, at(i), yards[i] as number)),
      far: far.map((test, i) => toss(test, yards[i] as number, at(i))),
      off: advanceCoinTest(off, isOff, HONEST_SHARE),
      clean: advanceCoinTest(clean, !isOff, 1 - share),
      some: advanceCoinTest(some, isNear, CHANCE_SHARE),
    },
  };
}

/** Returns the least e-value for a decision: each of the n (n + 1) + 3 tests gets its share of the level. */
export const computeThreshold = (references: number, level: number): number =>
  (references * (references + 1) + 3) / level;

export function decideComparison(
  { evidence }: ComparisonState,
  { level }: Pick<ComparisonTerms, 'level'>,
): ComparisonVerdict {
  const { nearer, near, far, off, clean, some } = evidence;
  const limit = computeThreshold(near.length, level);
  const isSure = (test: CoinTest | undefined): boolean => test !== undefined && readCoinTest(test) >= limit;
  const indexes = near.map((_, i) => i);
  const isServed = (i: number): boolean => isSure(near[i]) && indexes.every((j) => j === i || isSure(nearer[i]?.[j]));
  if (isSure(off) && isSure(some)) return { kind: 'mixed' };
  if (isServed(0)) return { kind: isSure(clean) ? 'same' : 'undecided' };
  const index = indexes.findIndex((i) => i > 0 && isServed(i));
  if (index > 0) return { kind: 'other', index };
  if (indexes.every((i) => isSure(far[i]))) return { kind: 'unknown', isFinal: true };
  const isRefused = isSure(off) || isSure(far[0]) || indexes.some((j) => j > 0 && isSure(nearer[j]?.[0]));
  return isRefused ? { kind: 'unknown', isFinal: false } : { kind: 'undecided' };
}
