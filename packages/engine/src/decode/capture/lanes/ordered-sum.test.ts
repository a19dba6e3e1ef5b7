import { describe, expect, it } from 'vitest';
import { openPlainKernel, openWasmKernel } from './lane-kernel.ts';
import { findFloor } from './ordered-sum.ts';

describe('a sum in ascending order', () => {
  // All terms are tiny, so that the last one that counts changes the sum.
  it.each([
    ['with a floor', [1, 1.25], true],
    ['with a floor, at scales far from 1', [0.02, 0.03], true],
    ['at one scale', [7], true],
    ['at scales that are too far apart for a floor', [1, 3], false],
  ] as const)('counts values up to forty nats below the reference, %s', (_, scales, hasFloor) => {
    const reference = 10;
    const row = scales.flatMap((scale) =>
      [39, 39.999, 40, 40.001, 41, 43, 90].map((nats) => Math.fround(reference - nats / scale)),
    );
    const wasm = openWasmKernel(row.length);
    const plain = openPlainKernel(row.length);
    if (wasm === undefined) throw new Error('this machine has no vector instructions');
    for (const { values } of [wasm, plain]) values.set(row);
    const sums = plain.sumInOrder(reference, scales);
    expect(Math.min(...sums)).toBeGreaterThan(0);
    expect(wasm.sumInOrder(reference, scales)).toEqual(sums);
    expect(findFloor(reference, scales) !== undefined).toBe(hasFloor);
  });

  it('has no floor where f32 values lie too far apart', () => {
    expect(findFloor(2 ** 32, [1])).toBeUndefined();
    expect(findFloor(3e38, [1, 1.25])).toBeUndefined();
    expect(findFloor(Number.NaN, [1])).toBeUndefined();
  });
});
