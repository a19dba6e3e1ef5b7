import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import { fitLinear } from './sketch-trained.ts';

const SIZE = 4;
const random = createSeededRandom(11);
const vector = (): Float64Array => Float64Array.from({ length: SIZE }, () => random() - 0.5);
const apply = (map: Float64Array, x: Float64Array): Float64Array =>
  x.map((_, i) => x.reduce((sum, value, j) => sum + (map[i * SIZE + j] as number) * value, 0));

describe('the map from one sketch to another', () => {
  it('finds a linear map', () => {
    const map = Float64Array.from({ length: SIZE * SIZE }, (_, i) => (i % (SIZE + 1) === 0 ? 1.1 : 0.1 * random()));
    const x = Array.from({ length: 200 }, vector);
    const fitted = fitLinear(
      x,
      x.map((from) => apply(map, from)),
    );
    fitted.forEach((value, i) => {
      expect(value).toBeCloseTo(map[i] as number, 2);
    });
  });

  it('is the identity if the sketches are equal', () => {
    const x = Array.from({ length: 200 }, vector);
    fitLinear(x, x).forEach((value, i) => {
      expect(value).toBeCloseTo(i % (SIZE + 1) === 0 ? 1 : 0, 9);
    });
  });
});
