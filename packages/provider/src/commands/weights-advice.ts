import { isFloatType, isPaddedPath, SINGLE_ROWS } from '@ogong/engine/llama-cpp/numeric-class';

/**
 * Advises other weights or kernels where a lone reply pays for the second row of its passes.
 * @param kernels the fourth part of the numeric class in which the model is served.
 * @returns undefined if each step of a lone reply runs one row.
 */
export function adviseWeights({
  weightType,
  kernels,
}: {
  readonly weightType: string;
  readonly kernels: string;
}): string | undefined {
  if (!isPaddedPath(kernels) || kernels === SINGLE_ROWS) return undefined;
  const reason =
    'a step of a lone reply runs two rows of float matrices in this exact class. That is about a third of the speed of bare ' +
    'llama.cpp (row "decode-random 134M f16" of docs/bench.json)';
  // A quantised mixture of experts keeps its float router.
  const remedy = isFloatType(weightType) ? `q8_0 in place of ${weightType}, or --kernels single` : '--kernels single';
  return `${remedy}: ${reason}. See docs/served-models.md`;
}
