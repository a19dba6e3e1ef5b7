import { openEngine } from '@ogong/engine/open-engine';
import { toEvidence } from '@ogong/memory/models/ask-fields';
import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { labModelsDir } from '../../lab-models.ts';
import { bringMiniLm } from './mini-lm-file.ts';

export interface LocalEmbedding {
  readonly embed: MemoryModels['embed'];
  close(): Promise<void>;
}

/** Opens all-MiniLM-L6-v2. Vectors of known texts are not computed again. @throws ModelError, EngineError */
export async function openMiniLm(): Promise<LocalEmbedding> {
  const engine = await openEngine({ modelPath: await bringMiniLm(labModelsDir()) });
  if (engine.specificationVersion !== 'embedding-v1') throw new Error('all-MiniLM-L6-v2 is no embedding model here');
  const known = new Map<string, Float32Array>();
  return {
    async embed(texts) {
      const unknown = [...new Set(texts)].filter((text) => !known.has(text));
      const { inputs } = unknown.length === 0 ? { inputs: [] } : await engine.embed({ inputs: unknown });
      for (const [index, { vector }] of inputs.entries()) known.set(unknown[index] as string, toUnit(vector));
      const value = texts.map((text) => known.get(text) as Float32Array);
      return { value, evidence: toUncheckedEvidence(texts) };
    },
    close: () => engine.close(),
  };
}

function toUnit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** Evidence that no reader checks: the quality of a memory is measured, and not its receipts. */
const toUncheckedEvidence = (texts: readonly string[]) =>
  toEvidence({
    ...{ endpoint: 'embedding', model: 'all-MiniLM-L6-v2', receipt: utf8Encode(JSON.stringify(texts)) },
    ...{ request: new Uint8Array(), response: new Uint8Array() },
  });
