import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import { openPlainKernel, openWasmKernel } from './lanes/lane-kernel.ts';
import { createAscendingSums } from './vocabulary-sums.ts';

/** By sorting all of them. */
function sortOut(row: readonly number[], most: number): [number, number][] {
  return row
    .map((value, id): [number, number] => [id, Math.fround(value)])
    .filter(([, value]) => value > Number.NEGATIVE_INFINITY)
    .sort(([a, x], [b, y]) => y - x || a - b)
    .slice(0, most);
}

describe('the best tokens of a row', () => {
  it.each([1, 2, 3, 4, 5, 7, 64, 65, 66, 67, 1000, 1001])('are those of a sort, of %i tokens', (size) => {
    const random = createSeededRandom(size);
    for (const kinds of [3, 50, 1e9]) {
      const row = Array.from({ length: size }, () =>
        random() < 0.1 ? Number.NEGATIVE_INFINITY : Math.floor(random() * kinds) / 7,
      );
      const logits = Float32Array.from([9999, ...row, 9999]);
      for (const kernel of [openWasmKernel(size), openPlainKernel(size)]) {
        const { best, read } = createAscendingSums(size, kernel);
        const count = read({ logits, offset: 1 }, 1);
        const found = Array.from({ length: count }, (_, i) => [best.ids[i], best.values[i]]);
        expect(found).toEqual(sortOut(row, 64));
      }
    }
  });

  it('are found anew in every row, and no logit that is not a number is one', () => {
    const { best, read } = createAscendingSums(3);
    expect(read({ logits: Float32Array.of(5, 6, 7), offset: 0 }, 1)).toBe(3);
    expect(read({ logits: Float32Array.of(Number.NaN, 1, Number.NaN), offset: 0 }, 1)).toBe(1);
    expect([best.ids[0], best.values[0]]).toEqual([1, 1]);
  });
});
