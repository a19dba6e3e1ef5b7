import { computeLog } from '../../../base/elementary.ts';
import { VALUE_CELLS } from '../stage2/bent-values.ts';
import { MARGIN_BINS } from '../stage2/draw-margin.ts';
import { getSurprise, REPLY_SCORES, type ReplyEvidence, type ReplyScore } from '../stage2/reply-scores.ts';
import { fitHonestLevels, type HonestLevel } from './honest-levels.ts';
import { EQUAL_STATISTIC, evaluateLikelihood, type Hypothesis, type Likelihood } from './likelihood.ts';

/** Samples of one way of cheating, against the same pair of classes and in the same length band. */
export interface NamedSamples {
  readonly name: string;
  readonly replies: readonly ReplyEvidence[];
}

const SIZE = REPLY_SCORES.length;
/** The fewest honest replies for a fit. */
export const MIN_FIT_REPLIES = 64;
/** The fewest replies of an alternative. */
export const MIN_ALTERNATIVE_REPLIES = 8;
/** Least assumed scatter of a score, nats: 2 % of a distance. */
const SCATTER_FLOOR = 0.02;
/** Share of the alternatives' weight for the derived ones. */
const DERIVED_SHARE = 0.25;

/** Fits levels to the statistic of a likelihood without levels, over the replies of its fit. */
export function fitLevels(likelihood: Likelihood, honest: readonly ReplyEvidence[]): HonestLevel[] {
  const points = honest
    .map((evidence) => ({
      surprise: getSurprise(evidence),
      statistic: evaluateLikelihood(likelihood, evidence).statistic,
    }))
    .filter(({ statistic }) => statistic > EQUAL_STATISTIC);
  return fitHonestLevels(points);
}

/**
 * Fits honest drift and its alternatives: the named ones, and some derived from honest drift, for unnamed cheats.
 * @throws RangeError on too few replies, with the missing number.
 */
export function fitLikelihood(honest: readonly ReplyEvidence[], named: readonly NamedSamples[]): Likelihood {
  if (honest.length < MIN_FIT_REPLIES) {
    throw new RangeError(
      `${honest.length} honest replies to fit to, ${MIN_FIT_REPLIES - honest.length} more are needed`,
    );
  }
  const base = describe(honest, undefined);
  const alternatives: Moments[] = [];
  for (const { name, replies } of named) {
    if (replies.length < MIN_ALTERNATIVE_REPLIES) {
      throw new RangeError(
        `${replies.length} replies of ${name}, ${MIN_ALTERNATIVE_REPLIES - replies.length} more are needed`,
      );
    }
    alternatives.push({ ...describe(replies, base), name });
  }
  const derived = deriveAlternatives(base);
  const namedWeight = alternatives.length === 0 ? 0 : (1 - DERIVED_SHARE) / alternatives.length;
  const derivedWeight = (alternatives.length === 0 ? 1 : DERIVED_SHARE) / derived.length;
  return {
    honest: toHypothesis({ ...base, name: 'honest' }, 1),
    alternatives: [
      ...alternatives.map((moments) => toHypothesis(moments, namedWeight)),
      ...derived.map((moments) => toHypothesis(moments, derivedWeight)),
    ],
    levels: [],
  };
}

const RATE_FLOOR = 1e-7;

interface Moments {
  readonly name: string;
  readonly samples: number;
  readonly mean: Float64Array;
  /** Row-major, SIZE x SIZE. */
  readonly covariance: Float64Array;
  readonly mismatch: Float64Array;
  readonly values: Float64Array;
}

/** Computes mean and shrunk covariance. @param base target of the shrinkage for an alternative with few replies. */
function describe(replies: readonly ReplyEvidence[], base: Moments | undefined): Moments {
  const n = replies.length;
  const mean = new Float64Array(SIZE);
  for (const { scores } of replies)
    for (let i = 0; i < SIZE; i++) mean[i] = (mean[i] as number) + (scores[i] as number) / n;
  const covariance = new Float64Array(SIZE * SIZE);
  for (const { scores } of replies) {
    for (let i = 0; i < SIZE; i++) {
      for (let j = 0; j <= i; j++) {
        const product = ((scores[i] as number) - (mean[i] as number)) * ((scores[j] as number) - (mean[j] as number));
        covariance[i * SIZE + j] = (covariance[i * SIZE + j] as number) + product / (n - 1);
      }
    }
  }
  // As many pseudo-replies as there are scores pull towards no correlation, or towards honest scatter.
  const pull = base === undefined ? SIZE / 2 : 2 * SIZE;
  for (let i = 0; i < SIZE; i++) {
    for (let j = 0; j <= i; j++) {
      const own = covariance[i * SIZE + j] as number;
      const target = base === undefined ? (i === j ? own : 0) : (base.covariance[i * SIZE + j] as number);
      const value = (n * own + pull * target) / (n + pull) + (i === j ? SCATTER_FLOOR ** 2 : 0);
      covariance[i * SIZE + j] = value;
      covariance[j * SIZE + i] = value;
    }
  }
  return {
    name: '',
    samples: n,
    mean,
    covariance,
    mismatch: fitMismatch(replies),
    values: fitValues(replies, base?.values),
  };
}

