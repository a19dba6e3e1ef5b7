import { roundToBits } from '../../../statistics/round-bits.ts';
import type { ScoreQuantiles } from './drift-table.ts';
import type { HonestLevel } from './honest-levels.ts';
import type { Hypothesis, Likelihood } from './likelihood.ts';

/**
 * Rounding of a table: it keeps only the significant bits of its numbers. The rest are zeros, which a file does not store.
 * Numbers are rounded before any measurement uses them, so rounding does not make p-values wrong. Only the power could change
 * (drift-table-round.test.ts).
 */

/** Bits of the fraction. Alternatives get fewer, because they come from few replies or from rough factors. */
const HONEST = { whitening: 12, mean: 14, rate: 10 };
const ALTERNATIVE = { whitening: 6, mean: 10, rate: 6 };
const QUANTILE_BITS = 10;
const LEVEL_BITS = 16;
const RATE_FLOOR = 1e-7;
/** Bits for cells of values. An ordinary value is near 1, and every position of a reply counts. */
const VALUE_BITS = 20;
const VALUE_FLOOR = 1e-9;

export function roundLikelihood({ honest, alternatives, levels }: Likelihood): Likelihood {
  return {
    honest: roundHypothesis(honest, HONEST),
    alternatives: alternatives.map((each) => roundHypothesis(each, ALTERNATIVE)),
    levels,
  };
}

/** Rounds levels. Levels that become equal are joined. */
export function roundLevels(levels: readonly HonestLevel[]): HonestLevel[] {
  return levels
    .map(({ surprise, centre, width }) => ({
      surprise: roundToBits(surprise, LEVEL_BITS),
      centre: roundToBits(centre, LEVEL_BITS),
      width: roundToBits(width, LEVEL_BITS),
    }))
    .filter(({ surprise }, i, all) => i === 0 || surprise > (all[i - 1] as HonestLevel).surprise);
}

function roundHypothesis(hypothesis: Hypothesis, bits: typeof HONEST): Hypothesis {
  return {
    ...hypothesis,
    mean: hypothesis.mean.map((value) => roundToBits(value, bits.mean)),
    whitening: hypothesis.whitening.map((value) => roundToBits(value, bits.whitening)),
    mismatch: hypothesis.mismatch.map((rate) =>
      Math.min(Math.max(roundToBits(rate, bits.rate), RATE_FLOOR), 1 - RATE_FLOOR),
    ),
    values: hypothesis.values.map((rate) => Math.min(Math.max(roundToBits(rate, VALUE_BITS), VALUE_FLOOR), 1)),
  };
}

export function roundQuantiles({ value, low, high }: ScoreQuantiles): ScoreQuantiles {
  const round = (values: readonly number[]): number[] => values.map((each) => roundToBits(each, QUANTILE_BITS));
  return { value: round(value), low: round(low), high: round(high) };
}
