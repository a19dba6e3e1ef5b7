import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shareBudget } from './share-budget.ts';

it('shares a fee by sizes, with the least fee for a small file', () => {
  expect(shareBudget([600, 1, 300], { feePerEpoch: 1_000n, leastFee: 100n })).toEqual([600n, 100n, 300n]);
  expect(shareBudget([1, 1], { feePerEpoch: 199n, leastFee: 100n })).toBeUndefined();
});

it('gives away the whole fee, no file less than the least fee, and a larger file no less than a smaller one', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 2 ** 40 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(sizes, fc.bigInt(1n, 10n ** 18n), fc.bigInt(0n, 10n ** 24n), (files, leastFee, more) => {
      const feePerEpoch = leastFee * BigInt(files.length) + more;
      const fees = shareBudget(files, { feePerEpoch, leastFee }) ?? [];
      expect(fees.reduce((sum, fee) => sum + fee, 0n)).toBe(feePerEpoch);
      const bySize = files.map((size, i) => ({ size, fee: fees[i] as bigint })).sort((a, b) => a.size - b.size);
      for (const [i, { size, fee }] of bySize.entries()) {
        expect(fee >= leastFee).toBe(true);
        const before = bySize[i - 1];
        if (before !== undefined && before.size < size) expect(fee >= before.fee).toBe(true);
      }
    }),
  );
});
