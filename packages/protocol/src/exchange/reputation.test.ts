import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/reputation.json' with { type: 'json' };
import { computeReputationPpm, PPM, type ProviderHistory } from './reputation.ts';

const EMPTY_HISTORY: ProviderHistory = {
  ...{ heldAtomic: 0n, paidAtomic: 0n, paidSquares: 0n, failures: 0, ejected: false },
};

const UNIT = 1_000n;
const rate = (history: Partial<ProviderHistory>): number =>
  computeReputationPpm({ ...EMPTY_HISTORY, ...history }, UNIT);
/** Creates a number of replies with one fee. */
const paid = (count: bigint, fee: bigint) => ({ paidAtomic: count * fee, paidSquares: count * fee * fee });

describe('reputation', () => {
  it('starts at one half, and grows with the held earnings of the key', () => {
    expect(rate({})).toBe(PPM / 2);
    expect(rate({ heldAtomic: 98n * UNIT })).toBe(990_000);
    expect(rate({ heldAtomic: 10n ** 30n })).toBe(999_999);
    // Without an entrance, a usual fee is the unit.
    expect(computeReputationPpm({ ...EMPTY_HISTORY, heldAtomic: 98n * 10n ** 15n }, 0n)).toBe(990_000);
  });

  it('does not grow with many small replies', () => {
    const failed = { failures: 10, ...paid(20n, 10n * UNIT) };
    const before = rate(failed);
    expect(before).toBeLessThan(20_000);
    const dust = paid(100_000n, 1n);
    const washed = {
      failures: 10,
      heldAtomic: dust.paidAtomic,
      paidAtomic: failed.paidAtomic + dust.paidAtomic,
      paidSquares: failed.paidSquares + dust.paidSquares,
    };
    // 100,000 replies of one unit, worth 100 entrances. The held earnings count fully, and the weight of a failure does not
    // fall below one.
    expect(rate({ heldAtomic: dust.paidAtomic })).toBe(990_196);
    expect(rate({ heldAtomic: 20n, ...paid(20n, 1n) })).toBeLessThan(510_000);
    expect(rate(washed)).toBeLessThan(700_000);
    expect(rate({ ...washed, heldAtomic: 20n })).toBeLessThan(before + 100_000);
  });

  it('weighs a failure like the replies by which the key earns', () => {
    const large = { heldAtomic: 1_000n * UNIT, ...paid(10n, 100n * UNIT) };
    expect(rate({ ...large, failures: 10 })).toBeLessThan(510_000);
    expect(rate({ ...large, failures: 10 })).toBeGreaterThan(490_000);
    expect(rate({ heldAtomic: 1_000n * UNIT, ...paid(10_000n, UNIT / 10n), failures: 10 })).toBeGreaterThan(980_000);
  });

  it('never falls with held earnings, and never rises with a failure', () => {
    const amount = fc.bigInt(0n, 10n ** 20n);
    const any = fc.record({
      heldAtomic: amount,
      failures: fc.nat({ max: 10_000 }),
      count: fc.bigInt(0n, 1_000n),
      fee: amount,
    });
    fc.assert(
      fc.property(any, amount, ({ heldAtomic, failures, count, fee }, more) => {
        const history = { heldAtomic, failures, ...paid(count, fee) };
        const now = rate(history);
        expect(rate({ ...history, heldAtomic: heldAtomic + more })).toBeGreaterThanOrEqual(now);
        expect(rate({ ...history, failures: failures + 1 })).toBeLessThanOrEqual(now);
        expect(now).toBeLessThan(PPM);
      }),
      { seed: 31 },
    );
  });

  it('is zero after an ejection, and throws on an invalid history', () => {
    expect(rate({ heldAtomic: 10n ** 20n, ejected: true })).toBe(0);
    for (const wrong of [{ failures: -1 }, { failures: 0.5 }, { heldAtomic: -1n }, { paidSquares: -1n }]) {
      expect(() => rate(wrong)).toThrow(RangeError);
    }
  });

  it('matches the vectors', () => {
    expect(vectors.reputations.length).toBeGreaterThan(3);
    for (const { heldAtomic, paidAtomic, paidSquares, failures, entranceAtomic, ppm } of vectors.reputations) {
      const amounts = {
        heldAtomic: BigInt(heldAtomic),
        paidAtomic: BigInt(paidAtomic),
        paidSquares: BigInt(paidSquares),
      };
      expect(computeReputationPpm({ ...amounts, failures, ejected: false }, BigInt(entranceAtomic))).toBe(ppm);
    }
  });
});
