import { computeLog } from '../../../base/elementary.ts';
import { EXP_LIMIT, EXP_ONE, expFixed } from '../../../base/exponential.ts';
import { computeSketchDistance, type SketchRow } from '../../../commitment/sketch.ts';
import { computeAlignedDistances } from '../../../statistics/statistics.ts';
import type { DrawRow } from '../commitment/window.ts';
import { MAX_LISTED, NAT, TAIL_RANK, WEIGHT_ONE } from '../sampling/sampler.ts';

/** Distances over one run of positions; 0 between equals, larger is worse. They are means unless the name says otherwise. */
export interface WindowScores {
  readonly positions: number;
  /** Relative L2 of the sketches; infinite if the re-run's is zero and the claimed one is not. */
  readonly sketchDistance: number;
  /** ln of the sketch distance, each at least SCORE_FLOOR and at most 1 / SCORE_FLOOR. */
  readonly logSketchDistance: number;
  /** Share of sketch values whose signs differ. */
  readonly signDisagreement: number;
  /** |difference| of log-probabilities over the ids that both sides list, nats. */
  readonly logprobShift: number;
  /** ln of a position's mean |difference| of log-probabilities, bounded as above. */
  readonly logLogprobShift: number;
  /**
   * ln of a position's standard deviation of the differences, bounded as above. One part of the difference is
   * common to all log-probabilities: it comes from the normaliser, and scatters most. Without it the same error of the hidden
   * state is more visible.
   */
  readonly logLogprobSpread: number;
  /** Not a distance: entropy of the re-run over the ids that both sides list, nats. Distances must be read relative to it. */
  readonly entropy: number;
  /** Not a distance either: -ln of the re-run's probability of the claimed token, nats. Unlikely texts drift more. */
  readonly surprise: number;
  /** Top-k distances over the committed support, 0..1. */
  readonly totalVariation: number;
  readonly kolmogorov: number;
  /** |difference| of the tail masses, 0..1. */
  readonly tailShift: number;
  /** Share of positions at which the sides rank another token first. */
  readonly argmaxDisagreement: number;
  /** Largest value of the positions, see Comparison.worstOmission. */
  readonly omission: number;
  /** Least movement of the re-run's log-probabilities that makes the claimed token its draw, nats, 0..1. */
  readonly drawGap: number;
  /** Share of positions at which the re-run, under the same key, draws another token. */
  readonly drawMismatch: number;
  /** Share of positions with a difference in a listed id, log-probability or tail. */
  readonly unequal: number;
}

/** The least measurable distance. 12-bit sketches and log-probabilities in 2^-16 nat resolve no finer. */
export const SCORE_FLOOR = 2 ** -16;

/** Sums over the positions of one window. */
export function createSums() {
  return {
    sketch: 0,
    logSketch: 0,
    sign: 0,
    shift: 0,
    logShift: 0,
    logSpread: 0,
    entropy: 0,
    surprise: 0,
    shared: 0,
    sharing: 0,
    totalVariation: 0,
    kolmogorov: 0,
    tail: 0,
    argmax: 0,
    omission: 0,
    gap: 0,
    mismatch: 0,
    unequal: 0,
    /** Values of the last added position; the spread is ln 0 if no value differs. */
    here: { shared: 0, logSpread: 0, logSketch: 0 },
  };
}
export type Sums = ReturnType<typeof createSums>;

export function toScores(sums: Sums, positions: number): WindowScores {
  return {
    positions,
    sketchDistance: sums.sketch / positions,
    logSketchDistance: sums.logSketch / positions,
    signDisagreement: sums.sign / positions,
    logprobShift: sums.shared === 0 ? 0 : sums.shift / sums.shared,
    logLogprobShift: sums.sharing === 0 ? computeLog(SCORE_FLOOR) : sums.logShift / sums.sharing,
    logLogprobSpread: sums.sharing === 0 ? computeLog(SCORE_FLOOR) : sums.logSpread / sums.sharing,
    entropy: sums.entropy / positions,
    surprise: sums.surprise / positions,
    totalVariation: sums.totalVariation / positions,
    kolmogorov: sums.kolmogorov / positions,
    tailShift: sums.tail / positions,
    argmaxDisagreement: sums.argmax / positions,
    omission: sums.omission,
    drawGap: sums.gap / positions,
    drawMismatch: sums.mismatch / positions,
    unequal: sums.unequal / positions,
  };
}

const bounded = (distance: number): number => Math.min(Math.max(distance, SCORE_FLOOR), 1 / SCORE_FLOOR);

