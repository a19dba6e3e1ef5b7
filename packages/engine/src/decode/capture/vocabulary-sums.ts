import { MAX_LISTED } from '@ogong/protocol/modality/text/sampling/sampler';
import { type BestTokens, createBestTokens } from './best-tokens.ts';
import { expNegative, sumExponentials } from './deterministic-math.ts';
import { openPlainKernel, openWasmKernel } from './lanes/lane-kernel.ts';
import { GROUP } from './lanes/lane-sums.ts';

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

/** Sums in ascending order of id, one addition after the other. */
export function createAscendingSums(vocabularySize: number): VocabularySums {
  const best = createBestTokens(MAX_LISTED);
  let row: LogitRow = { logits: new Float32Array(0), offset: 0 };
  let count = 0;
  return {
    best,
    read(next) {
      row = next;
      count = best.find(row.logits, { offset: row.offset, vocabularySize });
      return count;
    },
    sum: (reference, scale) =>
      count === 0 ? 0 : sumExponentials(row.logits, { offset: row.offset, length: vocabularySize, reference, scale }),
  };
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

/** Sums in lanes (docs/spec/lanes.md). */
export function createLaneSums(
  vocabularySize: number,
  kernel = openWasmKernel(vocabularySize) ?? openPlainKernel(vocabularySize),
): VocabularySums {
  const best = createBestTokens(MAX_LISTED);
  /** The row's sums at temperature 1, and at the given one if it is another. */
  let sums: readonly number[] = [];

  const findBest = (): void => {
    best.clear(floatBelow(kernel.boundBest(MAX_LISTED)));
    let group = kernel.findAbove(0, best.threshold);
    while (group !== undefined) {
      const end = Math.min(group + GROUP, vocabularySize);
      for (let id = group; id < end; id++) {
        const value = kernel.values[id] as number;
        if (value > best.threshold) best.insert(id, value);
      }
      group = kernel.findAbove(group + GROUP, best.threshold);
    }
  };

  return {
    best,
    read({ logits, offset }, scale) {
      kernel.values.set(logits.subarray(offset, offset + vocabularySize));
      findBest();
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
