import { openEngine } from '@ogong/engine/open-engine';
import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { bringMiniLm } from './mini-lm-file.ts';
import { toUncheckedEvidence, toUnit } from './vectors.ts';

export const MINI_LM = 'all-MiniLM-L6-v2';

export interface OpenedEmbedding {
  readonly embed: MemoryModels['embed'];
  close(): Promise<void>;
}

/** Opens all-MiniLM-L6-v2. Vectors of known texts are not computed again. @throws ModelError, EngineError */
export async function openMiniLm(): Promise<OpenedEmbedding> {
  const engine = await openEngine({ modelPath: await bringMiniLm() });
  if (engine.specificationVersion !== 'embedding-v1') throw new Error(`${MINI_LM} is no embedding model here`);
  const known = new Map<string, Float32Array>();
  return {
    async embed(texts) {
      const unknown = [...new Set(texts)].filter((text) => !known.has(text));
      const { inputs } = unknown.length === 0 ? { inputs: [] } : await engine.embed({ inputs: unknown });
      for (const [index, { vector }] of inputs.entries()) known.set(unknown[index] as string, toUnit(vector));
      const value = texts.map((text) => known.get(text) as Float32Array);
      return { value, evidence: toUncheckedEvidence(MINI_LM, texts) };
    },
    close: () => engine.close(),
  };
}