/** @returns whether the rows are equal. */
export function addSketch(a: SketchRow, b: SketchRow, sums: Sums): boolean {
  const distance = computeSketchDistance(a, b);
  sums.sketch += distance;
  sums.here.logSketch = computeLog(bounded(distance));
  sums.logSketch += sums.here.logSketch;
  let signs = 0;
  let isEqual = a.exponent === b.exponent;
  for (let j = 0; j < b.values.length; j++) {
    const x = a.values[j] as number;
    const y = b.values[j] as number;
    if (x < 0 !== y < 0) signs++;
    if (x !== y) isEqual = false;
  }
  sums.sign += signs / b.values.length;
  return isEqual;
}

const committedMass = new Float64Array(MAX_LISTED);
const alignedMass = new Float64Array(MAX_LISTED);
/** Ranks, in the re-run's list, of the committed candidates; -1 if it does not list one. */
const rankOf = new Int8Array(MAX_LISTED);
const distances = { totalVariation: 0, kolmogorov: 0 };
/** Differences of the log-probabilities that both sides list, at the last position of addValues; 2^-16 nat. */
export const differences: Int32Array = new Int32Array(MAX_LISTED);

/** Adds values, and fills `rankOf` for the position. @returns whether lists, tails and draws are equal. */
export function addValues(a: DrawRow, b: DrawRow, sums: Sums): boolean {
  const count = a.ids.length;
  let shift = 0;
  let signed = 0;
  let squares = 0;
  let entropy = 0;
  let shared = 0;
  let isEqual = count === b.ids.length && a.tail === b.tail && a.rank === b.rank && a.tailQ === b.tailQ;
  for (let i = 0; i < count; i++) {
    const id = a.ids[i] as number;
    const j = b.ids[i] === id ? i : b.ids.indexOf(id);
    rankOf[i] = j;
    const cost = a.q[i] as number;
    committedMass[i] = expFixed(cost) / EXP_ONE;
    if (j < 0) {
      alignedMass[i] = 0;
      isEqual = false;
      continue;
    }
    const other = b.q[j] as number;
    alignedMass[i] = other === cost ? (committedMass[i] as number) : expFixed(other) / EXP_ONE;
    if (j !== i || other !== cost) isEqual = false;
    differences[shared] = cost - other;
    const difference = (cost - other) / NAT;
    shift += Math.abs(difference);
    signed += difference;
    squares += difference * difference;
    entropy += ((alignedMass[i] as number) * other) / NAT;
    shared++;
  }
  computeAlignedDistances(committedMass, alignedMass, count, distances);
  sums.totalVariation += distances.totalVariation;
  sums.kolmogorov += distances.kolmogorov;
  sums.tail += Math.abs(a.tail - b.tail) / WEIGHT_ONE;
  sums.shift += shift;
  sums.surprise += (b.rank === TAIL_RANK ? (b.tailQ as number) : (b.q[b.rank] as number)) / NAT;
  sums.shared += shared;
  sums.here.shared = shared;
  sums.here.logSpread = Number.NEGATIVE_INFINITY;
  if (shared > 0) {
    sums.logShift += computeLog(bounded(shift / shared));
    const variance = Math.max(squares / shared - (signed / shared) ** 2, 0);
    const logSpread = computeLog(bounded(Math.sqrt(variance)));
    sums.logSpread += logSpread;
    if (shift > 0) sums.here.logSpread = logSpread;
    sums.entropy += entropy;
    sums.sharing++;
  }
  if (a.ids[0] !== b.ids[0]) sums.argmax++;
  markListed(count, b.ids.length);
  if (!isEqual) sums.unequal++;
  return isEqual;
}

const isListed = new Uint8Array(MAX_LISTED);

function markListed(count: number, otherCount: number): void {
  isListed.fill(0, 0, otherCount);
  for (let i = 0; i < count; i++) if ((rankOf[i] as number) >= 0) isListed[rankOf[i] as number] = 1;
}

/**
 * Computes the omission at the last position of addValues. @param costs processed costs of the re-run's candidates, ascending.
 */
export function computeOmission(ids: Uint32Array, costs: Float64Array): number {
  let first = 0;
  while (first < ids.length && isListed[first] === 1) first++;
  if (first === ids.length) return 0;
  const weigh = (rank: number): number =>
    expFixed(Math.min(Math.max((costs[rank] as number) - (costs[0] as number), 0), EXP_LIMIT));
  let total = 0;
  for (let rank = 0; rank < ids.length; rank++) total += weigh(rank);
  return (weigh(first) - weigh(ids.length - 1)) / total;
}
