import { EXP_LIMIT, expFixed } from '../../../base/exponential.ts';

/**
 * Sampling as an integer function of signed data (docs/spec/sampler.md). All arithmetic uses integers below 2^53 held in
 * doubles. Only +, -, * and floor division occur, so replay has no tolerance.
 */

/** Probability one, in weight units. */
export const WEIGHT_ONE = 2 ** 24;
/** One nat, in cost units. */
export const NAT = 2 ** 16;
/** Largest cost of a listed log-probability: just under 256 nat. */
export const MAX_COST = 2 ** 24 - 1;
/** Fewest and most candidates that a position lists (fewer only in a smaller vocabulary). */
export const MIN_LISTED = 20;
export const MAX_LISTED = 64;
/** The bucket of all unlisted tokens, used in place of a rank. */
export const TAIL_RANK = -1;

export const MAX_TEMPERATURE_Q16 = 100 * NAT;
export const MAX_PENALTY_Q16 = 2 * NAT;
/** Range of the repetition penalty, 2^-16. It keeps every cost below 2^34. */
export const MIN_REPETITION_Q16 = 655;
export const MAX_REPETITION_Q16 = 2 * NAT;
export const MAX_REPETITION_WINDOW = 2 ** 24;
/** Limit of a log-sum in 2^-16 nat: -2^26..2^26 - 1, that is 1,024 nat either way. */
export const MAX_LOG_SUM = 2 ** 26;
export const MAX_BIAS_Q16 = 100 * NAT;
export const MAX_BIASES = 300;

export type Filter = 'top-k' | 'top-p' | 'min-p';

export interface SamplerSettings {
  /** Temperature in 2^-16; 0 is greedy. */
  readonly temperatureQ16: number;
  /** 0 is off. */
  readonly topK: number;
  /** 1..2^24; 2^24 is off. */
  readonly topPQ24: number;
  /** 0..2^24; 0 is off. Relative to the likeliest candidate. */
  readonly minPQ24: number;
  /** Signed, 2^-16 nat, subtracted once from every token that the reply already contains. */
  readonly presencePenaltyQ16: number;
  /** Signed, 2^-16 nat, per earlier occurrence in the reply. */
  readonly frequencyPenaltyQ16: number;
  /** Divisor of positive logits and factor of the others, for repeated tokens, in 2^-16; 2^16 is off. */
  readonly repetitionPenaltyQ16: number;
  /** Last tokens of prompt and reply that count as repeated; 0 is all of them, and if the penalty is off. */
  readonly repetitionWindow: number;
  readonly filterOrder: readonly Filter[];
}

/**
 * Settings with temperature 1 and without cuts, in the order in which a request's filters are applied. Tests and searches use
 * them.
 */
export const PLAIN_SAMPLER: SamplerSettings = {
  temperatureQ16: NAT,
  topK: 0,
  topPQ24: WEIGHT_ONE,
  minPQ24: 0,
  presencePenaltyQ16: 0,
  frequencyPenaltyQ16: 0,
  repetitionPenaltyQ16: NAT,
  repetitionWindow: 0,
  filterOrder: ['top-k', 'top-p', 'min-p'],
};

export interface TokenBias {
  readonly id: number;
  /** Signed, 2^-16 nat. */
  readonly biasQ16: number;
}

/** The candidates of one position: best first by processed cost, ties by id. */
export interface Candidates {
  readonly ids: Uint32Array;
  /** Raw -log-probability in 2^-16 nat, 0..2^24-1. */
  readonly q: Uint32Array;
  /** Mass outside the list after processors and temperature, 2^-24 units, 0..2^24-1. */
  readonly tail: number;
}

/** Computes floor(a / b) for 0 <= a < 2^53, 0 < b. It corrects a division that rounds up to the next integer. */
export function floorDivide(a: number, b: number): number {
  const quotient = Math.floor(a / b);
  return quotient * b > a ? quotient - 1 : quotient;
}

/**
 * Computes the fixed-point cost of a log-probability in nats: round(-lp * 2^16), clamped to 0..2^24-1. NaN is the largest cost.
 */
export function quantizeLogprob(logprob: number): number {
  const cost = Math.floor(-logprob * NAT + 0.5);
  return cost >= 0 ? Math.min(cost, MAX_COST) : cost < 0 ? 0 : MAX_COST;
}

/**
 * Computes the cost after bias and penalties, 2^-16 nat, may be negative.
 * @param count earlier occurrences in the reply.
 * @param logSum log-sum of the position, 2^-16 nat, if the repetition penalty covers the token.
 */
