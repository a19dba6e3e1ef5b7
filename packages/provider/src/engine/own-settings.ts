import { z } from 'zod';
import type { EngineSettings } from './engine-config.ts';

const kvType = z.enum(['f16', 'f32', 'q8_0', 'q4_0']);
const layers = z.int().min(0).max(999);

/** Settings of the engine that a file of served models may set for one model. Others are those of the program. */
export const ownSettingsShape = {
  nCtx: z
    .int()
    .min(16)
    .max(1 << 20)
    .optional(),
  sequences: z.int().min(1).max(256).optional(),
  threads: z.int().min(1).max(1024).optional(),
  backend: z.enum(['auto', 'cpu', 'vulkan', 'cuda', 'metal']).optional(),
  kernels: z.enum(['exact', 'tiled', 'single', 'reference', 'plain', 'fast', 'shaped']).optional(),
  kvType: kvType.optional(),
  valueType: kvType.optional(),
  batchSize: z.int().min(128).max(4096).optional(),
  gpuLayers: layers.optional(),
  expertsOnCpu: z.boolean().optional(),
  cpuExperts: layers.optional(),
  draftModel: z.string().min(1).optional(),
};

const ownSettings = z.object(ownSettingsShape);

/** The settings of one model; those that are not given count as the program's. */
export type OwnSettings = z.infer<typeof ownSettings>;

/** Picks the settings that a model has of its own. */
export const pickOwnSettings = (entry: OwnSettings): Pick<Partial<EngineSettings>, keyof OwnSettings> =>
  Object.fromEntries(
    Object.keys(ownSettingsShape).flatMap((key) => {
      const value = entry[key as keyof OwnSettings];
      return value === undefined ? [] : [[key, value]];
    }),
  );
