import { MAX_LISTED } from '@ogong/protocol/modality/text/sampling/sampler';
import { type BestTokens, createBestTokens } from './best-tokens.ts';
import { expNegative } from './deterministic-math.ts';
import { type LaneKernel, openPlainKernel, openWasmKernel } from './lanes/lane-kernel.ts';

/** A row of logits: f32[vocabulary] from `offset`, natural log scale. -Infinity and NaN have no share. */
export interface LogitRow {
  readonly logits: Float32Array;
  readonly offset: number;
}

/** The passes over a whole vocabulary that a listing needs. The order of their additions is a part of the numeric class. */
export interface VocabularySums {
  readonly best: Pick<BestTokens, 'ids' | 'values'>;
  /**
   * Reads a row, which must not change before the last `sum` of it.
   * @param scale 1 / temperature; `sum` takes 1 or this one.
   * @returns how many best tokens there are.
   */
  read(row: LogitRow, scale: number): number;
  /**
   * Computes the sum of exp(scale * (logit - reference)) over the row, f64.
   * @param reference at least the largest logit, up to rounding.
   */
  sum(reference: number, scale: number): number;
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

/** Returns the largest f32 below an f32; -Infinity for -Infinity. */
function floatBelow(value: number): number {
  if (value === Number.NEGATIVE_INFINITY) return value;
  float[0] = value;
  const bits = floatBits[0] as number;
  if (value === 0) return -(2 ** -149);
  floatBits[0] = value > 0 ? bits - 1 : bits + 1;
  return float[0];
}

const openKernel = (vocabularySize: number): LaneKernel =>
  openWasmKernel(vocabularySize) ?? openPlainKernel(vocabularySize);

/** Copies a row into a kernel, and finds its best values there. */
function readBest(kernel: LaneKernel, best: BestTokens, { logits, offset }: LogitRow): number {
  const { values, found } = kernel;
  values.set(logits.subarray(offset, offset + values.length));
  best.clear(floatBelow(kernel.boundBest(MAX_LISTED)));
  let { threshold } = best;
  for (let from: number | undefined = 0; from !== undefined; ) {
    const { count, next } = kernel.findAbove(from, threshold);
    for (let i = 0; i < count; i++) {
      const id = found[i] as number;
      const value = values[id] as number;
      if (!(value > threshold)) continue;
      best.insert(id, value);
      threshold = best.threshold;
    }
    from = next;
  }
  return best.count;
}

/** Sums in ascending order of id, one addition after the other. */
export function createAscendingSums(vocabularySize: number, kernel = openKernel(vocabularySize)): VocabularySums {
  const best = createBestTokens(MAX_LISTED);
  let scales: readonly number[] = [];
  /** The row's sums at these scales from one reference: that of temperature 1 is nearly always that of the other one, too. */
  let found: { readonly reference: number; readonly sums: readonly number[] } | undefined;
  return {
    best,
    read(row, scale) {
      scales = scale === 1 ? [1] : [1, scale];
      found = undefined;
      return readBest(kernel, best, row);
    },
    sum(reference, scale) {
      if (best.count === 0) return 0;
      if (found?.reference !== reference) found = { reference, sums: kernel.sumInOrder(reference, scales) };
      return found.sums[scale === 1 ? 0 : 1] as number;
    },
  };
}

/** Sums in lanes (docs/spec/lanes.md). */
export function createLaneSums(vocabularySize: number, kernel = openKernel(vocabularySize)): VocabularySums {
  const best = createBestTokens(MAX_LISTED);
  /** The row's sums at temperature 1, and at the given one if it is another. */
  let sums: readonly number[] = [];

  return {
    best,
    read(row, scale) {
      readBest(kernel, best, row);
      const scales = scale === 1 ? [1] : [1, scale];
      const slopes = scales.map((each) => Math.fround(each * Math.LOG2E));
      sums = best.count === 0 ? [0] : kernel.sum(best.values[0] as number, slopes);
      return best.count;
    },
    sum: (reference, scale) =>
      best.count === 0
        ? 0
        : (sums[scale === 1 ? 0 : 1] as number) * expNegative((reference - (best.values[0] as number)) * scale),
  };
}
