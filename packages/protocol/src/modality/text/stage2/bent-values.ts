import { computeLog } from '../../../base/elementary.ts';

/**
 * Number of cells in the count of single values that moved apart from the others. An error of the hidden state moves all
 * log-probabilities of a position together, and as far as the sketch. A provider that bends a value to excuse a draw moves only
 * that value, or moves values without the hidden state. It does so at few positions, so that no mean shows it.
 */
export const VALUE_CELLS = 20;

/** Lower borders of the rows, without the first: ln of how far the farthest value stands out (`computePeak`). */
const PEAKS = [1.75, 2, 2.25, 2.75];
/**
 * Lower borders of the columns, without the first. They are the larger of two ln. One is how far the position's values lie off
 * relative to the reply's others. The other is how much farther they lie off than its sketch. The first shows noise that hides a bent value. The
 * second shows values that moved without the sketch.
 */
const EXCESSES = [0.6, 1, 1.4];
/** The fewest values among which one can stand out. */
const MIN_VALUES = 4;

/** Data of the positions of one reply, kept until its means are known; logarithms. */
export interface ValueMeter {
  readonly peaks: Float64Array;
  readonly spreads: Float64Array;
  readonly sketches: Float64Array;
  count: number;
}

export function createValueMeter(positions: number): ValueMeter {
  return {
    peaks: new Float64Array(positions),
    spreads: new Float64Array(positions),
    sketches: new Float64Array(positions),
    count: 0,
  };
}

/**
 * Adds one position with differing values.
 * @param position.differences of the log-probabilities that both sides list, 2^-16 nat; the first `count` are read, and sorted.
 * @param position.logSpread ln of their standard deviation, nats.
 * @param position.logSketch ln of the sketches' distance.
 */
export function addPosition(
  meter: ValueMeter,
  position: {
    readonly differences: Int32Array;
    readonly count: number;
    readonly logSpread: number;
    readonly logSketch: number;
  },
): void {
  const { differences, count, logSpread, logSketch } = position;
  if (count < MIN_VALUES) return;
  meter.peaks[meter.count] = computePeak(differences, count);
  meter.spreads[meter.count] = logSpread;
  meter.sketches[meter.count] = logSketch;
  meter.count++;
}

/** @returns u32[20]: positions by row (peak) and column (excess), row-major. */
export function countValues({ peaks, spreads, sketches, count }: ValueMeter): Uint32Array {
  const cells = new Uint32Array(VALUE_CELLS);
  let spread = 0;
  let sketch = 0;
  for (let i = 0; i < count; i++) {
    spread += spreads[i] as number;
    sketch += sketches[i] as number;
  }
  for (let i = 0; i < count; i++) {
    const farther = (spreads[i] as number) - spread / count;
    const excess = farther - Math.min((sketches[i] as number) - sketch / count, 0);
    const cell = findBin(PEAKS, peaks[i] as number) * (EXCESSES.length + 1) + findBin(EXCESSES, excess);
    cells[cell] = (cells[cell] as number) + 1;
  }
  return cells;
}

function findBin(borders: readonly number[], value: number): number {
  let bin = 0;
  while (bin < borders.length && value >= (borders[bin] as number)) bin++;
  return bin;
}

/**
 * Computes the peak: ln of the largest distance from the median difference over the mean of the others. One unit of 2^-16 nat
 * is added to each, so that nothing stands out between values that are equal except for the last bit.
 */
function computePeak(differences: Int32Array, count: number): number {
  for (let i = 1; i < count; i++) {
    const value = differences[i] as number;
    let at = i;
    for (; at > 0 && (differences[at - 1] as number) > value; at--) differences[at] = differences[at - 1] as number;
    differences[at] = value;
  }
  const median = differences[count >> 1] as number;
  const top = Math.max(median - (differences[0] as number), (differences[count - 1] as number) - median);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.abs((differences[i] as number) - median);
  return computeLog((top + 1) / ((sum - top) / (count - 1) + 1));
}
