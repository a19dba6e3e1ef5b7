import type { Judged } from './detector.ts';

/** A reply that says nothing about its provider, but for what is given. */
export const createJudged = (given: Partial<Judged> = {}): Judged => ({
  ...{ seed: 1, statistic: 0, pValue: 1, leastPValue: 1e-4, extrapolatedPValue: 1, eValue: 1, suspect: 'none' },
  isLeftToLimits: false,
  ...given,
});
