import { expect, it } from 'vitest';
import { nameDeviceClass } from '../library.ts';
import { bringGpuBuild } from './gpu-build.ts';
import { listMetalDevices, openMetalDevice } from './metal-device.ts';

it('is the GPU of an Apple chip, named with the release of the system', () => {
  const device = openMetalDevice({ platform: 'darwin-arm64', chip: 'Apple M2 Pro', system: '24.1.0' });
  expect(nameDeviceClass(device)).toBe('apple_m2_pro-darwin_24.1.0');
  expect(device).toMatchObject({ backend: 'metal', kind: 'integrated' });
});

it('is refused on other machines', async () => {
  expect(listMetalDevices({ platform: 'linux-x64' })).toEqual([]);
  expect(() => openMetalDevice({ platform: 'linux-arm64' })).toThrow('Metal is for Apple chips (darwin-arm64)');
  await expect(bringGpuBuild('metal', '/nonexistent', { platform: 'linux-x64' })).rejects.toThrow(
    'the metal back end is served on darwin-arm64, not on linux-x64',
  );
});
