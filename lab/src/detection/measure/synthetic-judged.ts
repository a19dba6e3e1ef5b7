import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { createSyntheticEvidence, type SyntheticDrift } from '@ogong/testing/synthetic/synthetic-evidence';
import type { RankedReply } from './detector.ts';
import type { JudgedReply } from './load.ts';

/** A reply without evidence about its provider, except the given fields. */
export const createJudged = (given: Partial<RankedReply> = {}): RankedReply => ({
  ...{ seed: 1, statistic: 0, pValue: 1, leastPValue: 1e-4, extrapolatedPValue: 1, eValue: 1, suspect: 'none' },
  isLeftToLimits: false,
  ...given,
});

/** Replies of one window with the given drift. Other fields are placeholders. */
export function createReplies(count: number, seed: number, drift?: SyntheticDrift): JudgedReply[] {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const whole = createSyntheticEvidence(random, { positions: 32, ...drift });
    return {
      seed: i,
      modelRoot: new Uint8Array(32),
      scored: { whole, first: whole, cuts: [], comparison: { windows: [] } },
    } as unknown as JudgedReply;
  });
}
