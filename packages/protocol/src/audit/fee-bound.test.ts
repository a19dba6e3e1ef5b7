import { expect, it } from 'vitest';
import vectors from '../../vectors/audit-rate.json' with { type: 'json' };
import { computeAuditRate, SOUNDNESS_PPM } from './audit-rate.ts';
import { computeFeeBound } from './fee-bound.ts';

/** Of the contract. */
const MAX_GROWTH_PPM = 2_000_000;

it('the bound of a fee matches the vectors', () => {
  expect(vectors.bounds.length).toBeGreaterThan(3);
  for (const { heldAtomic, entranceAtomic, growthPpm, boundAtomic } of vectors.bounds) {
    const bound = computeFeeBound({ entranceAtomic: BigInt(entranceAtomic), growthPpm }, BigInt(heldAtomic));
    expect(bound?.toString() ?? null).toBe(boundAtomic);
  }
});

it('lets no forged reply gain, except below the entrance, which the key does not get', () => {
  const soundness = SOUNDNESS_PPM / 1e6;
  for (const entranceAtomic of [1n, 1_000n, 10n ** 16n]) {
    for (const heldAtomic of [0n, 1n, 999n, 10n ** 15n, 10n ** 18n]) {
      const feeAtomic = computeFeeBound({ entranceAtomic, growthPpm: MAX_GROWTH_PPM }, heldAtomic) as bigint;
      const rate = computeAuditRate({ feeAtomic, heldAtomic, soundnessPpm: SOUNDNESS_PPM, basePpm: 0 }) / 1e6;
      const gain = (1 - rate * soundness) * Number(feeAtomic) - rate * soundness * Number(heldAtomic);
      expect(gain).toBeLessThan(Number(entranceAtomic));
    }
  }
});
