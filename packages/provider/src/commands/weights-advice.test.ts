import { exactKernelsFor, singleKernelsFor, tiledKernelsFor } from '@ogong/engine/llama-cpp/numeric-class';
import { describe, expect, it } from 'vitest';
import { adviseWeights } from './weights-advice.ts';

const FLOATS = ['f16', 'f32', 'bf16'];

describe('advice about weights', () => {
  it.each(FLOATS)('names q8_0 for %s in both exact classes, with the reason', (weightType) => {
    for (const kernelsFor of [exactKernelsFor, tiledKernelsFor]) {
      const kernels = kernelsFor({ weightType, hasFloatMatrices: true });
      expect(adviseWeights({ weightType, kernels })).toMatch(
        new RegExp(`^q8_0 in place of ${weightType}, or --kernels single: .*two rows.*about a third`),
      );
    }
  });

  it.each(FLOATS)('is silent for %s where no second row runs', (weightType) => {
    for (const kernels of ['exact-single', 'plain', 'fast', 'reference', 'shaped', 'exact-whole'])
      expect(adviseWeights({ weightType, kernels })).toBeUndefined();
  });

  it.each(['q8_0', 'q4_k_m', 'mxfp4'])('names other kernels alone for %s beside a float matrix', (weightType) => {
    const adviseWith = (hasFloatMatrices: boolean) =>
      adviseWeights({ weightType, kernels: exactKernelsFor({ weightType, hasFloatMatrices }) });
    expect(adviseWith(true)).toMatch(/^--kernels single: /);
    expect(adviseWith(false)).toBeUndefined();
    expect(adviseWeights({ weightType, kernels: singleKernelsFor({ weightType, hasFloatMatrices: true }) })).toBe(
      undefined,
    );
  });
});
