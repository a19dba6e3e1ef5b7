import { BATCH_ROWS, estimateMemory } from '@ogong/engine/llama-cpp/device/memory';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { findModality } from '../modality/registry.ts';
import type { EngineSettings, LoadedModel } from './engine-config.ts';

/** Memory of a loaded model, in bytes. Weights are mapped: they count as free memory as long as nobody needs it. */
export interface Footprint {
  readonly weights: number;
  /** Weights, caches and buffers. */
  readonly total: number;
}

export function weighModel(
  { engine, model }: LoadedModel,
  { kvType = 'f16' }: Pick<EngineSettings, 'kvType'>,
): Footprint {
  const { contextSize } = engine.info();
  const sequences = findModality(engine).countSequences(engine);
  const shape = { contextSize, sequences, batchSize: BATCH_ROWS, kvType };
  const { weights, total } = estimateMemory(inspectModelFile(model.path), shape);
  return { weights, total };
}