/**
 * Fits P(a movement is as large as this bin), falling. It is pooled if the counts do not fall (isotonic regression). A match
 * shows that the movement was less than the margin, a mismatch that it reached the gap. All bins beyond the largest gap are
 * pooled, since no position reached them.
 */
function fitMismatch(replies: readonly ReplyEvidence[]): Float64Array {
  const reached = new Float64Array(MARGIN_BINS);
  const exposed = new Float64Array(MARGIN_BINS);
  for (const { draws } of replies) {
    for (let bin = 0; bin < MARGIN_BINS; bin++) {
      const gaps = draws.gaps[bin] as number;
      reached[bin] = (reached[bin] as number) + gaps;
      exposed[bin] = (exposed[bin] as number) + gaps + (draws.matches[bin] as number);
    }
  }
  const largest = reached.findLastIndex((count) => count > 0);
  const blocks: { rate: number; weight: number; bins: number }[] = [];
  for (let bin = 0; bin < MARGIN_BINS; bin++) {
    const isBeyond = bin > largest;
    const weight = isBeyond ? exposed.subarray(bin).reduce((sum, count) => sum + count, 0) : (exposed[bin] as number);
    const last = blocks.at(-1);
    const bins = isBeyond ? MARGIN_BINS - bin : 1;
    // An empty bin takes the rate of the next smaller margin.
    if (weight === 0 && last !== undefined) last.bins += bins;
    else blocks.push({ rate: ((reached[bin] as number) + 0.5) / (weight + 1), weight: weight + 1, bins });
    for (let x = blocks.at(-1), y = blocks.at(-2); x && y && y.rate < x.rate; x = blocks.at(-1), y = blocks.at(-2)) {
      y.rate = (y.rate * y.weight + x.rate * x.weight) / (y.weight + x.weight);
      y.weight += x.weight;
      y.bins += x.bins;
      blocks.pop();
    }
    if (isBeyond) break;
  }
  const rates = blocks.flatMap(({ rate, bins }) => Array.from({ length: bins }, () => rate));
  return Float64Array.from(rates, (rate) => Math.min(Math.max(rate, RATE_FLOOR), 1 - RATE_FLOOR));
}

/**
 * Strength of the pull of an alternative's rates of values towards the honest ones, as a number of positions. Alternatives
 * differ in cells that honest replies hardly have.
 */
const VALUE_PULL = 1_000;

/** Fits the rates of values. @param base target of the pull for an alternative. */
function fitValues(replies: readonly ReplyEvidence[], base: Float64Array | undefined): Float64Array {
  const counts = new Float64Array(VALUE_CELLS);
  let total = 0;
  for (const { values } of replies) {
    for (let cell = 0; cell < VALUE_CELLS; cell++) {
      counts[cell] = (counts[cell] as number) + (values[cell] as number);
      total += values[cell] as number;
    }
  }
  return base === undefined
    ? counts.map((count) => (count + 0.5) / (total + VALUE_CELLS / 2))
    : counts.map((count, cell) => (count + VALUE_PULL * (base[cell] as number)) / (total + VALUE_PULL));
}

const isIn =
  (...names: readonly ReplyScore[]) =>
  (score: ReplyScore): number =>
    names.includes(score) ? 1 : 0;
/** Scores that do not scale with the size of the drift. */
const isUnscaled = isIn('sketch-growth', 'unequal', 'argmax', 'omission', 'entropy', 'surprise', 'sketch-coherence');
const isCoherence = isIn('sketch-coherence');
const isWorst = isIn('sketch-worst', 'logprob-worst', 'kolmogorov-worst', 'tail-worst');

const RARE_MISMATCH = 1 / 256;
/** Share of positions with a bent value. */
const RARE_BEND = 1 / 256;

/**
 * Derives cheats without samples.
 * - `farther-r`: all distances times r.
 * - `closer-r`: divided by r, as if values were computed afterwards by the verifier's method, or in a tighter class than
 * declared.
 * - `one-window`: only the worst one moves.
 * - `bent-values`: single values moved, to excuse draws.
 * - `one-way`: a little farther, and all to one side, as with changed weights.
 * - `draws-r`: honest values, and draws from a distribution r times as far off.
 * - `draws-rare`: honest values, and one token in a few hundred drawn from elsewhere, at any margin.
 */
