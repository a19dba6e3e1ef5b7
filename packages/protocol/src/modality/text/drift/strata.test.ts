import { describe, expect, it } from 'vitest';
import { advancePayeeTest, INITIAL_PAYEE_TEST } from '../../../audit/payee-test.ts';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import { calibrateRank } from '../../../statistics/e-value.ts';
import { computeRank, computeRankPValue, MIN_HELD_OUT_REPLIES } from '../../../statistics/rank-calibration.ts';
import {
  buildStrata,
  chooseStratumLimits,
  countHeldOut,
  findStratum,
  MAX_STRATA,
  MIN_STRATUM_REPLIES,
  type Stratum,
  type StratumPoint,
} from './strata.ts';

const SEED = 20261121;

/** Honest statistics of one centre and width. Their tail is heavy for unlikely text. */
function sample(count: number, seed: number): StratumPoint[] {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => {
    const isHot = random() < 0.1;
    const tail = -Math.log(1 - random());
    return { surprise: isHot ? 4 + 4 * random() : 1 + 2 * random(), statistic: isHot ? tail ** 2 / 2 : tail };
  });
}
const surprisesOf = (points: readonly StratumPoint[]): number[] => points.map(({ surprise }) => surprise);
const build = (points: readonly StratumPoint[]): Stratum[] =>
  buildStrata(chooseStratumLimits(surprisesOf(sample(2000, SEED + 7)), surprisesOf(points)), points);

describe('strata of honest statistics', () => {
  const heldOut = sample(4000, SEED);
  const strata = build(heldOut);
  const one = buildStrata([8], heldOut);
  const hot = sample(100_000, SEED + 1).filter(({ surprise }) => surprise >= 4);
  const pValueIn = (given: readonly Stratum[]) => (point: StratumPoint) =>
    computeRankPValue(findStratum(given, point.surprise).calibration, point.statistic);
  const rejects = (given: readonly Stratum[]): number =>
    hot.filter((point) => pValueIn(given)(point) <= 0.01).length / hot.length;

  it(`keep the rate of false rejects for unlikely text alone, unlike one calibration, seed ${SEED}`, () => {
    expect(strata.length).toBeGreaterThan(1);
    expect(rejects(one)).toBeGreaterThan(0.025);
    expect(rejects(strata)).toBeLessThan(0.02);
  });

  it('do not eject a provider that receives only such requests', () => {
    const random = createSeededRandom(SEED + 2);
    const ejected = (given: readonly Stratum[]): number => {
      const eValues = hot.map(({ surprise, statistic }) => {
        const { calibration } = findStratum(given, surprise);
        return calibrateRank(computeRank(calibration, statistic), calibration.replies);
      });
      let count = 0;
      for (let life = 0; life < 2000; life++) {
        let state = INITIAL_PAYEE_TEST;
        for (let i = 0; i < 300 && !state.ejected; i++) {
          const eValue = eValues[Math.floor(random() * eValues.length)] as number;
          state = advancePayeeTest(state, { eValue, isReject: false }, 0.01);
        }
        if (state.ejected) count++;
      }
      return count / 2000;
    };
    expect(ejected(one)).toBeGreaterThan(0.01);
    expect(ejected(strata)).toBeLessThan(0.01);
  });

  it('keep most replies together, so that p-values are about as small as before', () => {
    const [first] = strata as [Stratum];
    expect(first.calibration.replies).toBeGreaterThan(0.8 * heldOut.length);
    expect(countHeldOut(strata)).toBe(heldOut.length);
  });
});

describe('limits of strata', () => {
  it('ascend up to the largest surprise, with enough replies in each stratum', () => {
    for (const count of [100, 1000, 1599, 5000, 30_000, 200_000]) {
      const points = sample(count, SEED + count);
      const limits = chooseStratumLimits(surprisesOf(points.slice(0, 500)), surprisesOf(points));
      expect(limits.length).toBeLessThanOrEqual(MAX_STRATA);
      expect(limits.at(-1)).toBe(points.reduce((most, { surprise }) => Math.max(most, surprise), 0));
      limits.forEach((limit, i) => {
        if (i > 0) expect(limit).toBeGreaterThan(limits[i - 1]!);
      });
      if (limits.length === 1) continue;
      for (const { calibration } of buildStrata(limits, points)) {
        expect(calibration.replies).toBeGreaterThanOrEqual(MIN_STRATUM_REPLIES);
      }
    }
  });

  it('are a single one for few replies, or if all text is equally unlikely', () => {
    expect(chooseStratumLimits([1, 2, 3], surprisesOf(sample(300, SEED)))).toHaveLength(1);
    expect(chooseStratumLimits(Array(900).fill(2), Array(5000).fill(2))).toEqual([2]);
  });
});

it('a stratum with equal largest values has no tail, and still ranks', () => {
  const fitted = sample(700, SEED);
  const [scattered] = buildStrata([8], fitted) as [Stratum];
  expect(scattered.tail).toBeDefined();
  for (const different of [0, 1]) {
    const points = fitted.map(({ surprise }, i) => ({ surprise, statistic: i < different ? 3 : -1e6 }));
    const [stratum] = buildStrata([8], points) as [Stratum];
    expect(stratum.tail).toBeUndefined();
    expect(computeRankPValue(stratum.calibration, 4)).toBe(1 / 701);
    expect(computeRankPValue(stratum.calibration, -1e6)).toBe(1);
  }
  const two = fitted.map(({ surprise }, i) => ({ surprise, statistic: i < 2 ? 3 + i : -1e6 }));
  expect(buildStrata([8], two)[0]!.tail).toBeDefined();
});

it('a stratum of too few replies is refused, and text beyond all uses the last one', () => {
  const points = sample(2 * MIN_HELD_OUT_REPLIES, SEED);
  expect(() => buildStrata([3.5, 8], points)).toThrow(/more are needed/);
  const [near, far] = buildStrata([2, 8], sample(4 * MIN_HELD_OUT_REPLIES, SEED)) as [Stratum, Stratum];
  expect([0, 2, 2.1, 8, 9].map((surprise) => findStratum([near, far], surprise))).toEqual([near, near, far, far, far]);
});
