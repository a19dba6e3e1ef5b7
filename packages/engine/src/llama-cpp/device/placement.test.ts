import { describe, expect, it } from 'vitest';
import { assertPlacement, layOutTensorSplit, patternOfCpuTensors } from './placement.ts';

const GPU = { backend: 'cuda', kernels: 'plain' } as const;

describe('a placement of weights', () => {
  it('is for a GPU whose replies are compared by scores', () => {
    expect(() => assertPlacement({ gpuLayers: 20, expertsOnCpu: true }, GPU)).not.toThrow();
    expect(() => assertPlacement({ gpuLayers: 0 }, { ...GPU, kernels: 'fast' })).not.toThrow();
    expect(() => assertPlacement({ tensorSplit: [3, 1] }, GPU)).not.toThrow();
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
    ['of experts of half a layer', { cpuExperts: 0.5 }, GPU, /no number of layers/],
    ['of experts of a layer in a class of bits', { cpuExperts: 1 }, { backend: 'vulkan', kernels: 'shaped' }, /shaped/],
    ['over cards of Vulkan', { tensorSplit: [1, 1] }, { backend: 'vulkan', kernels: 'plain' }, /for --backend cuda/],
    ['over cards in a class of bits', { tensorSplit: [1, 1] }, { backend: 'vulkan', kernels: 'shaped' }, /shaped/],
    ['over one card', { tensorSplit: [1] }, GPU, /shares are 2 to 16/],
    ['over more cards than are known', { tensorSplit: Array(17).fill(1) }, GPU, /shares are 2 to 16/],
    ['with a share of nothing', { tensorSplit: [1, 0] }, GPU, /above 0/],
    ['with a share that is no number', { tensorSplit: [1, Number.NaN] }, GPU, /above 0/],
  ] as const)('%s is refused', (_what, placement, where, reason) => {
    expect(() => assertPlacement(placement, where)).toThrow(reason);
  });
});

it('experts stay on the CPU in all layers, or in the first ones', () => {
  const matches = (placement: Parameters<typeof patternOfCpuTensors>[0], name: string): boolean =>
    new RegExp(patternOfCpuTensors(placement) as string).test(name);
  expect(patternOfCpuTensors({})).toBeUndefined();
  expect(patternOfCpuTensors({ cpuExperts: 0 })).toBeUndefined();
  expect(matches({ expertsOnCpu: true }, 'blk.40.ffn_up_exps.weight')).toBe(true);
  expect(matches({ expertsOnCpu: true }, 'blk.40.ffn_up.weight')).toBe(false);
  const first = { cpuExperts: 2 };
  expect(['0', '1', '2', '10', '11'].map((layer) => matches(first, `blk.${layer}.ffn_gate_exps.weight`))).toEqual([
    ...[true, true, false, false, false],
  ]);
});

it('the library reads a share for every card that it knows of', () => {
  const { view } = layOutTensorSplit([3, 1]);
  expect([...view]).toEqual([3, 1, ...Array<number>(14).fill(0)]);
});