function deriveAlternatives(base: Moments): Moments[] {
  const scaled = (name: string, ratio: number): Moments =>
    shift(base, {
      name,
      by: (score) => (isUnscaled(score) ? 0 : computeLog(ratio)),
      binShift: computeLog(ratio) / Math.LN2,
    });
  return [
    scaled('farther-1.2', 1.2),
    scaled('farther-1.5', 1.5),
    scaled('farther-3', 3),
    scaled('farther-10', 10),
    scaled('closer-1.5', 1 / 1.5),
    scaled('closer-4', 1 / 4),
    scaled('closer-30', 1 / 30),
    shift(base, {
      name: 'one-window',
      by: (score) => (isWorst(score) ? computeLog(3) : isUnscaled(score) ? 0 : computeLog(1.4)),
      binShift: 0.5,
    }),
    shift(base, {
      name: 'one-way',
      by: (score) => (isCoherence(score) ? computeLog(3) : isUnscaled(score) ? 0 : computeLog(1.2)),
      binShift: 0.25,
    }),
    { ...shift(base, { name: 'bent-values', by: () => 0, binShift: 1 }), values: bendSome(base.values) },
    shift(base, { name: 'draws-4', by: () => 0, binShift: 2 }),
    shift(base, { name: 'draws-32', by: () => 0, binShift: 5 }),
    shift(base, { name: 'draws-rare', by: () => 0, binShift: 0, always: RARE_MISMATCH }),
  ];
}

/** Spreads rates over all cells except the one with most honest positions. */
function bendSome(values: Float64Array): Float64Array {
  return values.map((rate, cell) => rate * (1 - RARE_BEND) + (cell === 0 ? 0 : RARE_BEND / (VALUE_CELLS - 1)));
}

function shift(
  base: Moments,
  {
    name,
    by,
    binShift,
    always = 0,
  }: { name: string; by: (score: ReplyScore) => number; binShift: number; always?: number },
): Moments {
  const move = Float64Array.from(REPLY_SCORES, by);
  const mean = base.mean.map((value, i) => value + (move[i] as number));
  // Wider than honest drift, above all along the movement, since its size is unknown.
  const covariance = base.covariance.map((value, k) => {
    const along = (move[Math.floor(k / SIZE)] as number) * (move[k % SIZE] as number);
    return value * 1.2 + along / 9;
  });
  const mismatch = base.mismatch.map((_, bin) => {
    const from = Math.min(Math.max(bin - binShift, 0), MARGIN_BINS - 1);
    const low = Math.floor(from);
    const high = Math.min(low + 1, MARGIN_BINS - 1);
    const [a, b] = [base.mismatch[low] as number, base.mismatch[high] as number];
    return Math.min(a + (b - a) * (from - low) + always, 1 - RATE_FLOOR);
  });
  return { name, samples: 0, mean, covariance, mismatch, values: base.values };
}

function toHypothesis({ name, samples, mean, covariance, mismatch, values }: Moments, weight: number): Hypothesis {
  return { name, samples, weight, mean, whitening: invertCholesky(computeCholesky(covariance)), mismatch, values };
}

/** Computes the lower factor of a positive definite matrix, row-major. @throws RangeError if it is not positive definite. */
function computeCholesky(matrix: Float64Array): Float64Array {
  const factor = new Float64Array(SIZE * SIZE);
  for (let i = 0; i < SIZE; i++) {
    for (let j = 0; j <= i; j++) {
      let value = matrix[i * SIZE + j] as number;
      for (let k = 0; k < j; k++) value -= (factor[i * SIZE + k] as number) * (factor[j * SIZE + k] as number);
      if (i === j && !(value > 0)) throw new RangeError('scores have no positive definite covariance');
      factor[i * SIZE + j] = i === j ? Math.sqrt(value) : value / (factor[j * SIZE + j] as number);
    }
  }
  return factor;
}

/** Inverts a lower factor. @returns its lower triangle row by row. */
function invertCholesky(factor: Float64Array): Float64Array {
  const inverse = new Float64Array(SIZE * SIZE);
  for (let column = 0; column < SIZE; column++) {
    for (let row = column; row < SIZE; row++) {
      let value = row === column ? 1 : 0;
      for (let k = column; k < row; k++)
        value -= (factor[row * SIZE + k] as number) * (inverse[k * SIZE + column] as number);
      inverse[row * SIZE + column] = value / (factor[row * SIZE + row] as number);
    }
  }
  const packed: number[] = [];
  for (let row = 0; row < SIZE; row++)
    for (let column = 0; column <= row; column++) packed.push(inverse[row * SIZE + column] as number);
  return Float64Array.from(packed);
}
