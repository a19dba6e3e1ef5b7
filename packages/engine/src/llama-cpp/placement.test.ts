import { describe, expect, it } from 'vitest';
import { assertPlacement } from './placement.ts';

const GPU = { backend: 'cuda', kernels: 'plain' } as const;

describe('a placement of weights', () => {
  it('is for a GPU whose replies are compared by scores', () => {
    expect(() => assertPlacement({ gpuLayers: 20, expertsOnCpu: true }, GPU)).not.toThrow();
    expect(() => assertPlacement({ gpuLayers: 0 }, { ...GPU, kernels: 'fast' })).not.toThrow();
    expect(() => assertPlacement({}, { backend: 'cpu', kernels: 'exact' })).not.toThrow();
    expect(() => assertPlacement({ expertsOnCpu: false }, { backend: 'vulkan', kernels: 'shaped' })).not.toThrow();
  });

  it.each([
    ['on the CPU', { gpuLayers: 1 }, { backend: 'cpu', kernels: 'plain' }, /another back end/],
    ['in a class of bits', { gpuLayers: 1 }, { backend: 'vulkan', kernels: 'shaped' }, /kernels are shaped/],
    ['of experts in a class of bits', { expertsOnCpu: true }, { backend: 'vulkan', kernels: 'shaped' }, /shaped/],
    ['of no whole number', { gpuLayers: 1.5 }, GPU, /no number of layers/],
    ['of less than nothing', { gpuLayers: -1 }, GPU, /no number of layers/],
    ['of too many', { gpuLayers: 1000 }, GPU, /no number of layers/],
  ] as const)('%s is refused', (_what, placement, where, reason) => {
    expect(() => assertPlacement(placement, where)).toThrow(reason);
  });
});
