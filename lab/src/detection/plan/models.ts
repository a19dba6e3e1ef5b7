import { rm } from 'node:fs/promises';
import { llamaQuantizer, resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { createModelStore } from '@ogong/models/store';
import { type RandomModelShape, writeRandomModel } from '@ogong/testing/models/random-model';

/** Drift may depend on the shape of a model, so random models add shapes that the trained ones do not have. */
const RANDOM_SHAPES = {
  /** Deep and narrow, four heads to a key. */
  'random-deep': { embedding: 256, layers: 16, heads: 8, kvHeads: 2, feedForward: 512, context: 1024 },
  /** Shallow and wide, two heads to a key, an LM head of its own. */
  'random-wide': {
    ...{ embedding: 1024, layers: 2, heads: 16, kvHeads: 8, feedForward: 2048, context: 1024, untiedHead: true },
  },
  /** A vocabulary as large as that of large models. */
  'random-words': {
    ...{ embedding: 128, layers: 4, heads: 4, kvHeads: 4, feedForward: 256, context: 1024, vocabulary: 128_256 },
  },
  /** Positions beyond any window of the others. */
  'random-long': { embedding: 256, layers: 4, heads: 8, kvHeads: 2, feedForward: 512, context: 8192 },
  /** One layer and a small vocabulary, so that a software device serves it fast enough. */
  'random-tiny': { embedding: 64, layers: 1, heads: 4, kvHeads: 2, feedForward: 128, context: 1024 },
} as const satisfies Readonly<Record<string, RandomModelShape>>;

export const MODEL_NAMES = [
  'stories15M',
  'stories260K',
  ...(Object.keys(RANDOM_SHAPES) as (keyof typeof RANDOM_SHAPES)[]),
] as const;

export type ModelName = (typeof MODEL_NAMES)[number];

/** Increase it when a shape gives other bytes. */
const VERSION = 1;

/** The model whose vocabulary a random model takes. */
const findDonor = (model: keyof typeof RANDOM_SHAPES, modelsDir: string): Promise<string> =>
  model === 'random-tiny' ? findModel('stories260K', 'f16', modelsDir) : findModel('stories15M', 'f32', modelsDir);

/** The GGUF file of a model in a weight type, made or fetched once. @throws ModelError */
export async function findModel(model: ModelName, weights: string, modelsDir: string): Promise<string> {
  if (model === 'stories15M') return (await resolveModel(model, { quant: weights, storeDir: modelsDir })).path;
  const store = createModelStore(modelsDir);
  const name = `${model}-${VERSION}-${weights}`;
  return store.withLock(name, async () => {
    const found = store.find(name);
    if (found !== undefined) return found.path;
    const plain = await store.temporary(`${name}-plain`);
    const target = await store.temporary(name);
    try {
      let source = plain;
      if (model === 'stories260K') source = (await resolveModel(model, { storeDir: modelsDir })).path;
      else
        writeRandomModel(plain, {
          vocabularyFrom: await findDonor(model, modelsDir),
          shape: RANDOM_SHAPES[model],
        });
      await llamaQuantizer.quantize(source, target, weights);
      const file = await store.adopt(target, { name: `${name}.gguf` });
      return (await store.publish({ name, source: model, files: [file] })).path;
    } finally {
      await Promise.all([plain, target].map((path) => rm(path, { force: true })));
    }
  });
}
