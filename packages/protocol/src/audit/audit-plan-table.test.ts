import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PPM } from '../exchange/reputation.ts';
import { computeDeterrence, computeSaving, type Deterrence, type DeterrenceTerms } from './audit-plan-table.ts';

const terms: DeterrenceTerms = {
  coveragePpm: 250_000,
  savingPpm: 300_000,
  feeAtomic: 1_000_000n,
  franchiseAtomic: 0n,
  rate: 0.001,
};
const q4 = { name: 'q4', replies: 400, caught: [400, 390, 300, 0] };

type Measured = Extract<Deterrence, { kind: 'measured' }>;
const measure = (change: Partial<DeterrenceTerms> = {}): Measured => {
  const [only] = computeDeterrence({ power: [q4] }, { ...terms, ...change });
  if (only?.kind !== 'measured') throw new Error('not measured');
  return only;
};

describe('the deterrence of a row', () => {
  it('is Proposition 1 at the break-even, for any terms', () => {
    fc.assert(
      fc.property(
        fc.record({
          coveragePpm: fc.integer({ min: 0, max: PPM }),
          savingPpm: fc.integer({ min: 1, max: PPM }),
          feeAtomic: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
          franchiseAtomic: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
          rate: fc.constantFrom(0.05, 0.01, 0.001, 0.0001),
        }),
        (each) => {
          const { soundnessPpm, falsePositivePpm, leastCoveragePpm, isDeterred } = measure(each);
          // alpha (s - eps) (fee + franchise) >= saving, all in ppm.
          const margin = BigInt(soundnessPpm - falsePositivePpm);
          const holds = (alpha: number): boolean =>
            BigInt(alpha) * margin * (each.feeAtomic + each.franchiseAtomic) >= computeSaving(each) * BigInt(PPM) ** 2n;
          expect(isDeterred).toBe(holds(each.coveragePpm));
          expect(leastCoveragePpm === undefined).toBe(!holds(PPM));
          if (leastCoveragePpm === undefined) return;
          expect(measure({ ...each, coveragePpm: leastCoveragePpm }).isDeterred).toBe(true);
          expect(measure({ ...each, coveragePpm: leastCoveragePpm - 1 }).isDeterred).toBe(false);
        },
      ),
      { seed: 53 },
    );
  });

  it('moves with every term', () => {
    const { leastCoveragePpm, deterredSavingAtomic, soundnessPpm } = measure();
    expect(leastCoveragePpm).toBe(Math.ceil((300_000 / (soundnessPpm - 1000)) * PPM));
    expect(deterredSavingAtomic).toBe(BigInt(Math.floor((soundnessPpm - 1000) / 4)));
    expect(measure({ coveragePpm: 500_000 }).deterredSavingAtomic).toBeGreaterThan(deterredSavingAtomic);
    expect(measure({ savingPpm: 100_000 }).leastCoveragePpm).toBeLessThan(leastCoveragePpm as number);
    expect(measure({ franchiseAtomic: 1_000_000n }).leastCoveragePpm).toBeLessThan(leastCoveragePpm as number);
    expect(measure({ feeAtomic: 10n }).deterredSavingAtomic).toBe(1n);
    expect(measure({ rate: 0.01 })).toMatchObject({ caught: 390, falsePositivePpm: 10_000 });
    expect(measure({ rate: 0.0001 })).toMatchObject({ leastCoveragePpm: undefined, deterredSavingAtomic: 0n });
  });

  it('names an alternative without measurement, and never guesses its values', () => {
    const unseen = { name: 'unseen', replies: 0, caught: [0, 0, 0, 0] };
    expect(computeDeterrence({ power: [unseen, q4] }, terms)).toMatchObject([
      { kind: 'unmeasured', name: 'unseen' },
      { kind: 'measured', name: 'q4' },
    ]);
    expect(computeDeterrence({ power: [] }, terms)).toEqual([]);
  });

  it('never rounds a saving down', () => {
    expect(computeSaving({ feeAtomic: 1n, savingPpm: 1 })).toBe(1n);
    expect(computeSaving({ feeAtomic: 3n, savingPpm: 500_000 })).toBe(2n);
    expect(computeSaving({ feeAtomic: 3n, savingPpm: 0 })).toBe(0n);
  });

  it('refuses invalid terms', () => {
    for (const bad of [{ rate: 0.002 }, { coveragePpm: PPM + 1 }, { savingPpm: -1 }, { franchiseAtomic: -1n }]) {
      expect(() => measure(bad)).toThrow(RangeError);
    }
  });
});
