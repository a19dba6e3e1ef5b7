import { drawNormal } from '@ogong/testing/synthetic/synthetic-evidence';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import { computeQuantile } from '../../../statistics/statistics.ts';
import {
  computeWeights,
  createWeights,
  drawRank,
  PLAIN_SAMPLER,
  type SamplerSettings,
  WEIGHT_ONE,
} from '../sampling/sampler.ts';
import {
  addDrawMargin,
  binMargin,
  createDrawCounts,
  createDrawMeter,
  type DrawMargin,
  MARGIN_BINS,
} from './draw-margin.ts';

const SETTINGS = PLAIN_SAMPLER;

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

/** Finds the least size of random movement, candidate by candidate, at which `isThere` holds for one in so many tries. */
function findMovement(
  list: ReturnType<typeof randomList>,
  random: () => number,
  isThere: (costs: Float64Array) => boolean,
): number {
  for (let nats = 2 ** -12; nats < 16; nats *= 2 ** 0.25) {
    for (let i = 0; i < 40; i++) {
      if (isThere(list.costs.map((cost) => Math.round(cost + nats * 65536 * drawNormal(random))))) return nats;
    }
  }
  return Infinity;
}

/** Draws like a provider whose log-probabilities lie beside the verifier's, each by an independent random movement. */
function drawMoved(list: ReturnType<typeof randomList>, settings: SamplerSettings, nats: number, random: () => number) {
  const moved = list.costs.map((cost) => Math.max(0, Math.round(cost + nats * 65536 * drawNormal(random))));
  const order = Array.from(list.ids.keys()).sort((a, b) => moved[a]! - moved[b]! || list.ids[a]! - list.ids[b]!);
  const ids = Uint32Array.from(order, (rank) => list.ids[rank]!);
  const costs = order.map((rank) => moved[rank]!);
  const weights = createWeights();
  computeWeights(costs, ids.length, list.tail, settings, weights);
  const u = Math.floor(random() * WEIGHT_ONE);
  return { u, token: ids[drawRank(ids, weights, u)]! };
}

describe('honest drift', () => {
  it.each<[string, Partial<SamplerSettings>]>([
    ['no filter', {}],
    ['greedy, by a top-k of 1', { topK: 1 }],
    ['a top-k of 2', { topK: 2 }],
    ['a top-k of 5', { topK: 5 }],
    ['a top-p that keeps few', { topPQ24: WEIGHT_ONE / 8 }],
    ['a usual top-p', { topPQ24: 15_938_355 }],
    ['a flat list under a min-p', { temperatureQ16: 131_072, minPQ24: WEIGHT_ONE >> 3 }],
    ['a flat list under a top-k', { temperatureQ16: 131_072, topK: 12 }],
    ['several filters', { temperatureQ16: 85_197, topK: 8, topPQ24: 13_421_773, minPQ24: WEIGHT_ONE >> 5 }],
  ])('explains changed draws by a gap of the size of the movement: %s', (_, change) => {
    const settings = { ...SETTINGS, ...change };
    const random = createSeededRandom(83);
    const nats = 0.05;
    const gaps: number[] = [];
    for (let i = 0; i < 3000; i++) {
      const list = { ...randomList(random), tail: 0 };
      const { u, token } = drawMoved(list, settings, nats, random);
      const { matches, gap } = measure(settings, { ...list, u, token, tokenCost: undefined });
      if (!matches) gaps.push(gap);
    }
    expect(gaps.length).toBeGreaterThan(20);
    expect(computeQuantile(gaps, 0.95)).toBeLessThan(5 * nats);
    expect(computeQuantile(gaps, 0.99)).toBeLessThan(8 * nats);
  });
});

