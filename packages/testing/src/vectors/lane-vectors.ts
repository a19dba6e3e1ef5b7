import { sumLanes } from '@ogong/engine/decode/capture/lanes/lane-sums';

/** Rows that are written out: ties, values without a share, and more values than a group has. */
const ROWS: readonly (readonly (number | null)[])[] = [
  [0],
  [1, 1, 1, 1, 1],
  [2.5, null, -1, 2.5, -100, -1e38, 0.1, 2.4999],
  [...Array.from({ length: 16 }, (_, i) => -i / 4), 0.3, null],
];
const SIZES = [1_000, 70_001];
const SCALES = [1, 1.25, 0.01, 65_536];

/** Values in -8..8 that an f32 holds. */
function makeRow(size: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 20 - 8;
  });
}

const largest = (row: Float32Array): number => row.reduce((most, value) => Math.max(most, value));

const sumAll = (row: Float32Array): number[] =>
  SCALES.map((scale) => sumLanes(row, largest(row), Math.fround(scale * Math.LOG2E)));

/** `vectors/lanes.json`: sums of rows by scale. A `null` is -Infinity. Numbers have all digits of a double. */
export function createLaneVectors() {
  return {
    scales: SCALES,
    rows: ROWS.map((values) => ({
      values,
      sums: sumAll(Float32Array.from(values, (value) => value ?? Number.NEGATIVE_INFINITY)),
    })),
    made: {
      recurrence: 'x = (x * 1664525 + 1013904223) mod 2^32 from x = 1; value = floor(x / 256) / 2^20 - 8',
      rows: SIZES.map((size) => ({ size, sums: sumAll(makeRow(size)) })),
    },
  };
}
