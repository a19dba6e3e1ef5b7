import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findLlamaBuild } from '@ogong/engine/llama-cpp/device/platform';
import { loadLlama } from '@ogong/engine/llama-cpp/library';
import { quantizeModel } from '@ogong/engine/llama-cpp/quantize';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { openDraft, writeDraft } from '../forge/gguf-draft.ts';
import { deepen } from '../forge/layers.ts';

/** As deep as the models that people serve, and narrow enough for a software device. */
const DEEP = { embedding: 64, feedForward: 172, layers: 24, heads: 8, kvHeads: 4, context: 512 };

/** Random weights in F16 under the vocabulary of `vocabularyFrom`. @returns the file's path; written once. */
export function provideDeepModel(directory: string, vocabularyFrom: string): string {
  const path = join(directory, 'bench-random-24-layers-f16.gguf');
  if (existsSync(path)) return path;
  writeRandomModel(`${path}.part`, { vocabularyFrom, shape: DEEP });
  renameSync(`${path}.part`, path);
  return path;
}

/** The size of the small embedding models that people serve. */
const POOLED = { embedding: 384, feedForward: 1536, layers: 12, heads: 12, kvHeads: 12, context: 512, poolingCode: 1 };

/** An embedding model of about 40 million random weights in F16 (mean pooling). @returns the file's path; written once. */
export function provideEmbeddingModel(directory: string, vocabularyFrom: string): string {
  const path = join(directory, 'bench-random-embedding-f16.gguf');
  if (existsSync(path)) return path;
  writeRandomModel(`${path}.part`, { vocabularyFrom, shape: POOLED });
  renameSync(`${path}.part`, path);
  return path;
}

const SHAPE = { embedding: 768, feedForward: 2048, layers: 12, heads: 12, kvHeads: 12, context: 1024 };

/** Of a random model. */
type RandomWeights = 'q8_0' | 'q4_k_m' | 'f16';

/**
 * About 134 million random weights under the vocabulary of `vocabularyFrom`: large enough that a token's arithmetic outweighs
 * its bookkeeping.
 * @returns the file's path; written once.
 */
export function provideRandomModel(directory: string, vocabularyFrom: string, weights: RandomWeights = 'q8_0'): string {
  const path = join(directory, `bench-random-134m-${weights}.gguf`);
  if (existsSync(path)) return path;
  const source = `${path}.f16`;
  try {
    writeRandomModel(source, { vocabularyFrom, shape: SHAPE });
    if (weights === 'f16') renameSync(source, path);
    else {
      quantizeModel(loadLlama(findLlamaBuild(), 'auto'), source, `${path}.part`, weights);
      renameSync(`${path}.part`, path);
    }
  } finally {
    rmSync(source, { force: true });
  }
  return path;
}

/** Layers of the deepened model: 128 million weights. */
const DEEPENED_LAYERS = 120;

/**
 * Builds stories15M with layers that change nothing, in Q8_0. A model of a ninth of its size knows its output, so a draft model guesses
 * as well as it can.
 * @param base the model in F32. @returns the file's path; written once.
 */
export function provideDeepenedModel(directory: string, base: string): string {
  const path = join(directory, 'bench-stories-deepened-q8_0.gguf');
  if (existsSync(path)) return path;
  const source = `${path}.f32`;
  try {
    writeDraft(source, deepen(openDraft(base), DEEPENED_LAYERS));
    quantizeModel(loadLlama(findLlamaBuild(), 'auto'), source, `${path}.part`, 'q8_0');
    renameSync(`${path}.part`, path);
  } finally {
    rmSync(source, { force: true });
  }
  return path;
}
