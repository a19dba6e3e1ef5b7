import { equalBytes } from './bytes.ts';
import type { Crypto } from './crypto.ts';
import { computeDrawKey, createDrawSource } from './draw-key.ts';
import { EXP_LIMIT, EXP_ONE, expFixed } from './exponential.ts';
import type { Header } from './header.ts';
import {
  computeCost,
  computeWeights,
  createWeights,
  drawRank,
  MAX_LISTED,
  NAT,
  TAIL_RANK,
  WEIGHT_ONE,
  type Weights,
} from './sampler.ts';
import { computeSketchDistance, type SketchRow } from './sketch.ts';
import { computeTopDistances } from './statistics.ts';
import { type DrawRow, decodeDraws, decodeSketch, tokenOf, type WindowBytes } from './window.ts';

/** How far one reply's commitment lies from a re-run: means over positions, and the worst window where named so. */
export interface Comparison {
  readonly positions: number;
  /** Every committed byte equals the re-run's. */
  readonly identical: boolean;
  /** First position whose draws or sketch differ; undefined where identical. */
  readonly firstDifference: number | undefined;
  /** Relative L2 of the sketches: mean, and largest mean over one window. */
  readonly sketchDistance: number;
  readonly worstWindowSketchDistance: number;
  /** Mean |difference| of log-probabilities over ids that both sides list, nats. */
  readonly logprobShift: number;
  /** Top-k distances over the committed support. */
  readonly totalVariation: number;
  readonly kolmogorov: number;
  readonly worstWindowKolmogorov: number;
  /**
   * Largest probability, past that of its last candidate, which the re-run gives to one that the claim leaves out: 0..1.
   * A list names the likeliest, so drift only moves candidates over its edge. Whoever leaves out a likely one draws
   * another, or from the tail, with every listed value true.
   */
  readonly worstOmission: number;
  /** Mean |difference| of the tail masses, and of the worst window. */
  readonly tailShift: number;
  readonly worstWindowTailShift: number;
  /** Mean distance of u from the claimed token's interval under the re-run's own distribution, 0..1. */
  readonly drawGap: number;
  readonly worstWindowDrawGap: number;
  /** Share of positions where the re-run, under the same key, draws another token. */
  readonly ownDrawMismatch: number;
  /** Share of positions where both sides rank the same token first. */
  readonly argmaxAgreement: number;
}

interface Position {
  readonly draw: DrawRow;
  readonly sketch: SketchRow;
}

function decodePositions(windows: readonly WindowBytes[], header: Header): Position[] {
  const positions: Position[] = [];
  for (const window of windows) {
    const { rows } = decodeDraws(window.draws, header);
    const sketches = decodeSketch(window.sketch, { directions: header.sketchDirections });
    rows.forEach((draw, i) => {
      positions.push({ draw, sketch: sketches[i] as SketchRow });
    });
  }
  return positions;
}

/**
 * Compares committed windows with a verifier's. The claimed tokens must be the same on both sides (the caller checked
 * the report's shape); the sampler is the committed one.
 * @throws ProtocolError where windows do not decode.
 */
