import { describe, expect, it } from 'vitest';
import { EXP_HIGH, EXP_LOW, EXP_ONE, expFixed } from '../../../base/exponential.ts';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import {
  computeWeights,
  createWeights,
  drawRank,
  isDrawn,
  PLAIN_SAMPLER,
  quantizeLogprob,
  type SamplerSettings,
  TAIL_RANK,
  WEIGHT_ONE,
} from './sampler.ts';

const plain = PLAIN_SAMPLER;

describe('exponential', () => {
  it('tables agree with exp to their rounding', () => {
    for (let i = 0; i < 4096; i++) {
      expect(Math.abs((EXP_HIGH[i] as number) - EXP_ONE * Math.exp(-i / 16))).toBeLessThanOrEqual(0.5001);
      expect(Math.abs((EXP_LOW[i] as number) - EXP_ONE * Math.exp(-i / 65536))).toBeLessThanOrEqual(0.5001);
    }
  });

  it('never rises by more than a unit, and ends at zero', () => {
    let least = expFixed(0);
    expect(least).toBe(EXP_ONE);
    let rise = 0;
    for (let q = 1; q < 2 ** 24; q++) {
      const value = expFixed(q);
      // At a step of the high table, rounding may lift the product.
      rise = Math.max(rise, value - least);
      least = Math.min(least, value);
    }
    expect(rise).toBeLessThanOrEqual(1);
    expect(expFixed(2 ** 24)).toBe(0);
  });
});

function randomList(random: () => number, n: number): { ids: Uint32Array; costs: number[]; tail: number } {
  const costs = Array.from({ length: n }, () => Math.floor(random() * 6 * 65536)).sort((a, b) => a - b);
  const ids = Uint32Array.from({ length: n }, (_, i) => (i * 7919 + Math.floor(random() * 5)) % 32000);
  return { ids, costs, tail: Math.floor(random() ** 4 * (WEIGHT_ONE - 1)) };
}

describe('computeWeights', () => {
  it('ignores filters that are off', () => {
    const random = createSeededRandom(17);
    const [filtered, free] = [createWeights(), createWeights()];
    for (let t = 0; t < 300; t++) {
      const n = 1 + Math.floor(random() * 64);
      const { costs, tail } = randomList(random, n);
      computeWeights(costs, n, tail, PLAIN_SAMPLER, filtered);
      computeWeights(costs, n, tail, { ...PLAIN_SAMPLER, filterOrder: [] }, free);
      expect(filtered).toEqual(free);
    }
  });

  it('always sums to 2^24, for any settings', () => {
    const random = createSeededRandom(11);
    const weights = createWeights();
    for (let t = 0; t < 3000; t++) {
      const n = 1 + Math.floor(random() * 64);
      const { costs, tail } = randomList(random, n);
      const settings: SamplerSettings = {
        ...plain,
        temperatureQ16: Math.floor(random() * 200_000),
        topK: Math.floor(random() * 80),
        topPQ24: 1 + Math.floor(random() * WEIGHT_ONE),
        minPQ24: Math.floor(random() ** 3 * WEIGHT_ONE),
        filterOrder: random() < 0.5 ? ['top-k', 'top-p', 'min-p'] : ['min-p', 'top-p', 'top-k'],
      };
      computeWeights(costs, n, tail, settings, weights);
      let sum = weights.tail;
      for (let i = 0; i < weights.kept; i++) {
        expect(weights.byRank[i]).toBeGreaterThanOrEqual(0);
        sum += weights.byRank[i] as number;
      }
      expect(sum).toBe(WEIGHT_ONE);
      expect(weights.kept).toBeGreaterThanOrEqual(1);
    }
  });

  it('agrees with floating-point softmax', () => {
    const random = createSeededRandom(5);
    const weights = createWeights();
    for (let t = 0; t < 300; t++) {
      const logits = Array.from({ length: 40 }, () => random() * 10);
      const z = Math.log(logits.reduce((s, x) => s + Math.exp(x), 0));
      const costs = logits.map((x) => quantizeLogprob(x - z)).sort((a, b) => a - b);
      const temperature = 0.5 + random();
      const zt = costs.reduce((s, c) => s + Math.exp(-c / 65536 / temperature), 0);
      computeWeights(costs, 40, 0, { ...plain, temperatureQ16: Math.round(temperature * 65536) }, weights);
      costs.forEach((c, i) => {
        const expected = Math.exp(-c / 65536 / temperature) / zt;
        expect(Math.abs((weights.byRank[i] as number) / WEIGHT_ONE - expected)).toBeLessThan(3e-5);
      });
    }
  });

  it('greedy keeps the first candidate', () => {
    const weights = createWeights();
    computeWeights([5, 6, 7], 3, 1000, { ...plain, temperatureQ16: 0 }, weights);
    expect(weights).toMatchObject({ kept: 1, tail: 0 });
    expect(drawRank([9, 1, 2], weights, WEIGHT_ONE - 1)).toBe(0);
  });

  it('each filter cuts at its limit', () => {
    const weights = createWeights();
    // Masses 1/2, 1/4, 1/8, 1/8.
    const costs = [1, 2, 3, 3].map((halvings) => quantizeLogprob(-halvings * Math.LN2));
    computeWeights(costs, 4, 0, { ...plain, topK: 2 }, weights);
    expect(weights.kept).toBe(2);
    computeWeights(costs, 4, 0, { ...plain, topPQ24: Math.floor(0.7 * WEIGHT_ONE) }, weights);
    expect(weights.kept).toBe(2);
    computeWeights(costs, 4, 0, { ...plain, topPQ24: Math.floor(0.8 * WEIGHT_ONE) }, weights);
    expect(weights.kept).toBe(3);
    computeWeights(costs, 4, 0, { ...plain, minPQ24: Math.floor(0.4 * WEIGHT_ONE) }, weights);
    expect(weights.kept).toBe(2);
  });

  it('a filter that cuts the list drops the tail, and any other keeps it', () => {
    const weights = createWeights();
    computeWeights([0, 0, 0], 3, WEIGHT_ONE / 2, { ...plain, topK: 3 }, weights);
    expect(weights.tail).toBe(0);
    computeWeights([0, 0, 0], 3, WEIGHT_ONE / 2, { ...plain, topK: 4 }, weights);
    expect(weights.tail).toBe(WEIGHT_ONE / 2);
    computeWeights([0, 0, 0], 3, WEIGHT_ONE / 2, { ...plain, topPQ24: Math.floor(0.6 * WEIGHT_ONE) }, weights);
    expect(weights.tail).toBe(WEIGHT_ONE / 2);
  });
});

