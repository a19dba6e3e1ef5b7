import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  MAX_LATENCY_MS,
  MAX_MILLI_TOKENS_PER_SECOND,
  SORTS,
  type Sort,
  type WeighedFigures,
  weighCandidates,
} from './preference.ts';

const candidate = (id: number, change: Partial<WeighedFigures> = {}): WeighedFigures => ({
  ...{ payee: new Uint8Array(20).fill(id), pricePer1kAtomic: 100n, stakeTokens: 0n, reputationPpm: 500_000 },
  ...{ latencyMs: 0, milliTokensPerSecond: 0 },
  ...change,
});
const MOST = 256n ** 4n;
const LEAST = 64n ** 4n;
/** Computes the factors of the preference for candidates with the same stake and reputation. */
const rates = (sort: Sort, ...changes: readonly Partial<WeighedFigures>[]): bigint[] =>
  weighCandidates(
    changes.map((change, i) => candidate(i, change)),
    sort,
  ).map((weight) => weight / 500_000n);

it('price, latency and throughput count to the fourth power of their share of the best', () => {
  expect(rates('price', { pricePer1kAtomic: 99n }, { pricePer1kAtomic: 199n })).toEqual([MOST, 128n ** 4n]);
  expect(rates('latency', { latencyMs: 300 }, { latencyMs: 100 })).toEqual([85n ** 4n, MOST]);
  expect(rates('throughput', { milliTokensPerSecond: 50 }, { milliTokensPerSecond: 100 })).toEqual([128n ** 4n, MOST]);
  const [half, full] = weighCandidates([candidate(1, { reputationPpm: 250_000 }), candidate(2)], 'quality');
  expect([half, full]).toEqual([128n ** 4n * 250_000n, MOST * 500_000n]);
});

it('without a preference the figures do not count', () => {
  expect(rates('none', { latencyMs: 1, pricePer1kAtomic: 0n }, { milliTokensPerSecond: 9 })).toEqual([1n, 1n]);
});

it('balanced is the product of all four', () => {
  const slow = { latencyMs: 200, pricePer1kAtomic: 99n, milliTokensPerSecond: 100 };
  const dear = { latencyMs: 100, pricePer1kAtomic: 199n, milliTokensPerSecond: 50 };
  expect(rates('balanced', slow, dear)).toEqual([256n * 128n * 256n * 256n, 128n * 256n * 128n * 256n]);
});

it('a provider without measurements counts as the slowest, and waits below 20 ms are equal', () => {
  expect(rates('latency', { latencyMs: 0 }, { latencyMs: 5_000 }, { latencyMs: 100 })).toEqual([LEAST, LEAST, MOST]);
  expect(rates('throughput', {}, { milliTokensPerSecond: 1 })).toEqual([LEAST, MOST]);
  expect(rates('latency', { latencyMs: 1 }, { latencyMs: 20 })).toEqual([MOST, MOST]);
  expect(rates('latency', {}, {})).toEqual([LEAST, LEAST]);
});

const figures = fc.record({
  payee: fc.integer({ min: 0, max: 3 }).map((n) => new Uint8Array(20).fill(n)),
  pricePer1kAtomic: fc.oneof(fc.bigInt(0n, 10n), fc.bigInt(0n, 2n ** 128n - 1n)),
  stakeTokens: fc.bigInt(0n, 2n ** 64n - 1n),
  reputationPpm: fc.integer({ min: 1, max: 1_000_000 }),
  latencyMs: fc.integer({ min: 0, max: MAX_LATENCY_MS }),
  milliTokensPerSecond: fc.integer({ min: 0, max: MAX_MILLI_TOKENS_PER_SECOND }),
});
const anySort = fc.constantFrom(...SORTS);

it('figures change the ratio of two weights by at most a factor of 256', () => {
  fc.assert(
    fc.property(fc.array(figures, { minLength: 2, maxLength: 8 }), anySort, (list, sort) => {
      const plain = weighCandidates(list, 'none');
      const weights = weighCandidates(list, sort);
      weights.forEach((weight, i) => {
        const rate = weight / (plain[i] as bigint);
        expect(weight).toBe(rate * (plain[i] as bigint));
        if (sort !== 'none') expect(rate >= LEAST && rate <= MOST).toBe(true);
      });
      expect(weights.reduce((sum, weight) => sum + weight, 0n) < 2n ** 128n).toBe(true);
    }),
    { seed: 75 },
  );
});

it('a better figure never counts for less', () => {
  fc.assert(
    fc.property(fc.array(figures, { minLength: 2, maxLength: 6 }), anySort, (list, sort) => {
      const [first, ...rest] = list as [WeighedFigures, ...WeighedFigures[]];
      const shareOf = (one: WeighedFigures): readonly [own: bigint, all: bigint] => {
        const weights = weighCandidates([one, ...rest], sort);
        return [weights[0] as bigint, weights.reduce((sum, weight) => sum + weight, 0n)];
      };
      const [own, all] = shareOf(first);
      for (const better of [
        { pricePer1kAtomic: first.pricePer1kAtomic / 2n },
        { latencyMs: Math.ceil(first.latencyMs / 2) },
        { milliTokensPerSecond: Math.min(MAX_MILLI_TOKENS_PER_SECOND, first.milliTokensPerSecond * 2) },
      ]) {
        const [betterOwn, betterAll] = shareOf({ ...first, ...better });
        expect(betterOwn * all >= own * betterAll).toBe(true);
      }
    }),
    { seed: 76 },
  );
});

it('the longest possible list has a sum within the range of the draw', () => {
  const most = candidate(0, { stakeTokens: 2n ** 64n - 1n, reputationPpm: 1_000_000 });
  expect((weighCandidates([most], 'price')[0] as bigint) * 4096n <= 2n ** 128n).toBe(true);
});
