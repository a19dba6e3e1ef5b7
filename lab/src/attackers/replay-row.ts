import { type DrawRow, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import {
  computeCost,
  computeWeights,
  createWeights,
  drawRank,
  layOutList,
  MAX_LISTED,
  type SamplerSettings,
  WEIGHT_ONE,
  type Weights,
} from '@ogong/protocol/modality/text/sampling/sampler';

/** The inputs of a draw besides the row. */
export interface DrawInputs {
  /** 0..2^24-1. */
  readonly u: number;
  readonly settings: SamplerSettings;
  /** 2^-16 nat by token. */
  readonly bias: ReadonlyMap<number, number>;
  /** How often the reply holds each token so far; empty where no penalty is set. */
  readonly counts: ReadonlyMap<number, number>;
  readonly vocabularySize: number;
}

/** A row of listed candidates that the key draws from. */
export type ListedRow = Pick<DrawRow, 'ids' | 'q' | 'tail'>;

export const costOf = (id: number, q: number, { bias, counts, settings }: DrawInputs): number =>
  computeCost(q, bias.get(id) ?? 0, counts.get(id) ?? 0, settings);

export const clampTail = (tail: number): number => Math.min(Math.max(Math.round(tail), 0), WEIGHT_ONE - 1);

const scratch = { costs: new Float64Array(MAX_LISTED), weights: createWeights() };

/** Costs and weights by rank, as stage 1 computes them. The next call overwrites both. */
export function weighRow({ ids, q, tail }: ListedRow, inputs: DrawInputs): Readonly<typeof scratch> {
  const { costs, weights } = scratch;
  for (let j = 0; j < ids.length; j++) costs[j] = costOf(ids[j] as number, q[j] as number, inputs);
  computeWeights(costs, ids.length, tail, inputs.settings, weights);
  return scratch;
}

/** The rank that the key draws from a row, as stage 1 replays it. */
export const replayRank = (row: ListedRow, inputs: DrawInputs): number =>
  drawRank(row.ids, weighRow(row, inputs).weights, inputs.u);

/** How far the draw lies from the interval of the row's token under the row's own values, 0..1. */
export function measureGap(row: DrawRow, inputs: DrawInputs): number {
  return computeGap(row.ids, weighRow(row, inputs).weights, tokenOf(row), inputs.u);
}

/**
 * Distance of u from the token's interval in the id-ordered CDF, 0..1. A listed token that a filter cut has an empty interval
 * at its id; an unlisted token has the tail, at the upper end.
 */
function computeGap(ids: Uint32Array, weights: Weights, token: number, u: number): number {
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

/** How many candidates of a full list an honest engine would list. */
export function countOwnList(row: ListedRow, inputs: DrawInputs): number {
  const { costs, weights } = weighRow(row, inputs);
  return layOutList(costs, row.ids.length, createTail(row, inputs, costs), inputs.settings, weights).count;
}

/** The probability outside the first n candidates of a list, 2^-24 units. */
function createTail(
  { ids, tail }: ListedRow,
  { settings }: DrawInputs,
  costs: Float64Array,
): (count: number) => number {
  const { temperatureQ16 } = settings;
  if (temperatureQ16 === 0) return () => 0;
  const best = costs[0] as number;
  const parts = Array.from(ids, (_, j) => Math.exp(-((costs[j] as number) - best) / temperatureQ16));
  const sum = (of: readonly number[]): number => of.reduce((total, part) => total + part, 0);
  const unit = (WEIGHT_ONE - tail) / sum(parts);
  return (count) => clampTail(tail + unit * sum(parts.slice(count)));
}