describe('drawRank', () => {
  it('walks the weights in id order with the tail last', () => {
    const weights = createWeights();
    computeWeights([0, 0], 2, WEIGHT_ONE / 2, plain, weights);
    const ids = [30, 10];
    expect(drawRank(ids, weights, 0)).toBe(1);
    expect(drawRank(ids, weights, WEIGHT_ONE / 4)).toBe(0);
    expect(drawRank(ids, weights, WEIGHT_ONE / 2)).toBe(TAIL_RANK);
  });

  it('draws every candidate in proportion to its weight', () => {
    const random = createSeededRandom(3);
    const { ids, costs } = randomList(random, 12);
    const weights = createWeights();
    computeWeights(costs, 12, 100_000, plain, weights);
    const hits = new Map<number, number>();
    const step = 2 ** 10;
    for (let u = 0; u < WEIGHT_ONE; u += step) {
      const rank = drawRank(ids, weights, u);
      hits.set(rank, (hits.get(rank) ?? 0) + 1);
    }
    for (const [rank, count] of hits) {
      const weight = rank === TAIL_RANK ? weights.tail : (weights.byRank[rank] as number);
      expect(Math.abs(count * step - weight)).toBeLessThanOrEqual(step);
    }
  });
});

describe('isDrawn', () => {
  it('names the rank that drawRank draws, and no other', () => {
    const random = createSeededRandom(5);
    const weights = createWeights();
    for (let trial = 0; trial < 100; trial++) {
      const { ids, costs } = randomList(random, 1 + Math.floor(random() * 30));
      const settings = {
        ...plain,
        topK: Math.floor(random() * 20),
        topPQ24: WEIGHT_ONE - Math.floor(random() * 2 ** 22),
      };
      computeWeights(costs, ids.length, Math.floor(random() * 2 ** 23), settings, weights);
      const edges = Array.from(ids, (_, rank) => weights.byRank[rank] as number);
      for (const u of [0, WEIGHT_ONE - 1, Math.floor(random() * WEIGHT_ONE), ...edges.flatMap((at) => [at - 1, at])]) {
        if (u < 0 || u >= WEIGHT_ONE) continue;
        const ranks = [TAIL_RANK, ...ids.keys()];
        expect(ranks.filter((rank) => isDrawn(ids, weights, u, rank))).toEqual([drawRank(ids, weights, u)]);
      }
    }
  });
});

describe('quantizeLogprob', () => {
  it('clamps to its range and survives every double', () => {
    expect(quantizeLogprob(0)).toBe(0);
    expect(quantizeLogprob(1e-9)).toBe(0);
    expect(quantizeLogprob(-1)).toBe(65536);
    expect(quantizeLogprob(Number.NEGATIVE_INFINITY)).toBe(2 ** 24 - 1);
    expect(quantizeLogprob(Number.NaN)).toBe(2 ** 24 - 1);
    expect(quantizeLogprob(5)).toBe(0);
  });
});
