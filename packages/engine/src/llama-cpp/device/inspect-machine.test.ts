import { describe, expect, it } from 'vitest';
import { EngineError } from '../../interface/engine-error.ts';
import { inspectBackends, inspectMachine, type MachineSources } from './inspect-machine.ts';
import type { LlamaBuild } from './platform.ts';

const build = { version: '0.5.0' } as LlamaBuild;
const absent = (message: string) => () => {
  throw new EngineError('unsupported-model', message);
};

/** A recorded machine. */
const record = (more: Partial<MachineSources> = {}): MachineSources => ({
  findBuild: () => build,
  scoreLibraries: () =>
    new Map([
      ['sse42', 5],
      ['haswell', 60],
      ['zen4', 0],
      ['alderlake', 180],
    ]),
  listDevices: absent('the Vulkan loader libvulkan.so.1 is not installed'),
  listCards: () => ({ cards: [], nvidiaDriver: undefined }),
  canLoad: () => false,
  platform: 'linux-x64',
  ...more,
});

describe('the parts of a machine that llama.cpp can use', () => {
  it('names the libraries that run, the fastest first, and the one that most verifiers can reproduce', () => {
    const found = inspectMachine('/nonexistent', record());
    expect(found.cpuLibraries).toEqual(['alderlake', 'haswell', 'sse42']);
    expect(found.chosenCpuLibrary).toBe('haswell');
    expect(found).toMatchObject({ absence: undefined, version: '0.5.0', vulkanDevices: [] });
    expect(found.choice).toMatchObject({ advised: 'cpu', why: 'no GPU can be used' });
    expect(found.choice.backends.find(({ backend }) => backend === 'vulkan')?.reason).toContain('not installed');
  });

  it('takes the fastest where none is that most machines have', () => {
    const found = inspectMachine(
      '/nonexistent',
      record({
        scoreLibraries: () =>
          new Map([
            ['avx', 3],
            ['armv8', 9],
          ]),
      }),
    );
    expect(found.chosenCpuLibrary).toBe('armv8');
  });

  it('says why nothing runs, and lists devices all the same', () => {
    const device = {
      backend: 'vulkan',
      index: 0,
      name: 'NVIDIA H100',
      driver: 'NVIDIA 570',
      kind: 'discrete',
    } as const;
    const found = inspectMachine(
      '/nonexistent',
      record({ findBuild: absent('no prebuilt llama.cpp for sunos-x64'), listDevices: () => [device] }),
    );
    expect(found).toMatchObject({
      absence: 'no prebuilt llama.cpp for sunos-x64',
      cpuLibraries: [],
      version: undefined,
    });
    expect(found).toMatchObject({
      vulkanDevices: [device],
      chosenCpuLibrary: undefined,
      choice: { advised: 'vulkan' },
    });
  });

  it('shows a card through CUDA where driver and runtime are there', () => {
    const card = { slot: '0000:01:00.0', vendor: 'NVIDIA', id: '10de:2330', name: 'NVIDIA H100' } as const;
    const listCards = () => ({ cards: [card], nvidiaDriver: '570.1' });
    const found = inspectMachine('/nonexistent', record({ listCards, canLoad: () => true }));
    expect(found).toMatchObject({ cards: [card], nvidiaDriver: '570.1', choice: { advised: 'cuda' } });
    expect(inspectMachine('/nonexistent', record({ listCards })).choice.backends[0]).toMatchObject({
      isUsable: false,
      reason: expect.stringContaining('libcuda.so.1'),
    });
  });

  it('loads no Vulkan driver for a choice where the bus shows no card', () => {
    const listDevices = () => expect.unreachable('the driver was loaded');
    expect(inspectBackends('/nonexistent', record({ listDevices }))).toMatchObject({
      ...{ advised: 'cpu', why: 'no GPU can be used', order: [{ backend: 'cpu' }] },
    });
    const card = { slot: '0000:01:00.0', vendor: 'AMD', id: '1002:744c', name: 'AMD Radeon' } as const;
    const device = { backend: 'vulkan', index: 0, name: 'AMD Radeon', driver: 'RADV', kind: 'discrete' } as const;
    const listCards = () => ({ cards: [card], nvidiaDriver: undefined });
    const found = inspectBackends('/nonexistent', record({ listCards, listDevices: () => [device] }));
    expect(found.order.map(({ backend }) => backend)).toEqual(['vulkan', 'cpu']);
  });

  it('looks at the machine itself', () => {
    const found = inspectMachine('/nonexistent');
    expect(found.cores).toBeGreaterThan(0);
    expect(found.cores).toBeLessThanOrEqual(found.threads);
    expect(found.absence === undefined).toBe(found.version !== undefined);
  });
});