export function computeCost(
  q: number,
  biasQ16: number,
  count: number,
  settings: SamplerSettings,
  logSum?: number,
): number {
  const cost = logSum === undefined ? q - biasQ16 : logSum - penalizeLogit(logSum - q + biasQ16, settings);
  return count > 0 ? cost + settings.presencePenaltyQ16 + settings.frequencyPenaltyQ16 * count : cost;
}

/** Divides a positive logit by the repetition penalty and multiplies any other by it, rounded towards 0; 2^-16 nat. */
function penalizeLogit(logit: number, { repetitionPenaltyQ16: penalty }: SamplerSettings): number {
  return logit > 0 ? floorDivide(logit * NAT, penalty) : -floorDivide(-logit * penalty, NAT);
}

/** Computes the fixed-point log-sum of a position's logits: round(value * 2^16), clamped to -2^26..2^26 - 1. */
export function quantizeLogSum(value: number): number {
  return Math.min(Math.max(Math.floor(value * NAT + 0.5), -MAX_LOG_SUM), MAX_LOG_SUM - 1);
}

/** Weights of the kept candidates by rank; their sum with `tail` is 2^24. Reused between positions. */
export interface Weights {
  kept: number;
  readonly byRank: Float64Array;
  tail: number;
}

export function createWeights(): Weights {
  return { kept: 0, byRank: new Float64Array(MAX_LISTED), tail: 0 };
}

/**
 * Computes weights: temperature, normalisation, filters in their order, renormalisation.
 * @param costs processed costs by rank, ascending, 2^-16 nat; the first `count` are read.
 * @param count listed candidates, 1..64.
 * @param tail mass outside the list, 2^-24 units, below 2^24.
 * @param out overwritten.
 */
export function computeWeights(
  costs: ArrayLike<number>,
  count: number,
  tail: number,
  settings: SamplerSettings,
  out: Weights,
): void {
  if (settings.temperatureQ16 === 0) {
    out.kept = 1;
    out.byRank[0] = WEIGHT_ONE;
    out.tail = 0;
    return;
  }
  weighCandidates(costs, count, tail, settings, out);
  filterWeights(settings, out);
}

/**
 * Computes how many of the cheapest candidates are listed, at least MIN_LISTED. It is the fewest with the same result of the
 * filters as for all of them. Filters treat a shorter list differently: of 32 candidates a top-k of 40 cuts nothing, and the
 * tail stays.
 * @param count available candidates, 1..64.
 * @param tailOf mass outside the first n, 2^-24 units, below 2^24.
 * @param out overwritten with the weights of the list.
 */
export function layOutList(
  costs: ArrayLike<number>,
  count: number,
  tailOf: (n: number) => number,
  settings: SamplerSettings,
  out: Weights,
): { readonly count: number; readonly tail: number } {
  computeWeights(costs, count, tailOf(count), settings, out);
  const { kept } = out;
  const hasTail = out.tail > 0;
  const fewest = Math.max(kept, MIN_LISTED);
  for (const n of [fewest, fewest + 1, settings.topK]) {
    if (n < fewest || n >= count) continue;
    const tail = tailOf(n);
    computeWeights(costs, n, tail, settings, out);
    if (out.kept === kept && out.tail > 0 === hasTail) return { count: n, tail };
  }
  const tail = tailOf(count);
  computeWeights(costs, count, tail, settings, out);
  return { count, tail };
}

/** Computes the first half of computeWeights, for a temperature above 0: before the filters. */
export function weighCandidates(
  costs: ArrayLike<number>,
  count: number,
  tail: number,
  settings: SamplerSettings,
  out: Weights,
): void {
  const w = out.byRank;
  const best = costs[0] as number;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    // At 2^34 every weight is 0 already, and the product stays below 2^53.
    const above = Math.min((costs[i] as number) - best, 2 ** 34);
    const e = expFixed(Math.min(floorDivide(above * NAT, settings.temperatureQ16), EXP_LIMIT));
    w[i] = e;
    sum += e;
  }
  const listed = WEIGHT_ONE - tail;
  let given = 0;
  for (let i = 0; i < count; i++) {
    const weight = floorDivide((w[i] as number) * listed, sum);
    w[i] = weight;
    given += weight;
  }
  w[0] = (w[0] as number) + listed - given;
  out.kept = count;
  out.tail = tail;
}

/** Computes the second half of computeWeights. */
export function filterWeights(settings: SamplerSettings, out: Weights): void {
  for (const filter of settings.filterOrder) applyFilter(filter, settings, out);
  renormalize(out);
}

