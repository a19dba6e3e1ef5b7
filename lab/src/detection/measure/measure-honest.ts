import { computeInflation } from '@ogong/protocol/modality/text/drift/drift-table-build';
import type { WindowScores } from '@ogong/protocol/modality/text/stage2/window-scores';
import { computeQuantile } from '@ogong/protocol/statistics/statistics';
import type { Experiment } from '../plan/experiments.ts';
import type { EqualityRow, HonestRow, Quantiles, ScoreName, Stage1Row } from '../results.ts';
import { shareOf, toShare } from '../share.ts';
import type { JudgedReply } from './load.ts';
import { measureCheckCost, passesFallback } from './measure-attacks.ts';

const SCORES: Readonly<Record<ScoreName, (window: WindowScores) => number>> = {
  sketch: ({ sketchDistance }) => sketchDistance,
  logprob: ({ logprobShift }) => logprobShift,
  kolmogorov: ({ kolmogorov }) => kolmogorov,
  tail: ({ tailShift }) => tailShift,
  drawGap: ({ drawGap }) => drawGap,
};

export function measureHonest(experiment: Experiment, model: string, replies: readonly JudgedReply[]): HonestRow {
  const scored = replies.flatMap(({ scored }) => scored ?? []);
  const windows = scored.flatMap(({ comparison }) => comparison.windows);
  const tokens = scored.reduce((sum, { comparison }) => sum + comparison.positions, 0);
  const mismatches = scored.reduce((sum, { comparison: c }) => sum + Math.round(c.ownDrawMismatch * c.positions), 0);
  const { weights, provider, verifier = '' } = experiment;
  return {
    ...{ model, weights, provider, verifier },
    replies: replies.length,
    tokens,
    identical: scored.filter(({ comparison }) => comparison.identical).length,
    scores: Object.fromEntries(
      Object.entries(SCORES).map(([name, of]) => [name, toQuantiles(windows.map(of))]),
    ) as Record<ScoreName, Quantiles>,
    ownDrawMismatch: toShare(mismatches, tokens),
    coherence: toQuantiles(scored.map(({ comparison }) => comparison.sketchCoherence)),
    inflation: scored.every(({ comparison }) => comparison.identical)
      ? { sketch: 1, logprob: 1 }
      : {
          sketch: computeInflation(scored.map(({ whole }) => whole)),
          logprob: computeInflation(
            scored.map(({ whole, comparison }) => ({
              ...whole,
              windows: Float64Array.from(comparison.windows, ({ logLogprobShift }) => logLogprobShift),
            })),
          ),
        },
    fallbackRejects: shareOf(windows, (window) => !passesFallback(window)),
    checkCost: measureCheckCost(replies),
  };
}

/** `p99High` by order statistics: the value that a share of 1 % minus 2 standard errors exceeds. */
function toQuantiles(values: readonly number[]): Quantiles {
  const share = Math.min(1, 0.99 + 1.96 * Math.sqrt((0.99 * 0.01) / values.length));
  return {
    median: computeQuantile(values, 0.5),
    p99: computeQuantile(values, 0.99),
    p99High: computeQuantile(values, share),
    max: Math.max(...values),
  };
}

export function measureStage1(
  source: string,
  replies: readonly { stage1: string | undefined; tokens: number; elapsedMs: number }[],
): Stage1Row {
  return {
    source,
    replies: replies.length,
    tokens: replies.reduce((sum, { tokens }) => sum + tokens, 0),
    mismatches: replies.filter(({ stage1 }) => stage1 !== undefined).length,
    usPerToken: computeQuantile(
      replies.map(({ tokens, elapsedMs }) => (1000 * elapsedMs) / Math.max(1, tokens)),
      0.5,
    ),
  };
}

export function measureEquality(
  { weights, provider, verifier }: Experiment,
  model: string,
  replies: readonly JudgedReply[],
): EqualityRow {
  const scored = replies.flatMap(({ scored }) => scored ?? []);
  return {
    backend: provider === 'vulkan' ? 'vulkan' : 'cpu',
    weights,
    variant: `${model}, ${provider} seen by ${verifier}`,
    tokens: scored.reduce((sum, { comparison }) => sum + comparison.positions, 0),
    differing: scored.filter(({ unreproduced }) => unreproduced !== undefined).length,
  };
}
