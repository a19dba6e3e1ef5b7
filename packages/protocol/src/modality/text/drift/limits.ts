import { type Check, fail, type Outcome, pass, skip } from '../../../base/checks.ts';
import { WEIGHT_ONE } from '../sampling/sampler.ts';
import type { Comparison } from '../stage2/compare.ts';
import type { TailGap } from '../stage2/score-report.ts';
import { FALLBACK_THRESHOLDS, type Thresholds } from './thresholds.ts';

/** The scores under fixed limits. An unknown score is skipped. A score that is not a number is rejected. */
export interface LimitScores {
  readonly sketchDistance: number;
  readonly kolmogorov: number;
  readonly omission: number;
  readonly tailShift: number;
  /** Nats. */
  readonly drawGap: number | undefined;
  /** Share of the unlisted mass, 0..1. */
  readonly tailPlace: number | undefined;
}

/** Collects the worst windows and positions of a reply. @param tailGap undefined if it is not known. */
export function toLimitScores(comparison: Comparison, tailGap: TailGap | undefined): LimitScores {
  return {
    sketchDistance: comparison.worstWindowSketchDistance,
    kolmogorov: comparison.worstWindowKolmogorov,
    omission: comparison.worstOmission,
    tailShift: comparison.worstWindowTailShift,
    drawGap: comparison.worstWindowDrawGap,
    tailPlace: tailGap && tailGap.gap / WEIGHT_ONE,
  };
}

const LIMITS = [
  ['sketchDistance', 'sketch-distance', 'window'],
  ['kolmogorov', 'kolmogorov', 'window'],
  ['omission', 'omission', 'position'],
  ['tailShift', 'tail', 'window'],
  ['drawGap', 'draw-gap', 'window'],
  ['tailPlace', 'tail-place', 'position'],
] as const satisfies readonly (readonly [keyof LimitScores, string, string])[];

/**
 * Decides by fixed limits, if no measured drift applies. Verdicts, honeypots, and the power in a drift table beyond its
 * measurements use the same limits (docs/spec/stage-2.md). One score past its limit rejects. One score in its doubt leaves the
 * result open.
 */
export function judgeByLimits(
  scores: LimitScores,
  thresholds: Thresholds = FALLBACK_THRESHOLDS,
): { readonly outcome: Outcome; readonly checks: readonly Check[] } {
  const checks = LIMITS.map(([key, id, place]): Check => {
    const value = scores[key];
    if (value === undefined) return skip(id, 'not known of this reply');
    const { reject } = thresholds[key];
    const detail = `worst ${place} ${value.toFixed(4)}, reject above ${reject} (${thresholds.source})`;
    // A comparison that is not a number must never pass.
    return value <= reject ? pass(id, detail) : fail(id, detail);
  });
  if (checks.some(({ status }) => status === 'fail')) return { outcome: 'reject', checks };
  const isDoubtful = LIMITS.some(([key]) => (scores[key] ?? 0) > thresholds[key].doubt);
  return { outcome: isDoubtful ? 'inconclusive' : 'accept', checks };
}
