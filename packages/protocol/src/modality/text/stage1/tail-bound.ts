import { EXP_LIMIT, EXP_ONE, expFixed } from '../../../base/exponential.ts';
import type { Header } from '../commitment/header.ts';
import { type DrawRow, logSumOf } from '../commitment/window.ts';
import { countPromptReach, createRepeatedTokens } from '../sampling/repeated-tokens.ts';
import { computeCost, floorDivide, MAX_COST, MAX_LISTED, NAT, WEIGHT_ONE } from '../sampling/sampler.ts';

/**
 * The largest excess of the listed probabilities over one. Each fixed-point log-probability is off by at most 2^-17 nat
 * (relative 7.6e-6), and each table product by a few units of 2^-26.
 */
export const MASS_SLACK = EXP_ONE / 2 ** 15 + 4 * MAX_LISTED;

/** log(2) in 2^-16 nat, rounded down. */
const LOG_2 = 45_426;

/** The largest rise of expFixed where it should fall, by rounding of its tables. */
const ROUNDING = 1;

interface LeftOver {
  readonly vocabularySize: number;
  readonly temperatureQ16: number;
  /** Sum of the listed probabilities, 2^-26. */
  readonly mass: number;
}

/**
 * Computes the most mass that can lie outside a list after temperature, from the list alone. No unlisted token is likelier than
 * the last listed one, and all of them together have the mass that the listed probabilities leave. Without this bound a
 * provider could sign a tail that takes every draw, and claim any unlisted token.
 * @param q raw costs, best first, without processors.
 * @returns 2^-24 units, 0..2^24.
 */
export function computeLargestTail(q: Uint32Array, leftOver: LeftOver): number {
  const { temperatureQ16: t } = leftOver;
  let listed = 0;
  // The least listed mass under rounding: half a unit of each cost, and expFixed.
  for (let j = 0; j < q.length; j++) {
    listed += Math.max(0, expFixed(Math.ceil(((2 * (q[j] as number) + 1) * NAT) / (2 * t))) - EXP_ERROR);
  }
  return toShare(boundUnlisted(q, leftOver), listed);
}

/** Returns whether a tail is at most computeLargestTail, usually without computing its sum. */
export function mayLeave(tail: number, q: Uint32Array, leftOver: LeftOver): boolean {
  if (tail === 0) return true;
  const { temperatureQ16, mass } = leftOver;
  // A temperature of at most one only lowers the listed mass, up to rounding of the tables. So a tail within the bound for the
  // raw mass is also within the exact bound.
  if (temperatureQ16 <= NAT && tail <= toShare(boundUnlisted(q, leftOver), mass + ROUNDING * q.length)) return true;
  return tail <= computeLargestTail(q, leftOver);
}

/**
 * Computes the largest weight of all unlisted tokens after temperature, in the units of the listed expFixed weights; 0 if every
 * token is listed.
 */
function boundUnlisted(q: Uint32Array, { vocabularySize, temperatureQ16, mass }: LeftOver): number {
  const unlisted = vocabularySize - q.length;
  if (unlisted === 0) return 0;
  const left = Math.max(0, EXP_ONE - mass) + MASS_SLACK;
  if (temperatureQ16 <= NAT) {
    // p^(1/T) = p * p^(1/T - 1), and the second factor is at most that of the last listed, less one unit for its rounding.
    const last = Math.max(0, (q[q.length - 1] as number) - 1);
    return (left * expFixed(Math.floor((last * (NAT - temperatureQ16)) / temperatureQ16))) / EXP_ONE + MASS_SLACK;
  }
  // The power is concave, so the rest weighs most when it is spread evenly.
  const halvings = countHalvings(unlisted, left);
  return unlisted * (expFixed(Math.floor((halvings * LOG_2 * NAT) / temperatureQ16)) + EXP_ERROR) + MASS_SLACK;
}

/** Counts the halvings of 1 that are at least needed to reach the even share of each unlisted token; less one for rounding. */
function countHalvings(unlisted: number, left: number): number {
  let halvings = -1;
  for (let share = (unlisted * EXP_ONE) / left; share >= 2; share /= 2) halvings++;
  return Math.max(0, halvings);
}

/** Converts to 2^-24 units, rounded up. */
const toShare = (tail: number, listed: number): number =>
  tail === 0 ? 0 : Math.min(WEIGHT_ONE, Math.ceil((tail / (listed + tail)) * WEIGHT_ONE));

/** A limit above the error of expFixed, in 2^-26. */
const EXP_ERROR = 2;
/** The difference of costs at which every weight is 0 already. It keeps products below 2^53. */
const MAX_ABOVE = 2 ** 34;

