import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LaneKernel, openPlainKernel, openWasmKernel } from './lane-kernel.ts';
import { GROUP } from './lane-sums.ts';

const seed = Number(process.env.OGONG_SEED ?? 1);
const bitsOf = (sums: readonly number[]): string[] =>
  Array.from(new BigUint64Array(Float64Array.from(sums).buffer), (bits) => bits.toString(16));

function openBoth(row: readonly number[]) {
  const wasm = openWasmKernel(row.length);
  if (wasm === undefined) throw new Error('this machine has no vector instructions');
  const kernels = [wasm, openPlainKernel(row.length)] as const;
  for (const { values } of kernels) values.set(row);
  return kernels;
}

/** The ids that a search finds from an id on to the end of the row. */
function listAbove({ found, findAbove }: LaneKernel, from: number, threshold: number): number[] {
  const ids: number[] = [];
  for (let at: number | undefined = from; at !== undefined; ) {
    const { count, next } = findAbove(at, threshold);
    ids.push(...found.subarray(0, count));
    at = next;
  }
  return ids;
}

const largest = (row: readonly number[]): number =>
  row.map(Math.fround).reduce((most, value) => (value > most ? value : most), Number.NEGATIVE_INFINITY);

const logit = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: -40, max: 40, noNaN: true }) },
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 1, arbitrary: fc.float() },
  { weight: 1, arbitrary: fc.constantFrom(-0, Number.NaN, Number.NEGATIVE_INFINITY, 3.4e38, -3.4e38, 1e-45) },
);
const slope = fc
  .oneof(fc.constant(1), fc.double({ min: 2 ** -7, max: 2 ** 16, noNaN: true }))
  .map((scale) => Math.fround(scale * Math.LOG2E));

describe('the kernel in WebAssembly', () => {
  it('computes the bits of the definition and finds the same ids, with any values', () => {
    fc.assert(
      fc.property(
        fc.array(logit, { minLength: 1, maxLength: 150 }),
        slope,
        slope,
        logit,
        (row, first, second, above) => {
          const [wasm, plain] = openBoth(row);
          const threshold = Math.fround(above);
          for (let from = 0; from < row.length; from += GROUP)
            expect(listAbove(wasm, from, threshold)).toEqual(listAbove(plain, from, threshold));
          const best = largest(row);
          if (!Number.isFinite(best)) return;
          const sums = bitsOf(wasm.sum(best, [first, second]));
          expect(sums).toEqual(bitsOf(plain.sum(best, [first, second])));
          expect(bitsOf(wasm.sum(best, [first]))).toEqual([sums[0]]);
        },
      ),
      { seed, numRuns: 400 },
    );
  });

  it('adds exponentials in ascending order to the same bits, with any values', () => {
    const scale = fc.oneof(fc.constant(1), fc.double({ min: 2 ** -7, max: 2 ** 7, noNaN: true }));
    fc.assert(
      fc.property(fc.array(logit, { minLength: 1, maxLength: 150 }), scale, scale, (row, first, second) => {
        const [wasm, plain] = openBoth(row);
        const best = largest(row);
        if (!Number.isFinite(best)) return;
        // A reference may lie below the largest value by a rounding, which is less than a step of the table.
        const rounding = Math.abs(best) < 2 ** 20 ? Math.abs(best) * 2 ** -52 : 0;
        for (const reference of [best, best - rounding]) {
          const sums = bitsOf(wasm.sumInOrder(reference, [first, second]));
          expect(sums).toEqual(bitsOf(plain.sumInOrder(reference, [first, second])));
          expect(bitsOf(wasm.sumInOrder(reference, [first]))).toEqual([sums[0]]);
        }
      }),
      { seed, numRuns: 400 },
    );
  });

  it('finds more ids than one search holds, none of them twice and none behind the row', () => {
    const row = Array.from({ length: 1_001 }, (_, id) => (id % 16 < 3 || id > 700 ? 1 : 0));
    const ids = row.flatMap((value, id) => (value > 0 ? [id] : []));
    for (const kernel of openBoth(row)) expect(listAbove(kernel, 0, 0.5)).toEqual(ids);
    const [wasm] = openBoth(row);
    const sum = wasm.sumInOrder(1, [1]);
    expect(wasm.findAbove(0, -1).count).toBeLessThanOrEqual(wasm.found.length);
    // The output of a search is no part of the row or of the table.
    expect(wasm.sumInOrder(1, [1])).toEqual(sum);
  });

  it('bounds the best values by one that as many reach', () => {
    fc.assert(
      fc.property(
        fc.array(logit, { minLength: 1, maxLength: 2_500, size: 'max' }),
        fc.integer({ min: 1, max: 64 }),
        (row, count) => {
          const [wasm] = openBoth(row);
          const bound = wasm.boundBest(count);
          if (bound === Number.NEGATIVE_INFINITY) return;
          expect(wasm.values.filter((value) => value >= bound).length).toBeGreaterThanOrEqual(count);
        },
      ),
      { seed, numRuns: 60 },
    );
    const [ascending] = openBoth(Array.from({ length: 2_048 }, (_, i) => i));
    expect(ascending.boundBest(64)).toBeGreaterThan(1_500);
  });

  it('reads a row again and again, and nothing of the row before', () => {
    const [wasm, plain] = openBoth(Array.from({ length: 37 }, () => 5));
    for (const level of [5, 1, 3]) {
      wasm.values.fill(level);
      plain.values.fill(level);
      expect(listAbove(wasm, 0, level - 1)).toEqual(Array.from({ length: 37 }, (_, id) => id));
      expect(listAbove(wasm, 0, level)).toEqual([]);
      // Eleven places behind the last value hold -Infinity, whose terms are far below the last bit.
      expect(wasm.sum(level, [1])).toEqual([37]);
      expect(plain.sum(level, [1])).toEqual([37]);
    }
  });

  it('stays within its error bound in a large vocabulary', () => {
    const size = 151_936;
    for (const spread of [0, 0.5, 3, 12]) {
      let state = seed;
      const row = Array.from({ length: size }, (_, id) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.fround(id === 77 ? 12.3 : (state / 2 ** 32 - 0.5) * spread - 1.7);
      });
      const [wasm] = openBoth(row);
      const best = largest(row);
      for (const scale of [1, 1.25, 0.01, 20]) {
        let [sum, distance] = [0, 0];
        for (const value of row) {
          const term = Math.exp((value - best) * scale);
          sum += term;
          distance += term * (best - value) * scale;
        }
        const [found = 0] = wasm.sum(best, [Math.fround(scale * Math.LOG2E)]);
        expect(Math.abs(found / sum - 1)).toBeLessThan(2 ** -24 * ((3 * distance) / sum + 7));
      }
    }
  });
});
