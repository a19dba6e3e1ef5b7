import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/cosigned.json' with { type: 'json' };
import { splitJudged, takeFromPot } from './cosigned-pot.ts';

describe('the pot of co-signers', () => {
  it('is half of the validator share, rounded down', () => {
    expect([0n, 1n, 2n, 1_001n].map((amount) => splitJudged(amount))).toEqual([
      { handler: 0n, others: 0n },
      { handler: 1n, others: 0n },
      { handler: 1n, others: 1n },
      { handler: 501n, others: 500n },
    ]);
  });

  it('matches the vectors', () => {
    for (const { batches, pot, parts, votes } of vectors) {
      for (const { judged, handler, others } of batches) {
        expect(splitJudged(BigInt(judged))).toEqual({ handler: BigInt(handler), others: BigInt(others) });
      }
      // A batch that filled no pot has no signers with a claim.
      const own = votes.map((vote, member) =>
        batches.reduce(
          (sum, { others, signers }) => (others !== '0' && signers.includes(member) ? sum + BigInt(vote) : sum),
          0n,
        ),
      );
      let left = { amount: BigInt(pot.amount), weight: BigInt(pot.weight) };
      for (const { member, part } of parts) {
        const taken = takeFromPot(left, own[member] as bigint);
        expect(taken.part).toBe(BigInt(part));
        left = taken.left;
      }
      expect(left).toEqual({ amount: 0n, weight: 0n });
    }
  });

  it('is the same for a bond in one member and for one that is split over several', () => {
    const weights = (own: readonly bigint[]) => {
      let pot = { amount: 1_000_000n, weight: 900n };
      let sum = 0n;
      for (const one of own) {
        const { part, left } = takeFromPot(pot, one);
        sum += part;
        pot = left;
      }
      return sum;
    };
    expect(weights([300n])).toBe(333_333n);
    expect(weights([100n, 100n, 100n])).toBe(333_333n);
  });

  it('is paid out completely, and each part is exact to one unit per claim', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), fc.array(fc.nat(65_535), { minLength: 1 }), (amount, counts) => {
        const weight = BigInt(counts.reduce((sum, count) => sum + count, 0));
        let pot = { amount, weight };
        for (const count of counts) {
          const { part, left } = takeFromPot(pot, BigInt(count));
          if (count > 0) {
            const fair = (amount * BigInt(count)) / weight;
            const away = part > fair ? part - fair : fair - part;
            expect(away <= BigInt(counts.length)).toBe(true);
          } else expect(part).toBe(0n);
          pot = left;
        }
        expect(pot).toEqual({ amount: weight === 0n ? amount : 0n, weight: 0n });
      }),
      { seed: 120 },
    );
  });
});
