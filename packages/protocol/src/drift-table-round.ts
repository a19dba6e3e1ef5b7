import type { ScoreQuantiles } from './drift-table.ts';
import type { HonestLevel } from './honest-levels.ts';
import type { Hypothesis, Likelihood } from './likelihood.ts';

/**
 * What a table keeps of its numbers: as many bits as decide, and zeros behind them, which a file does not carry. All is
 * rounded before anything is measured with it, so that p-values are as right as without; only what is caught could change
 * (drift-table-round.test.ts).
 */
const view = new DataView(new ArrayBuffer(8));
const FRACTION_BITS = 52;

/** Bits of the fraction: of what honest replies gave, and of alternatives, which few replies or rough factors gave. */
const HONEST = { whitening: 12, mean: 14, rate: 10 };
const ALTERNATIVE = { whitening: 6, mean: 10, rate: 6 };
const QUANTILE_BITS = 10;
const STATISTIC_BITS = 16;
const LEVEL_BITS = 16;
const RATE_FLOOR = 1e-7;
/** Of cells of values: an ordinary one is near 1, and every position of a reply counts. */
const VALUE_BITS = 20;
const VALUE_FLOOR = 1e-9;

/**
 * The nearest number with so many bits of fraction, halves away from zero; never further off than 2^-(bits + 1) of the
 * value, unless it is so small (2^-1022) that it has fewer itself. Monotone.
 * @param bits 1..51. @throws RangeError where the value is not finite.
 */
export function roundToBits(value: number, bits: number): number {
  return cut(value, bits, 1n << BigInt(FRACTION_BITS - bits - 1));
}

/** The least number with so many bits of fraction that is not below the value. */
export function roundUpToBits(value: number, bits: number): number {
  return cut(value, bits, value > 0 ? (1n << BigInt(FRACTION_BITS - bits)) - 1n : 0n);
}

function cut(value: number, bits: number, add: bigint): number {
  if (!Number.isFinite(value)) throw new RangeError(`no number: ${value}`);
  if (value === 0) return 0;
  view.setFloat64(0, value);
  const dropped = BigInt(FRACTION_BITS - bits);
  view.setBigUint64(0, ((view.getBigUint64(0) + add) >> dropped) << dropped);
  // Never minus zero, which no table writes.
  return view.getFloat64(0) + 0;
}

export function roundLikelihood({ honest, alternatives, levels }: Likelihood): Likelihood {
  return {
    honest: roundHypothesis(honest, HONEST),
    alternatives: alternatives.map((each) => roundHypothesis(each, ALTERNATIVE)),
    levels,
  };
}

/** Two that rounding makes one are one. */
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

/** Held-out statistics, never smaller than they were: a p-value by their ranks is never too small. */
export function roundStatistics(statistics: readonly number[]): number[] {
  return statistics.map((value) => roundUpToBits(value, STATISTIC_BITS));
}

export function roundQuantiles({ value, low, high }: ScoreQuantiles): ScoreQuantiles {
  const round = (values: readonly number[]): number[] => values.map((each) => roundToBits(each, QUANTILE_BITS));
  return { value: round(value), low: round(low), high: round(high) };
}
