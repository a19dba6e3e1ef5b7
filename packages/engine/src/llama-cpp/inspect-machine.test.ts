import { describe, expect, it } from 'vitest';
import { EngineError } from '../interface/engine-error.ts';
import { inspectMachine, type MachineSources } from './inspect-machine.ts';
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
  ...more,
});

describe('what a machine has for llama.cpp', () => {
  it('names the libraries that run, the fastest first, and the one that most verifiers can reproduce', () => {
    const found = inspectMachine('/nonexistent', record());
    expect(found.cpuLibraries).toEqual(['alderlake', 'haswell', 'sse42']);
    expect(found.chosenCpuLibrary).toBe('haswell');
    expect(found).toMatchObject({ absence: undefined, version: '0.5.0', vulkanDevices: [] });
    expect(found.vulkanAbsence).toContain('not installed');
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
    const device = { index: 0, name: 'NVIDIA H100', driver: 'NVIDIA 570' };
    const found = inspectMachine(
      '/nonexistent',
      record({ findBuild: absent('no prebuilt llama.cpp for sunos-x64'), listDevices: () => [device] }),
    );
    expect(found).toMatchObject({
      absence: 'no prebuilt llama.cpp for sunos-x64',
      cpuLibraries: [],
      version: undefined,
    });
    expect(found).toMatchObject({ vulkanDevices: [device], vulkanAbsence: undefined, chosenCpuLibrary: undefined });
  });

  it('looks at the machine itself', () => {
    const found = inspectMachine('/nonexistent');
    expect(found.cores).toBeGreaterThan(0);
    expect(found.cores).toBeLessThanOrEqual(found.threads);
    expect(found.absence === undefined).toBe(found.version !== undefined);
  });
});
