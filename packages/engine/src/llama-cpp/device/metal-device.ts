import { cpus, release } from 'node:os';
import { EngineError } from '../../interface/engine-error.ts';
import type { GpuDevice } from '../library.ts';

/** The only machines whose prebuilt llama.cpp has the Metal back end. */
export const METAL_PLATFORM = 'darwin-arm64';

interface MetalSources {
  readonly platform?: string;
  /** Name of the chip, whose GPU has no other. */
  readonly chip?: string;
  /** Release of the system's kernel: Metal is a part of the system. */
  readonly system?: string;
}

/** Lists the GPU of an Apple chip; empty on other machines. It was written from the library's headers, and was never run. */
export function listMetalDevices({
  platform = `${process.platform}-${process.arch}`,
  chip = cpus()[0]?.model.trim() ?? 'unknown',
  system = release(),
}: MetalSources = {}): GpuDevice[] {
  if (platform !== METAL_PLATFORM) return [];
  return [{ backend: 'metal', index: 0, name: chip, driver: `darwin ${system}`, kind: 'integrated' }];
}

/** @throws EngineError('unsupported-model') on other machines. */
export function openMetalDevice(sources?: MetalSources): GpuDevice {
  const [device] = listMetalDevices(sources);
  if (device === undefined)
    throw new EngineError('unsupported-model', `Metal is for Apple chips (${METAL_PLATFORM}); take another --backend`);
  return device;
}
