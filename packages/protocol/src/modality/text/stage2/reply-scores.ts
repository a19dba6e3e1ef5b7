import { computeLog } from '../../../base/elementary.ts';
import type { Comparison } from './compare.ts';
import type { DrawCounts } from './draw-margin.ts';
import { SCORE_FLOOR, type WindowScores } from './window-scores.ts';

/**
 * Scores of one reply: natural logarithms of its distances, larger = farther, in this order (docs/spec/statistics.md). The
 * reply is the independent unit (whitepaper 4.3). Its windows share noise, so they enter as one mean and one worst.
 */
export const REPLY_SCORES = [
  'sketch-mean',
  'sketch-log',
  'sketch-worst',
  'sketch-growth',
  'sign',
  'logprob-mean',
  'logprob-log',
  'logprob-worst',
  'total-variation',
  'kolmogorov',
  'kolmogorov-worst',
  'tail',
  'tail-worst',
  'omission',
  'argmax',
  'unequal',
  'logprob-spread',
  'entropy',
  'surprise',
  'sketch-coherence',
] as const;

export type ReplyScore = (typeof REPLY_SCORES)[number];

/** Added to every distance, so that no logarithm is below ln of this. */
const MEAN_FLOOR = 2 ** -20;
const CEILING = 2 ** 16;
const MAX_SURPRISE = 64;

/**
 * Computes the scores of a reply.
 * @returns f64[20], each finite, in ln(2^-20)..ln(2^16). Exceptions: `sketch-growth`, a difference of two, is in twice that
 * range, and `surprise` in 0..64.
 * @throws RangeError if the comparison has no position or a score is not a number.
 */
export function computeReplyScores({
  windows,
  sketchCoherence,
}: Pick<Comparison, 'windows' | 'sketchCoherence'>): Float64Array {
  const positions = windows.reduce((sum, window) => sum + window.positions, 0);
  if (positions === 0) throw new RangeError('no position was compared');
  const mean = (of: (window: WindowScores) => number): number =>
    windows.reduce((sum, window) => sum + of(window) * window.positions, 0) / positions;
  // The last window may have a single position, whose mean says little about a window.
  const whole = windows.length > 1 ? windows.filter((window) => window.positions >= WORST_POSITIONS) : windows;
  const worst = (of: (window: WindowScores) => number): number => Math.max(...whole.map(of));
  const scores: Record<ReplyScore, number> = {
    'sketch-mean': toLog(mean((window) => window.sketchDistance)),
    'sketch-log': mean((window) => window.logSketchDistance),
    'sketch-worst': toLog(worst((window) => window.sketchDistance)),
    'sketch-growth': computeGrowth(windows),
    sign: toLog(mean((window) => window.signDisagreement) + 1 / (32 * positions)),
    'logprob-mean': toLog(mean((window) => window.logprobShift)),
    'logprob-log': mean((window) => window.logLogprobShift),
    'logprob-worst': toLog(worst((window) => window.logprobShift)),
    'total-variation': toLog(mean((window) => window.totalVariation)),
    kolmogorov: toLog(mean((window) => window.kolmogorov)),
    'kolmogorov-worst': toLog(worst((window) => window.kolmogorov)),
    tail: toLog(mean((window) => window.tailShift)),
    'tail-worst': toLog(worst((window) => window.tailShift)),
    omission: toLog(worst((window) => window.omission)),
    // Shares count half a position more than observed, so that zero of many positions is smaller than zero of few.
    argmax: toLog(mean((window) => window.argmaxDisagreement) + 1 / (2 * positions)),
    unequal: toLog(mean((window) => window.unequal) + 1 / (2 * positions)),
    'logprob-spread': mean((window) => window.logLogprobSpread),
    entropy: mean((window) => window.entropy),
    surprise: Math.min(
      mean((window) => window.surprise),
      MAX_SURPRISE,
    ),
    'sketch-coherence': toLog(sketchCoherence),
  };
  return Float64Array.from(REPLY_SCORES, (name) => {
    const value = scores[name];
    if (!Number.isFinite(value)) throw new RangeError(`score ${name} is ${value}`);
    return value;
  });
}

const WORST_POSITIONS = 8;

function toLog(value: number): number {
  return computeLog(Math.min(value + MEAN_FLOOR, CEILING));
}

/** Computes how much farther the second half of the windows lies than the first, ln; 0 for a single window. */
function computeGrowth(windows: readonly WindowScores[]): number {
  const half = Math.floor(windows.length / 2);
  if (half === 0) return 0;
  const mean = (part: readonly WindowScores[]): number => {
    const positions = part.reduce((sum, window) => sum + window.positions, 0);
    return part.reduce((sum, window) => sum + window.logSketchDistance * window.positions, 0) / positions;
  };
  return mean(windows.slice(windows.length - half)) - mean(windows.slice(0, half));
}

/**
 * Length bands. Scores of short replies scatter more, so replies are compared with replies of their own length. Band b has
 * replies of up to LENGTH_BANDS[b] tokens and more than the band before. The last one has everything above.
 */
export const LENGTH_BANDS: readonly number[] = [16, 32, 64, 128, 256, 512, 1024, 4096];

/** Finds the length band. @param positions >= 1. @returns 0..8. */
export function findLengthBand(positions: number): number {
  const band = LENGTH_BANDS.findIndex((limit) => positions <= limit);
  return band < 0 ? LENGTH_BANDS.length : band;
}

/** The data of one reply for statistics. */
export interface ReplyEvidence {
  readonly positions: number;
  /** Tokens of prompt and reply. */
  readonly context: number;
  /** See computeReplyScores. */
  readonly scores: Float64Array;
  readonly draws: DrawCounts;
  /** u32[20]: see bent-values.ts. */
  readonly values: Uint32Array;
  /** ln of the mean sketch distance, window by window. It shows the agreement between the windows of a reply. */
  readonly windows: Float64Array;
}

/** The least value of `sketch-log`: every position equal. */
const EQUAL_LOG = computeLog(SCORE_FLOOR);
const SKETCH_LOG = REPLY_SCORES.indexOf('sketch-log');
const UNEQUAL = REPLY_SCORES.indexOf('unequal');
const SURPRISE = REPLY_SCORES.indexOf('surprise');

/** Returns whether every position equals the re-run: sketches, lists, costs, tails and draws. */
export function isEqualThroughout({ positions, scores }: ReplyEvidence): boolean {
  const isSketchEqual = (scores[SKETCH_LOG] as number) <= EQUAL_LOG + 1e-9;
  return isSketchEqual && (scores[UNEQUAL] as number) <= toLog(1 / (2 * positions)) + 1e-9;
}

/** @returns nats, 0..64. */
export const getSurprise = ({ scores }: Pick<ReplyEvidence, 'scores'>): number => scores[SURPRISE] as number;

/** @throws RangeError like computeReplyScores. */
export function computeReplyEvidence(comparison: Comparison): ReplyEvidence {
  return {
    positions: comparison.positions,
    context: comparison.context,
    scores: computeReplyScores(comparison),
    draws: comparison.draws,
    values: comparison.values,
    windows: Float64Array.from(comparison.windows, (window) => toLog(window.sketchDistance)),
  };
}
