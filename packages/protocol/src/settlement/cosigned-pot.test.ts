import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeCosignedPart, takeFromPot } from './cosigned-pot.ts';

describe('what co-signers share', () => {
  it('is half of what the validators have, rounded down, and nothing without a roster', () => {
    expect([0n, 1n, 2n, 1_001n].map((amount) => computeCosignedPart(amount, true))).toEqual([0n, 0n, 1n, 500n]);
    expect(computeCosignedPart(1_001n, false)).toBe(0n);
  });

  it('goes to the unit: nothing is left, and each has its part but for a unit a claim', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), fc.array(fc.nat(65_535), { minLength: 1 }), (amount, counts) => {
        const signatures = BigInt(counts.reduce((sum, count) => sum + count, 0));
        let pot = { amount, signatures };
        for (const count of counts) {
          const { part, left } = takeFromPot(pot, BigInt(count));
          if (count > 0) {
            const fair = (amount * BigInt(count)) / signatures;
            const away = part > fair ? part - fair : fair - part;
            expect(away <= BigInt(counts.length)).toBe(true);
          } else expect(part).toBe(0n);
          pot = left;
        }
        expect(pot).toEqual({ amount: signatures === 0n ? amount : 0n, signatures: 0n });
      }),
      { seed: 120 },
    );
  });
});
