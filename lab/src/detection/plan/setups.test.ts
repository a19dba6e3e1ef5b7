import { describe, expect, it } from 'vitest';
import { type DetectionSetupName, findSetup } from './setups.ts';

/** Stored samples have these names. If a name changed its meaning, one store would mix two kinds. */
const KEPT: readonly (readonly [DetectionSetupName, object, number])[] = [
  ['cpu-exact', { kernels: 'exact' }, 8],
  ['cpu-exact-avx512', { kernels: 'exact', isa: 'skylakex' }, 8],
  ['cpu-exact-tiled', { kernels: 'tiled' }, 8],
  ['cpu-exact-threads', { kernels: 'exact', threads: 2 }, 8],
  ['cpu-fast', { kernels: 'fast' }, 1],
  ['cpu-plain', { kernels: 'plain' }, 1],
  ['cpu-no-fa', { kernels: 'plain', flashAttention: false }, 1],
  ['cpu-fast-8', { kernels: 'fast' }, 8],
  ['cpu-exact-kv-q8', { kernels: 'exact', kvType: 'q8_0' }, 8],
  ['cpu-fast-kv-q8', { kernels: 'fast', kvType: 'q8_0' }, 1],
  ['cpu-fast-avx512', { kernels: 'fast', isa: 'skylakex' }, 1],
  ['cpu-fast-sse', { kernels: 'fast', isa: 'sse42' }, 1],
  ['cpu-fast-scalar', { kernels: 'fast', isa: 'x64' }, 1],
  ['vulkan', { backend: 'vulkan', shapes: 'wide' }, 8],
  ['cpu-exact-drafts', { kernels: 'exact', drafts: 3 }, 8],
  ['cpu-fast-drafts', { kernels: 'fast', drafts: 3 }, 1],
];

describe('the setups of the report', () => {
  it.each(KEPT)('%s is what it was', (name, settings, streams) => {
    const setup = findSetup(name);
    expect(setup).toMatchObject({ name, streams });
    expect(setup.settings).toEqual({ threads: 1, contextSize: 512, ...settings });
    const isOptional = ['isa', 'threads', 'backend'].some((key) => key in settings);
    expect(setup.isOptional).toBe(isOptional);
  });
});
