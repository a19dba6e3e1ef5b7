import { BATCH_ROWS, estimateMemory } from '@ogong/engine/llama-cpp/device/memory';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import type { Engine } from '@ogong/engine/open-engine';
import type { EngineSettings, LoadedModel } from './engine-config.ts';

/** What a loaded model takes, in bytes. Weights are mapped: they count as free memory as long as nobody needs it. */
export interface Footprint {
  readonly weights: number;
  /** Caches and buffers too. */
  readonly total: number;
}

/** For how many replies an engine was opened: to be decoded, or to be scored, at a time. */
export function countSequences(engine: Engine): number {
  // Embeddings are computed one after the other.
  if (engine.specificationVersion !== 'text-v1') return 1;
  const { sequences, scoresTogether = 1 } = engine.info();
  return Math.max(sequences, scoresTogether);
}

export function weighModel(
  { engine, model }: LoadedModel,
  { kvType = 'f16' }: Pick<EngineSettings, 'kvType'>,
): Footprint {
  const { contextSize } = engine.info();
  const sequences = countSequences(engine);
  const shape = { contextSize, sequences, batchSize: BATCH_ROWS, kvType };
  const { weights, total } = estimateMemory(inspectModelFile(model.path), shape);
  return { weights, total };
}
