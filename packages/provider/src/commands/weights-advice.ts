import { isFloatType, isPaddedPath } from '@ogong/engine/llama-cpp/numeric-class';

/**
 * Advises quantised weights where a lone reply pays for the second row of its passes.
 * @param kernels the fourth part of the numeric class in which the model is served.
 * @returns undefined if another weight type would not help: a quantised mixture of experts keeps its float router.
 */
export function adviseWeights({
  weightType,
  kernels,
}: {
  readonly weightType: string;
  readonly kernels: string;
}): string | undefined {
  if (!isFloatType(weightType) || !isPaddedPath(kernels)) return undefined;
  return (
    `q8_0 in place of ${weightType}: with one reply at a time, each step of float weights runs two rows in this exact class, at ` +
    `about a third of the speed of bare llama.cpp (row "decode-random 134M f16" of docs/bench.json); q8_0 runs one row`
  );
}
