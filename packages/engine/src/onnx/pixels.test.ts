import { expect, it } from 'vitest';
import { toPixels } from './pixels.ts';

it('planes of a decoder become pixels, bounded and rounded to the even integer', () => {
  const [red, green, blue] = [
    [-1, 1, -9],
    [9, 0, 0.5],
    [-0.5, 0, 1],
  ] as const;
  // 0 stands for 127.5.
  expect([...toPixels(Float32Array.from([...red, ...green, ...blue]))]).toEqual([
    0, 255, 64, 255, 128, 128, 0, 191, 255,
  ]);
});
