import { estimateModelMemory, type ModelMemory } from '@ogong/engine/model-size';
import { findModality } from '../modality/registry.ts';
import type { EngineSettings, LoadedModel } from './engine-config.ts';

/** Estimates the memory of a loaded model. */
export function weighModel(
  { engine, model }: LoadedModel,
  { kvType = 'f16', valueType, batchSize }: Pick<EngineSettings, 'kvType' | 'valueType' | 'batchSize'>,
): ModelMemory {
  const { contextSize } = engine.info();
  return estimateModelMemory(model.path, {
    ...{ contextSize, sequences: findModality(engine).countSequences(engine), kvType, valueType, batchSize },
    encoderPath: model.encoderPath,
  });
}
