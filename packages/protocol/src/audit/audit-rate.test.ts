import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/audit-rate.json' with { type: 'json' };
import { computeAuditRate } from './audit-rate.ts';

const PPM = 1_000_000n;
const money = fc.bigInt({ min: 0n, max: 1n << 100n });
const stakes = fc.record({
  feeAtomic: money,
  heldAtomic: money,
  soundnessPpm: fc.integer({ min: 1, max: 1_000_000 }),
  basePpm: fc.integer({ min: 0, max: 1_000_000 }),
});

/**
 * Computes the average gain of forging one reply, in units of 10^-12. The forger earns the fee unless it is caught; then it
 * loses its held earnings.
 */
function computeGain(
  ppm: number,
  { feeAtomic, heldAtomic, soundnessPpm }: Parameters<typeof computeAuditRate>[0],
): bigint {
  const caught = BigInt(ppm) * BigInt(soundnessPpm);
  return (PPM * PPM - caught) * feeAtomic - caught * heldAtomic;
}

describe('computeAuditRate', () => {
  it.each(vectors.rates)('$name', ({ feeAtomic, heldAtomic, soundnessPpm, basePpm, ratePpm }) => {
    const given = { feeAtomic: BigInt(feeAtomic), heldAtomic: BigInt(heldAtomic), soundnessPpm, basePpm };
    expect(computeAuditRate(given)).toBe(ratePpm);
  });

  it('lies between the base rate and 1', () => {
    fc.assert(
      fc.property(stakes, (given) => {
        const rate = computeAuditRate(given);
        expect(Number.isInteger(rate) && rate >= given.basePpm && rate <= 1_000_000).toBe(true);
      }),
      { seed: 301 },
    );
  });

  it('leaves a forger no gain below full coverage, and is not a millionth too high', () => {
    fc.assert(
      fc.property(stakes, (given) => {
        const rate = computeAuditRate(given);
        if (rate < 1_000_000) expect(computeGain(rate, given)).toBeLessThanOrEqual(0n);
        if (rate > given.basePpm) expect(computeGain(rate - 1, given)).toBeGreaterThan(0n);
      }),
      { seed: 302, numRuns: 500 },
    );
  });

  it('falls with the held earnings and rises with the fee', () => {
    fc.assert(
      fc.property(stakes, money, (given, more) => {
        const rate = computeAuditRate(given);
        expect(computeAuditRate({ ...given, heldAtomic: given.heldAtomic + more })).toBeLessThanOrEqual(rate);
        expect(computeAuditRate({ ...given, feeAtomic: given.feeAtomic + more })).toBeGreaterThanOrEqual(rate);
      }),
      { seed: 303 },
    );
  });

  it.each([
    { soundnessPpm: 0 },
    { soundnessPpm: 1_000_001 },
    { basePpm: -1 },
    { basePpm: 0.5 },
    { heldAtomic: -1n },
    { feeAtomic: -1n },
  ])('refuses %o', (wrong) => {
    const given = { feeAtomic: 1n, heldAtomic: 1n, soundnessPpm: 1, basePpm: 0 };
    expect(() => computeAuditRate({ ...given, ...wrong })).toThrow(RangeError);
  });
});
