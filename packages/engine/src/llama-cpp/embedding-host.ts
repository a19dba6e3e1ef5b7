import type { PoolingModel } from '../decode/pooling-model.ts';
import type { EmbeddingInfo, Pooling } from '../interface/embedding.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { LlamaEmbeddingLoad } from './load-options.ts';
import { type LlamaModel, openLlamaModel } from './model.ts';
import type { ModelFacts } from './model-file.ts';
import { formatNumericClass, isaClassOf, WHOLE_INPUTS } from './numeric-class.ts';
import { openLibrary } from './open-host.ts';
import { LLAMA_VERSION } from './platform.ts';
import { POOLING_CODES } from './pooled-context.ts';
import { assertUnchanged } from './verified-model.ts';

/** Loads llama.cpp and an embedding model in this process. @throws EngineError. */
export function openEmbeddingHost(options: LlamaEmbeddingLoad): {
  readonly model: PoolingModel;
  readonly info: EmbeddingInfo;
} {
  const { modelPath, facts: file, files, contextSize, threads, kernels } = options;
  const pooling = findPooling(file);
  const library = openLibrary({ backend: 'cpu', engineDir: '', isa: options.isa });
  assertUnchanged(files);
  const llama = openLlamaModel(library, modelPath);
  assertUnchanged(files);
  const { vocabulary, embeddingSize } = llama;
  const reference = kernels === 'reference';
  const tokenize = (input: string) => vocabulary.tokenize(input, { addSpecial: true, parseSpecial: false });
  const exact = reference && llama.hasReference && probeRepetition(llama, { contextSize, pooling, threads });
  const context = llama.createPooledContext({ contextSize, threads, pooling, reference });
  const info: EmbeddingInfo = {
    modelRoot: options.modelRoot,
    vocabularyHash: file.vocabularyHash,
    vocabularySize: vocabulary.size,
    embeddingSize,
    contextSize,
    sequences: options.maxQueue,
    numericClass: formatNumericClass({
      ...{ build: `llama.cpp-${LLAMA_VERSION}`, backend: library.backend, isa: isaClassOf(library.isa) },
      kernels: reference ? WHOLE_INPUTS : kernels,
      ...{ weights: file.weightType, kv: 'f16', flashAttention: true, kvUnified: false },
      isUnproven: reference && !exact,
    }),
    exact,
    weightType: file.weightType,
    pooling,
  };
  const model: PoolingModel = {
    tokenize,
    pool: (tokens) => context.pool(tokens),
    free() {
      context.free();
      llama.free();
    },
  };
  return { model, info };
}

/** @throws EngineError */
export function findPooling({ path, poolingCode }: Pick<ModelFacts, 'path' | 'poolingCode'>): Pooling {
  const found = Object.entries(POOLING_CODES).find(([, code]) => code === poolingCode);
  if (found !== undefined) return found[0] as Pooling;
  throw new EngineError(
    'unsupported-model',
    `${path} is no embedding model: its pooling type is ${poolingCode ?? 'not named'}, and mean, cls or last is needed`,
  );
}

/** Lengths that ggml runs differently: one row, a few, and enough to tile. */
const PROBE_LENGTHS = [72, 1, 5, 72];

/**
 * Whether passes give the same bits on all threads and on one, after other passes and alone. An engine claims to be exact only
 * after this test.
 */
function probeRepetition(
  llama: LlamaModel,
  {
    contextSize,
    pooling,
    threads,
  }: Pick<LlamaEmbeddingLoad, 'contextSize' | 'threads'> & { readonly pooling: Pooling },
): boolean {
  const usable = Math.max(1, llama.vocabulary.size - 3);
  const inputOf = (length: number) =>
    Uint32Array.from({ length: Math.min(length, contextSize) }, (_, i) => 3 + ((i * 7919 + length) % usable));
  const one = { contextSize, pooling, reference: true };
  const many = llama.createPooledContext({ ...one, threads });
  try {
    return PROBE_LENGTHS.every((length) => {
      const alone = llama.createPooledContext({ ...one, threads: 1 });
      try {
        const expected = alone.pool(inputOf(length)).slice();
        const vector = many.pool(inputOf(length));
        return expected.every((value, d) => Object.is(value, vector[d]));
      } finally {
        alone.free();
      }
    });
  } finally {
    many.free();
  }
}