function applyFilter(filter: Filter, settings: SamplerSettings, out: Weights): void {
  const w = out.byRank;
  if (filter === 'top-k') {
    if (settings.topK === 0 || settings.topK > out.kept) return;
    out.kept = settings.topK;
    out.tail = 0;
  } else if (filter === 'top-p') {
    if (settings.topPQ24 >= WEIGHT_ONE) return;
    let total = out.tail;
    for (let i = 0; i < out.kept; i++) total += w[i] as number;
    const limit = floorDivide(total * settings.topPQ24 + WEIGHT_ONE - 1, WEIGHT_ONE);
    let cumulative = 0;
    for (let i = 0; i < out.kept; i++) {
      cumulative += w[i] as number;
      if (cumulative >= limit) {
        out.kept = i + 1;
        out.tail = 0;
        return;
      }
    }
  } else {
    const threshold = floorDivide((w[0] as number) * settings.minPQ24, WEIGHT_ONE);
    let kept = out.kept;
    while (kept > 1 && (w[kept - 1] as number) < threshold) kept--;
    if (kept < out.kept) {
      out.kept = kept;
      out.tail = 0;
    }
  }
}

function renormalize(out: Weights): void {
  const w = out.byRank;
  let total = out.tail;
  for (let i = 0; i < out.kept; i++) total += w[i] as number;
  // Nothing was cut, so every weight would stay the same.
  if (total === WEIGHT_ONE) return;
  let given = 0;
  for (let i = 0; i < out.kept; i++) {
    const weight = floorDivide((w[i] as number) * WEIGHT_ONE, total);
    w[i] = weight;
    given += weight;
  }
  out.tail = floorDivide(out.tail * WEIGHT_ONE, total);
  w[0] = (w[0] as number) + WEIGHT_ONE - given - out.tail;
}

const sorted = new Float64Array(MAX_LISTED);

/**
 * Sorts ranks in ascending order of id; of equal ids the better rank comes first.
 * @param count ids to read, at most 64.
 * @param order the first `count` are overwritten.
 */
export function sortById(ids: ArrayLike<number>, count: number, order: Uint8Array): void {
  for (let i = 0; i < count; i++) {
    // Id and rank share one number, which halves the data that the sort moves.
    const key = (ids[i] as number) * MAX_LISTED + i;
    let j = i;
    while (j > 0 && (sorted[j - 1] as number) > key) {
      sorted[j] = sorted[j - 1] as number;
      j--;
    }
    sorted[j] = key;
  }
  for (let i = 0; i < count; i++) {
    const key = sorted[i] as number;
    order[i] = key - Math.floor(key / MAX_LISTED) * MAX_LISTED;
  }
}

const order = new Uint8Array(MAX_LISTED);

/**
 * Draws by the inverse CDF in ascending token-id order, the tail last. The id order does not change when two close candidates
 * swap ranks.
 * @param ids token ids by rank.
 * @param u 0..2^24-1.
 * @returns the drawn rank, or TAIL_RANK.
 */
export function drawRank(ids: ArrayLike<number>, weights: Weights, u: number): number {
  const { kept, byRank } = weights;
  sortById(ids, kept, order);
  let cumulative = 0;
  for (let i = 0; i < kept; i++) {
    const rank = order[i] as number;
    cumulative += byRank[rank] as number;
    if (u < cumulative) return rank;
  }
  return TAIL_RANK;
}

/**
 * Returns whether drawRank draws this rank. It adds up the weights of smaller ids, which is faster than sorting them.
 * @param ids distinct token ids by rank.
 */
export function isDrawn(ids: ArrayLike<number>, { kept, byRank }: Weights, u: number, rank: number): boolean {
  const isTail = rank === TAIL_RANK;
  if (rank >= kept) return false;
  const id = isTail ? Number.POSITIVE_INFINITY : (ids[rank] as number);
  let below = 0;
  for (let i = 0; i < kept; i++) below += (ids[i] as number) < id ? (byRank[i] as number) : 0;
  return u >= below && (isTail || u < below + (byRank[rank] as number));
}

/** Returns whether candidates are in the required order: ascending processed cost, ties by ascending id. */
export function isListedOrder(ids: ArrayLike<number>, costs: ArrayLike<number>, count: number): boolean {
  for (let i = 1; i < count; i++) {
    const step = (costs[i] as number) - (costs[i - 1] as number);
    if (step < 0 || (step === 0 && (ids[i] as number) <= (ids[i - 1] as number))) return false;
  }
  return true;
}
