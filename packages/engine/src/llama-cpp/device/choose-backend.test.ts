import { describe, expect, it } from 'vitest';
import { chooseBackend, type FoundBackends } from './choose-backend.ts';

const NOTHING: FoundBackends = {
  platform: 'linux-x64',
  cpuAbsence: undefined,
  cudaAbsence: 'this machine has no NVIDIA card',
  cudaDevices: [],
  vulkanAbsence: 'the Vulkan loader libvulkan.so.1 is not installed',
  vulkanDevices: [],
  builds: [],
};
const H100 = { backend: 'cuda', index: 0, name: 'NVIDIA H100', driver: '570.124.06' } as const;
const vulkan = (name: string, kind: 'discrete' | 'integrated' | 'software') => ({
  vulkanAbsence: undefined,
  vulkanDevices: [{ backend: 'vulkan', index: 0, name, driver: 'Mesa 25', kind } as const],
});

const choose = (more: Partial<FoundBackends>) => chooseBackend({ ...NOTHING, ...more });
const reasonOf = (more: Partial<FoundBackends>, wanted: string) =>
  choose(more).backends.find(({ backend }) => backend === wanted);

describe('the advised back end', () => {
  it.each([
    ['no GPU', {}, 'cpu', /no GPU can be used/],
    ['an NVIDIA card with its driver', { cudaAbsence: undefined, cudaDevices: [H100] }, 'cuda', /by scores/],
    [
      'an NVIDIA card without a driver',
      { cudaAbsence: 'NVIDIA H100: the driver is not loaded', ...vulkan('llvmpipe', 'software') },
      'cpu',
      /software, which is seldom faster/,
    ],
    ['an AMD card', vulkan('AMD Radeon RX 7900 XTX', 'discrete'), 'vulkan', /same device and driver/],
    ['an integrated Intel GPU', vulkan('Intel(R) Iris(R) Xe', 'integrated'), 'cpu', /integrated, which is seldom/],
    [
      'both ways to one card',
      { cudaAbsence: undefined, cudaDevices: [H100], ...vulkan('NVIDIA H100', 'discrete') },
      'cuda',
      /scores/,
    ],
    ['nothing at all', { cpuAbsence: 'no prebuilt llama.cpp for sunos-x64' }, undefined, /sunos/],
  ] as const)('with %s', (_what, found, advised, why) => {
    const choice = choose(found);
    expect([choice.advised, choice.why]).toEqual([advised, expect.stringMatching(why)]);
    expect(choice.backends.map(({ backend }) => backend)).toEqual(['cuda', 'metal', 'vulkan', 'cpu']);
  });

  it('names devices, and whether the build is fetched first', () => {
    const found = { cudaAbsence: undefined, cudaDevices: [H100] };
    expect(reasonOf(found, 'cuda')).toEqual({
      ...{ backend: 'cuda', isUsable: true },
      reason: 'NVIDIA H100 (570.124.06); taken with --backend cuda, which fetches its build once',
    });
    expect(reasonOf({ ...found, builds: ['cuda'] }, 'cuda')?.reason).not.toContain('fetches');
    expect(reasonOf({}, 'vulkan')).toMatchObject({ isUsable: false, reason: expect.stringContaining('not installed') });
  });

  it('is Metal on an Apple chip alone', () => {
    const apple = choose({ platform: 'darwin-arm64' });
    expect(apple.order.map(({ backend }) => backend)).toEqual(['metal', 'cpu']);
    expect(reasonOf({ platform: 'darwin-arm64' }, 'metal')?.reason).toMatch(/taken with --backend metal$/);
    expect(reasonOf({}, 'metal')).toMatchObject({ isUsable: false, reason: 'only on Apple chips' });
    expect(choose({ platform: 'darwin-x64' }).advised).toBe('cpu');
  });
});
