import { BATCH_ROWS, estimateMemory } from '@ogong/engine/llama-cpp/memory';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import type { EngineSettings, LoadedModel } from './engine-config.ts';

/** What a loaded model takes, in bytes. Weights are mapped: they count as free memory as long as nobody needs it. */
export interface Footprint {
  readonly weights: number;
  /** Caches and buffers too. */
  readonly total: number;
}

export function weighModel(
  { engine, model }: LoadedModel,
  { kvType = 'f16' }: Pick<EngineSettings, 'kvType'>,
): Footprint {
  const { contextSize } = engine.info();
  // Embeddings are computed one after the other.
  const sequences = engine.specificationVersion === 'text-v1' ? engine.info().sequences : 1;
  const shape = { contextSize, sequences, batchSize: BATCH_ROWS, kvType };
  const { weights, total } = estimateMemory(inspectModelFile(model.path), shape);
  return { weights, total };
}