/**
 * The same bound under bias or penalties (docs/spec/stage-1.md). No unlisted token costs less than the last listed one. Tokens
 * without processors have at most the mass that the listed probabilities leave. Call it row by row, since penalties depend on
 * the tokens before.
 */
export interface ProcessedTailBound {
  /** Computes the bound of the next row's tail, 2^-24 units. @param mass of its listed raw probabilities, 2^-26. */
  compute(row: Pick<DrawRow, 'ids' | 'q' | 'repeated'>, mass: number): number;
  /** Adds the token that the row drew. */
  push(token: number): void;
}

export function createProcessedTailBound(
  header: Pick<Header, 'sampler' | 'bias' | 'vocabularySize' | 'promptTokenCount'>,
): ProcessedTailBound {
  const { sampler, vocabularySize, promptTokenCount } = header;
  const t = sampler.temperatureQ16;
  const bias = new Map(header.bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const isCounting = sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0;
  const counts = new Map<number, number>();
  const touched = new Set(bias.keys());
  // A penalty of at least one only raises costs, so the bound of the untouched tokens holds for repeated ones.
  const raised = sampler.repetitionPenaltyQ16 < NAT ? createRepeatedTokens(sampler, []) : undefined;
  let position = 0;
  const costs = new Float64Array(MAX_LISTED);
  /** Computes exp(-units / 2^16 / T), 2^-26. */
  const weigh = (units: number, extra = 0): number =>
    expFixed(Math.min(floorDivide(Math.min(units, MAX_ABOVE) * NAT, t) + extra, EXP_LIMIT));
  // Costs are rounded to a unit. Listed weights take their smallest value under that rounding, before temperature; 4 for the
  // rest.
  const margin = Math.ceil((2 * NAT) / t) + 4;

  /** Bounds the weight of unlisted tokens without processors, relative to the best listed token. */
  const boundUntouched = (best: number, last: number, unlisted: number, mass: number): number => {
    const left = Math.max(0, EXP_ONE - mass) + MASS_SLACK;
    if (t > NAT) {
      const above = countHalvings(unlisted, left) * LOG_2 - best;
      return above < 0 ? Number.POSITIVE_INFINITY : unlisted * (weigh(above) + EXP_ERROR);
    }
    // p^(1/T) = p * p^(1/T - 1), the second factor at most that of the last listed, over the weight of the best.
    const scaled = Math.max(0, last) * (NAT - t) - best * NAT;
    if (scaled >= 0) return (left * (expFixed(Math.min(floorDivide(scaled, t), EXP_LIMIT)) + EXP_ERROR)) / EXP_ONE;
    const weight = expFixed(Math.min(floorDivide(t - 1 - scaled, t), EXP_LIMIT)) - EXP_ERROR;
    return weight > 0 ? (left * EXP_ONE) / weight : Number.POSITIVE_INFINITY;
  };

  /** Computes the most unlisted tokens that a repetition penalty below one makes cheaper. */
  const countRaised = (repeated: DrawRow['repeated'], length: number): number => {
    if (raised === undefined) return 0;
    let listed = 0;
    for (let j = 0; j < length; j++) listed += repeated?.marks[j] ?? 0;
    return Math.max(0, countPromptReach(sampler, { promptTokenCount, position }) + raised.counts.size - listed);
  };

  return {
    compute(row, mass) {
      const { ids, q, repeated } = row;
      const unlisted = vocabularySize - ids.length;
      if (unlisted === 0 || t === 0) return 0;
      let touchedListed = 0;
      for (let j = 0; j < ids.length; j++) {
        const id = ids[j] as number;
        if (touched.has(id)) touchedListed++;
        costs[j] = computeCost(q[j] as number, bias.get(id) ?? 0, counts.get(id) ?? 0, sampler, logSumOf(row, j));
      }
      const best = costs[0] as number;
      const last = costs[ids.length - 1] as number;
      let listed = 0;
      for (let j = 0; j < ids.length; j++) listed += weigh(Math.max(0, (costs[j] as number) - best), margin);
      const each = weigh(Math.max(0, last - best)) + EXP_ERROR;
      // A cost at its limit stands for any larger one.
      const untouched = q[0] === MAX_COST ? Number.POSITIVE_INFINITY : boundUntouched(best, last, unlisted, mass);
      const others = touched.size - touchedListed + countRaised(repeated, ids.length);
      return toShare(Math.min(unlisted * each, untouched + others * each), listed);
    },

    push(token) {
      position++;
      raised?.push(token);
      if (!isCounting) return;
      counts.set(token, (counts.get(token) ?? 0) + 1);
      touched.add(token);
    },
  };
}
