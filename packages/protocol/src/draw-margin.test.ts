import { describe, expect, it } from 'vitest';
import {
  addDrawMargin,
  binMargin,
  createDrawCounts,
  createDrawMeter,
  type DrawMargin,
  MARGIN_BINS,
} from './draw-margin.ts';
import { computeWeights, createWeights, drawRank, type SamplerSettings, TAIL_RANK, WEIGHT_ONE } from './sampler.ts';
import { createTestRandom } from './synthetic-reply.ts';

const SETTINGS: SamplerSettings = {
  temperatureQ16: 65536,
  topK: 0,
  topPQ24: WEIGHT_ONE,
  minPQ24: 0,
  presencePenaltyQ16: 0,
  frequencyPenaltyQ16: 0,
  filterOrder: ['top-k', 'top-p', 'min-p'],
};

function measure(settings: SamplerSettings, position: Parameters<ReturnType<typeof createDrawMeter>['measure']>[0]) {
  const out: DrawMargin = { matches: false, margin: -1, gap: -1 };
  createDrawMeter(settings).measure(position, out);
  return out;
}

function randomList(random: () => number, count = 20) {
  const ids = Uint32Array.from({ length: count }, (_, i) => (i * 7919 + 13) % 32000);
  const costs = Float64Array.from({ length: count }, () => Math.floor(random() * 5 * 65536)).sort();
  return { ids, costs, tail: Math.floor(random() ** 3 * 2 ** 22) };
}

describe('measureDraw', () => {
  it('has a margin that is the least movement of u to another draw, and a gap that is the least to the claimed', () => {
    const random = createTestRandom(71);
    const weights = createWeights();
    for (let i = 0; i < 300; i++) {
      const list = randomList(random);
      const u = Math.floor(random() * WEIGHT_ONE);
      computeWeights(list.costs, 20, list.tail, SETTINGS, weights);
      const draw = (at: number): number => drawRank(list.ids, weights, at);
      const token = list.ids[Math.floor(random() * 20)]!;
      const { matches, margin, gap } = measure(SETTINGS, { ...list, u, token });
      expect(matches).toBe(list.ids[draw(u)] === token);
      for (const at of [u - margin + 1, u + margin - 1]) {
        if (at >= 0 && at < WEIGHT_ONE) expect(draw(at)).toBe(draw(u));
      }
      if (margin < WEIGHT_ONE) expect([draw(u - margin), draw(u + margin)].some((rank) => rank !== draw(u))).toBe(true);
      expect(gap === 0).toBe(matches);
      if (!matches && weights.byRank[list.ids.indexOf(token)]! > 0) {
        expect([u - gap, u + gap].some((at) => list.ids[draw(at)] === token)).toBe(true);
        expect(gap).toBeGreaterThanOrEqual(margin);
      }
    }
  });

  it('takes an unlisted token for the tail', () => {
    const list = { ids: Uint32Array.of(5, 3), costs: Float64Array.of(0, 0), tail: WEIGHT_ONE / 2 };
    expect(measure(SETTINGS, { ...list, u: WEIGHT_ONE - 1, token: 999 })).toMatchObject({ matches: true });
    const { matches, gap } = measure(SETTINGS, { ...list, u: WEIGHT_ONE / 4 - 1, token: 999 });
    expect(matches).toBe(false);
    expect(gap).toBe(WEIGHT_ONE / 4 + 1);
  });

  it('knows that a filter at its edge may keep one candidate more or less', () => {
    const ids = Uint32Array.of(1, 2, 3);
    const costs = Float64Array.of(0, Math.round(Math.log(2) * 65536), Math.round(Math.log(4) * 65536));
    // Masses 4/7, 2/7, 1/7: just under 6/7 keeps two, just over it three. u stands where only the third reaches.
    const u = WEIGHT_ONE - 1;
    const just = Math.round((6 / 7) * WEIGHT_ONE) - 200;
    const near = measure({ ...SETTINGS, topPQ24: just }, { ids, costs, tail: 0, u, token: 3 });
    expect(near.matches).toBe(false);
    expect(near.gap).toBeLessThan(400);
    expect(near.margin).toBeLessThan(400);
    const far = measure({ ...SETTINGS, topPQ24: just - 2 ** 20 }, { ids, costs, tail: 0, u, token: 3 });
    expect(far.gap).toBeGreaterThan(2 ** 19);
    const kept = measure({ ...SETTINGS, topPQ24: just + 500 }, { ids, costs, tail: 0, u, token: 2 });
    expect(kept.gap).toBeLessThan(400);
    const minP = { ...SETTINGS, minPQ24: WEIGHT_ONE / 4 + 200 };
    expect(measure(minP, { ids, costs, tail: 0, u, token: 3 }).gap).toBeLessThan(400);
    expect(
      measure({ ...minP, minPQ24: WEIGHT_ONE / 2 - 200 }, { ids, costs, tail: 0, u, token: 2 }).margin,
    ).toBeLessThan(400);
  });

  it('measures a greedy draw by the lead of the first over the claimed', () => {
    const settings = { ...SETTINGS, temperatureQ16: 0 };
    const list = { ids: Uint32Array.of(5, 3, 9), costs: Float64Array.of(0, 0, 65536), tail: 0, u: 0 };
    expect(measure(settings, { ...list, token: 5 })).toEqual({ matches: true, margin: 0, gap: 0 });
    expect(measure(settings, { ...list, token: 3 })).toMatchObject({ matches: false, gap: 0 });
    const far = measure(settings, { ...list, token: 9 });
    expect(far.gap / WEIGHT_ONE).toBeCloseTo((1 - Math.exp(-1)) / (2 + Math.exp(-1)) / 2, 4);
    expect(measure(settings, { ...list, token: 77 }).gap).toBe(far.gap);
  });

  it('never claims more certainty than a whole distribution', () => {
    const list = { ids: Uint32Array.of(5), costs: Float64Array.of(0), tail: 0 };
    expect(measure(SETTINGS, { ...list, u: 7, token: 5 })).toEqual({ matches: true, margin: WEIGHT_ONE, gap: 0 });
  });
});

describe('draw counts', () => {
  it('bin by powers of two', () => {
    expect([0, 0.9, 1, 2, 3, 4, 2 ** 22, 2 ** 23, 2 ** 24, Infinity].map(binMargin)).toEqual([
      0, 0, 1, 2, 2, 3, 23, 24, 24, 24,
    ]);
    expect(MARGIN_BINS).toBe(25);
  });

  it('keep matches by margin and mismatches by both', () => {
    const counts = createDrawCounts();
    addDrawMargin(counts, { matches: true, margin: 4, gap: 0 });
    addDrawMargin(counts, { matches: false, margin: 1, gap: 9 });
    expect([counts.matches[3], counts.mismatches[1], counts.gaps[4]]).toEqual([1, 1, 1]);
    const total = [counts.matches, counts.mismatches, counts.gaps].map((row) => row.reduce((a, b) => a + b));
    expect(total).toEqual([1, 1, 1]);
    expect(TAIL_RANK).toBe(-1);
  });
});
