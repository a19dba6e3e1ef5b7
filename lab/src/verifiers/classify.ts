import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { Estimate } from './measure.ts';

export interface Example {
  readonly features: readonly number[];
  readonly isPositive: boolean;
}

const STEPS = 300;
const RATE = 0.5;
const DECAY = 1e-3;
const RESAMPLES = 500;

/** Area under the ROC curve: the chance that a positive scores above a negative, ties counting half. */
export function computeAuc(scored: readonly { readonly score: number; readonly isPositive: boolean }[]): number {
  const sorted = [...scored].sort((a, b) => a.score - b.score);
  let [rankSum, positives, from] = [0, 0, 0];
  while (from < sorted.length) {
    let to = from;
    while (to < sorted.length && sorted[to]?.score === sorted[from]?.score) to++;
    for (let i = from; i < to; i++) {
      if (!sorted[i]?.isPositive) continue;
      positives++;
      rankSum += (from + 1 + to) / 2;
    }
    from = to;
  }
  const negatives = sorted.length - positives;
  if (positives === 0 || negatives === 0) return Number.NaN;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * AUC of a logistic regression over all fields on examples that it was not fitted to, with a 95 % bootstrap interval. The two
 * sets are drawn independently, and each is scored by the fit of the other. (Halves of one set would not do: a value that is
 * frequent in one half is rare in the other. That gives less than 0.5 for equal sets.) About 0.5 if the sets are alike.
 */
export function measureAuc(a: readonly Example[], b: readonly Example[], seed: number): Estimate {
  const random = createSeededRandom(seed);
  const scored = [...score(a, fit(b)), ...score(b, fit(a))];
  const aucs = Array.from({ length: RESAMPLES }, () =>
    computeAuc(scored.map(() => scored[Math.floor(random() * scored.length)] as (typeof scored)[0])),
  )
    .filter((auc) => !Number.isNaN(auc))
    .sort((x, y) => x - y);
  const at = (share: number): number => aucs[Math.floor(share * (aucs.length - 1))] as number;
  return { mean: computeAuc(scored), low: at(0.025), high: at(0.975) };
}

type Model = (features: readonly number[]) => number;

function score(examples: readonly Example[], model: Model) {
  return examples.map(({ features, isPositive }) => ({ score: model(features), isPositive }));
}

/** Standardised features and their squares, equal weight for both classes, plain gradient descent. */
function fit(examples: readonly Example[]): Model {
  const width = examples[0]?.features.length ?? 0;
  const column = (k: number): number[] => examples.map(({ features }) => features[k] as number);
  const scales = Array.from({ length: width }, (_, k) => {
    const values = column(k);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    return { mean, deviation: deviation === 0 ? 1 : deviation };
  });
  const widen = (features: readonly number[]): number[] => {
    const plain = features.map((value, k) => {
      const { mean, deviation } = scales[k] as (typeof scales)[0];
      return (value - mean) / deviation;
    });
    return [1, ...plain, ...plain.map((value) => Math.min(value ** 2, 9) - 1)];
  };
  const inputs = examples.map(({ features }) => widen(features));
  const positives = examples.filter(({ isPositive }) => isPositive).length;
  const weigh = (isPositive: boolean): number =>
    isPositive ? 0.5 / Math.max(1, positives) : 0.5 / Math.max(1, examples.length - positives);
  const weights = new Float64Array(2 * width + 1);
  const predict = (input: readonly number[]): number =>
    1 / (1 + Math.exp(-input.reduce((sum, value, k) => sum + value * (weights[k] as number), 0)));
  for (let step = 0; step < STEPS; step++) {
    const gradient = new Float64Array(weights.length);
    for (const [i, input] of inputs.entries()) {
      const { isPositive } = examples[i] as Example;
      const error = weigh(isPositive) * (predict(input) - (isPositive ? 1 : 0));
      for (let k = 0; k < weights.length; k++) gradient[k] = (gradient[k] as number) + error * (input[k] as number);
    }
    for (let k = 0; k < weights.length; k++) {
      weights[k] = (weights[k] as number) * (1 - RATE * DECAY) - RATE * (gradient[k] as number);
    }
  }
  return (features) => predict(widen(features));
}