describe('measureDraw', () => {
  it('is the movement that changes the draw, or gives the claimed token', () => {
    const random = createSeededRandom(71);
    const weights = createWeights();
    const ratios: number[] = [];
    const gapRatios: number[] = [];
    for (let i = 0; i < 150; i++) {
      const list = { ...randomList(random, 8), tail: 0 };
      const u = Math.floor(random() * WEIGHT_ONE);
      // The layout by id does not depend on the order within the list, so moved costs may stay in place.
      const draw = (costs: Float64Array): number => {
        computeWeights(costs, 8, 0, SETTINGS, weights);
        return list.ids[drawRank(list.ids, weights, u)]!;
      };
      const drawn = draw(list.costs);
      const { margin } = measure(SETTINGS, { ...list, u, token: drawn, tokenCost: undefined });
      if (margin < 0.2) ratios.push(margin / findMovement(list, random, (costs) => draw(costs) !== drawn));
      const token = list.ids[Math.floor(random() * 8)]!;
      const { matches, gap } = measure(SETTINGS, { ...list, u, token, tokenCost: undefined });
      expect(matches).toBe(token === drawn);
      expect(gap === 0).toBe(matches);
      if (!matches && gap < 0.5) gapRatios.push(gap / findMovement(list, random, (costs) => draw(costs) === token));
    }
    // One in 40 tries is about two standard deviations.
    expect(ratios.length).toBeGreaterThan(15);
    expect(computeQuantile(ratios, 0.1)).toBeGreaterThan(1);
    expect(computeQuantile(ratios, 0.5)).toBeLessThan(4);
    expect(computeQuantile(ratios, 0.9)).toBeLessThan(10);
    expect(gapRatios.length).toBeGreaterThan(10);
    expect(computeQuantile(gapRatios, 0.5)).toBeGreaterThan(0.5);
    expect(computeQuantile(gapRatios, 0.5)).toBeLessThan(6);
  });

  it('measures the same drift equally at borders of large and of small masses', () => {
    const near = (mass: number): number => {
      const rest = (1 - mass) / 2;
      const costs = Float64Array.from([rest, rest, mass], (p) => Math.round(-Math.log(p) * 65536)).sort();
      const u = Math.round((1 - mass * 1.01) * WEIGHT_ONE);
      const ids = mass < 1 / 3 ? Uint32Array.of(1, 2, 3) : Uint32Array.of(3, 1, 2);
      return measure(SETTINGS, { ids, costs, tail: 0, u, token: 2, tokenCost: undefined }).margin;
    };
    // One per cent of the mass at the border, for any mass, is about one per cent of a nat.
    for (const mass of [0.001, 0.01, 0.1, 0.3]) {
      expect(near(mass)).toBeGreaterThan(0.005);
      expect(near(mass)).toBeLessThan(0.02);
    }
  });

  it('treats an unlisted token as the tail, and the end of a list as no border', () => {
    const ids = Uint32Array.of(5, 3);
    const list = { ids, costs: Float64Array.of(0, 0), tail: WEIGHT_ONE / 2 };
    expect(measure(SETTINGS, { ...list, u: WEIGHT_ONE - 1, token: 999, tokenCost: 9 }).matches).toBe(true);
    // The position lies between 3, the first quarter, and the tail, the second half.
    const far = measure(SETTINGS, { ...list, u: WEIGHT_ONE / 8, token: 999, tokenCost: 500_000 });
    expect(far).toMatchObject({ matches: false });
    expect(far.gap).toBeGreaterThan(0.3);
    // An unlisted token as likely as the last listed one may have been in its place: 9 out, 4 in, between 3 and 5.
    const edge = { ids: Uint32Array.of(5, 3, 9), costs: Float64Array.of(0, 0, 222_000), tail: WEIGHT_ONE / 2 };
    const swapped = { ...edge, u: WEIGHT_ONE / 4, token: 4 };
    expect(measure(SETTINGS, { ...swapped, tokenCost: 222_100 }).gap).toBeLessThan(0.01);
    expect(measure(SETTINGS, { ...swapped, tokenCost: 400_000 }).gap).toBeGreaterThan(0.3);
    // The last listed one may also have been drawn as a part of the tail.
    expect(measure(SETTINGS, { ...edge, u: WEIGHT_ONE * 0.9, token: 9, tokenCost: undefined }).gap).toBeLessThan(0.01);
    expect(measure(SETTINGS, { ...edge, u: WEIGHT_ONE * 0.9, token: 5, tokenCost: undefined }).gap).toBeGreaterThan(
      0.3,
    );
  });

  it('considers that a filter at its edge may keep one candidate more or less', () => {
    const ids = Uint32Array.of(1, 2, 3);
    const costs = Float64Array.of(0, Math.round(Math.log(2) * 65536), Math.round(Math.log(4) * 65536));
    const list = { ids, costs, tail: 0, tokenCost: undefined };
    // Masses 4/7, 2/7, 1/7: just under 6/7 keeps two, just over it three. Only the third reaches u.
    const u = WEIGHT_ONE - 1;
    const just = Math.round((6 / 7) * WEIGHT_ONE) - 200;
    const near = measure({ ...SETTINGS, topPQ24: just }, { ...list, u, token: 3 });
    expect(near.matches).toBe(false);
    expect(near.gap).toBeLessThan(1e-3);
    expect(near.margin).toBeLessThan(1e-3);
    const far = measure({ ...SETTINGS, topPQ24: just - 2 ** 20 }, { ...list, u, token: 3 });
    expect(far.gap).toBeGreaterThan(0.2);
    const kept = measure({ ...SETTINGS, topPQ24: just + 500 }, { ...list, u, token: 2 });
    expect(kept.gap).toBeLessThan(1e-3);
    const minP = { ...SETTINGS, minPQ24: WEIGHT_ONE / 4 + 200 };
    expect(measure(minP, { ...list, u, token: 3 }).gap).toBeLessThan(1e-3);
    expect(measure({ ...minP, minPQ24: WEIGHT_ONE / 2 - 200 }, { ...list, u, token: 2 }).margin).toBeLessThan(1e-3);
  });

  it('does not depend on earlier measurements', () => {
    const random = createSeededRandom(5);
    const long = { ids: Uint32Array.from({ length: 64 }, (_, i) => i), tail: 0, u: 0, token: 0, tokenCost: undefined };
    const [even, steep] = [new Float64Array(64), Float64Array.from({ length: 64 }, (_, i) => i * 2 ** 20)];
    for (let i = 0; i < 400; i++) {
      const list = randomList(random);
      const settings = {
        ...SETTINGS,
        topK: i % 4 === 0 ? 12 : 0,
        topPQ24: Math.floor((0.5 + random() / 2) * WEIGHT_ONE),
        minPQ24: i % 3 === 0 ? 2 ** 20 : 0,
      };
      const token = list.ids[Math.floor(random() * 20)]!;
      const position = { ...list, u: Math.floor(random() * WEIGHT_ONE), token, tokenCost: undefined };
      measure(SETTINGS, { ...long, costs: even });
      const after = measure(settings, position);
      measure(SETTINGS, { ...long, costs: steep });
      expect(measure(settings, position)).toEqual(after);
    }
  });

  it('keeps the tail if top-p reaches it, never past a count', () => {
    // Masses 3/8, 3/8, 1/8 and a tail of 1/8. Just under 7/8 cuts the tail, which contains u if it is kept.
    const ids = Uint32Array.of(1, 2, 3);
    const third = Math.round(Math.log(3) * 65536);
    const list = {
      ids,
      costs: Float64Array.of(0, 0, third),
      tail: 2 ** 21,
      u: WEIGHT_ONE - 1,
      token: 9,
      tokenCost: 2 ** 20,
    };
    const topPQ24 = Math.round((7 / 8) * WEIGHT_ONE) - 200;
    expect(measure({ ...SETTINGS, topPQ24 }, list)).toMatchObject({ matches: false });
    expect(measure({ ...SETTINGS, topPQ24 }, list).gap).toBeLessThan(1e-3);
    expect(measure({ ...SETTINGS, topPQ24, topK: 4 }, list).gap).toBeLessThan(1e-3);
    expect(measure({ ...SETTINGS, topPQ24, topK: 3 }, list).gap).toBeGreaterThan(0.3);
    // The tail stays only together with the last listed candidate.
    expect(measure({ ...SETTINGS, topPQ24, minPQ24: WEIGHT_ONE / 2 }, list).gap).toBeGreaterThan(0.3);
    expect(measure({ ...SETTINGS, topPQ24, minPQ24: WEIGHT_ONE / 3 - 200 }, list).gap).toBeLessThan(1e-3);
  });

  it('measures a greedy draw by the lead of the first over the claimed', () => {
    const settings = { ...SETTINGS, temperatureQ16: 0 };
    const list = { ids: Uint32Array.of(5, 3, 9), costs: Float64Array.of(0, 0, 65536), tail: 0, u: 0, tokenCost: 70000 };
    expect(measure(settings, { ...list, token: 5 })).toEqual({ matches: true, margin: 0, gap: 0 });
    expect(measure(settings, { ...list, token: 3 })).toMatchObject({ matches: false, gap: 0 });
    const far = measure(settings, { ...list, token: 9 });
    expect(far.gap).toBeCloseTo(Math.SQRT1_2, 12);
    expect(measure(settings, { ...list, token: 77 }).gap).toBe(far.gap);
  });

  it('has an infinite margin if nothing else can be drawn', () => {
    const list = { ids: Uint32Array.of(5), costs: Float64Array.of(0), tail: 0, tokenCost: undefined };
    expect(measure(SETTINGS, { ...list, u: 7, token: 5 })).toEqual({ matches: true, margin: Infinity, gap: 0 });
  });
});

describe('draw counts', () => {
  it('are binned by powers of two', () => {
    const units = [0, 0.9, 1, 2, 3, 4, 2 ** 22, 2 ** 23, 2 ** 24, Infinity];
    expect(units.map((unit) => binMargin(unit * 2 ** -20))).toEqual([0, 0, 1, 2, 2, 3, 23, 24, 24, 24]);
    expect(MARGIN_BINS).toBe(25);
  });

  it('count matches by margin and mismatches by both', () => {
    const counts = createDrawCounts();
    addDrawMargin(counts, { matches: true, margin: 2 ** -18, gap: 0 });
    addDrawMargin(counts, { matches: false, margin: 2 ** -20, gap: 9 * 2 ** -20 });
    expect([counts.matches[3], counts.mismatches[1], counts.gaps[4]]).toEqual([1, 1, 1]);
    const total = [counts.matches, counts.mismatches, counts.gaps].map((row) => row.reduce((a, b) => a + b));
    expect(total).toEqual([1, 1, 1]);
  });
});