export function compareWindows(
  crypto: Crypto,
  header: Header,
  claimed: readonly WindowBytes[],
  rerun: readonly WindowBytes[],
): Comparison {
  const a = decodePositions(claimed, header);
  const b = decodePositions(rerun, header);
  const positions = a.length;
  const source = createDrawSource(crypto, computeDrawKey(crypto, header.drawKey));
  const bias = new Map(header.bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const counts = new Map<number, number>();
  const weights = createWeights();
  const costs = new Float64Array(MAX_LISTED);
  let firstDifference: number | undefined;
  const sum = { sketch: 0, shift: 0, shared: 0, tv: 0, ks: 0, tail: 0, gap: 0, own: 0, argmax: 0 };
  const worst = { sketch: 0, ks: 0, omission: 0, tail: 0, gap: 0 };
  let at = 0;
  for (const { draws } of claimed) {
    const size = decodeDraws(draws, header).rows.length;
    let windowSketch = 0;
    let windowKs = 0;
    const before = { tail: sum.tail, gap: sum.gap };
    for (const end = at + size; at < end; at++) {
      const { draw, sketch } = a[at] as Position;
      const other = b[at] as Position;
      if (firstDifference === undefined && !isSamePosition(a[at] as Position, other)) firstDifference = at;
      const distance = computeSketchDistance(sketch, other.sketch);
      const { totalVariation, kolmogorov } = computeTopDistances(toMasses(draw), toMasses(other.draw));
      windowSketch += distance;
      windowKs += kolmogorov;
      sum.tv += totalVariation;
      sum.tail += Math.abs(draw.tail - other.draw.tail) / WEIGHT_ONE;
      addShift(draw, other.draw, sum);
      if (draw.ids[0] === other.draw.ids[0]) sum.argmax++;
      const { ids, q, tail } = other.draw;
      for (let j = 0; j < ids.length; j++) {
        const id = ids[j] as number;
        costs[j] = computeCost(q[j] as number, bias.get(id) ?? 0, counts.get(id) ?? 0, header.sampler);
      }
      worst.omission = Math.max(worst.omission, computeOmission(draw.ids, ids, costs));
      computeWeights(costs, ids.length, tail, header.sampler, weights);
      const u = source.draw(at);
      const token = tokenOf(draw);
      const drawn = drawRank(ids, weights, u);
      if (drawn === TAIL_RANK ? ids.includes(token) : ids[drawn] !== token) sum.own++;
      sum.gap += computeDrawGap(ids, weights, token, u);
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    sum.sketch += windowSketch;
    sum.ks += windowKs;
    worst.sketch = Math.max(worst.sketch, windowSketch / size);
    worst.ks = Math.max(worst.ks, windowKs / size);
    worst.tail = Math.max(worst.tail, (sum.tail - before.tail) / size);
    worst.gap = Math.max(worst.gap, (sum.gap - before.gap) / size);
  }
  const identical =
    claimed.length === rerun.length &&
    claimed.every((window, i) => {
      const other = rerun[i] as WindowBytes;
      return equalBytes(window.draws, other.draws) && equalBytes(window.sketch, other.sketch);
    });
  return {
    positions,
    identical,
    firstDifference,
    sketchDistance: sum.sketch / positions,
    worstWindowSketchDistance: worst.sketch,
    logprobShift: sum.shared === 0 ? 0 : sum.shift / sum.shared,
    totalVariation: sum.tv / positions,
    kolmogorov: sum.ks / positions,
    worstWindowKolmogorov: worst.ks,
    worstOmission: worst.omission,
    tailShift: sum.tail / positions,
    worstWindowTailShift: worst.tail,
    drawGap: sum.gap / positions,
    worstWindowDrawGap: worst.gap,
    ownDrawMismatch: sum.own / positions,
    argmaxAgreement: sum.argmax / positions,
  };
}

function isSamePosition(a: Position, b: Position): boolean {
  const same = (x: ArrayLike<number>, y: ArrayLike<number>): boolean =>
    x.length === y.length && Array.prototype.every.call(x, (value, i) => value === y[i]);
  return (
    same(a.draw.ids, b.draw.ids) &&
    same(a.draw.q, b.draw.q) &&
    a.draw.tail === b.draw.tail &&
    a.draw.rank === b.draw.rank &&
    a.draw.tailQ === b.draw.tailQ &&
    a.sketch.exponent === b.sketch.exponent &&
    same(a.sketch.values, b.sketch.values)
  );
}

function toMasses({ ids, q }: DrawRow): { ids: Uint32Array; masses: Float64Array } {
  return { ids, masses: Float64Array.from(q, (cost) => expFixed(cost) / EXP_ONE) };
}

function addShift(a: DrawRow, b: DrawRow, sum: { shift: number; shared: number }): void {
  for (let i = 0; i < a.ids.length; i++) {
    const j = b.ids.indexOf(a.ids[i] as number);
    if (j < 0) continue;
    sum.shift += Math.abs((a.q[i] as number) - (b.q[j] as number)) / NAT;
    sum.shared++;
  }
}

/** @param costs processed costs of the re-run's candidates, ascending. */
function computeOmission(claimed: Uint32Array, ids: Uint32Array, costs: Float64Array): number {
  const weigh = (rank: number): number =>
    expFixed(Math.min(Math.max((costs[rank] as number) - (costs[0] as number), 0), EXP_LIMIT));
  const first = ids.findIndex((id) => !claimed.includes(id));
  if (first < 0) return 0;
  let total = 0;
  for (let rank = 0; rank < ids.length; rank++) total += weigh(rank);
  return (weigh(first) - weigh(ids.length - 1)) / total;
}

/**
 * Distance of u from the token's interval in the id-ordered CDF, 0..1. A token that is listed but not kept has an empty
 * interval where its id falls; an unlisted one owns the tail at the upper end.
 */
export function computeDrawGap(ids: Uint32Array, weights: Weights, token: number, u: number): number {
  let low = 0;
  let width = 0;
  if (ids.includes(token)) {
    for (let rank = 0; rank < weights.kept; rank++) {
      const id = ids[rank] as number;
      const weight = weights.byRank[rank] as number;
      if (id < token) low += weight;
      else if (id === token) width = weight;
    }
  } else {
    low = WEIGHT_ONE - weights.tail;
    width = weights.tail;
  }
  if (u < low) return (low - u) / WEIGHT_ONE;
  if (u >= low + width) return (u - low - width + 1) / WEIGHT_ONE;
  return 0;
}
