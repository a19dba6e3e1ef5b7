import type { Pooling } from '../interface/embedding.ts';
import { EngineError } from '../interface/engine-error.ts';
import { allocateNative, viewFloats } from './device/native-memory.ts';
import type { LlamaLibrary, Pointer, StructFields } from './library.ts';
import { useReference } from './reference-kernels.ts';

/** Place of a document's score among the classifier's scores. */
export interface ScorePlace {
  readonly count: number;
  readonly at: number;
}

export interface PooledContextOptions {
  /** Tokens of one pass at most. */
  readonly contextSize: number;
  readonly threads: number;
  readonly pooling: Pooling;
  /** Place of a reranker's score; the only one if absent. */
  readonly score?: ScorePlace | undefined;
  /** Reference kernels in every pass. */
  readonly reference: boolean;
}

export interface PooledContext {
  /**
   * One pass over one input. It does not depend on the pass before: its bits depend on the tokens only.
   * @returns f32[embeddingSize], not normalised, or f32[1] of a reranker; llama.cpp's memory, valid until the next pass.
   * @throws EngineError, RangeError if there are no tokens, too many, or one outside the vocabulary.
   */
  pool(tokens: Uint32Array): Float32Array;
  free(): void;
}

/** llama.h, enum llama_pooling_type. */
export const POOLING_CODES: Readonly<Record<Pooling, number>> = { mean: 1, cls: 2, last: 3, rank: 4 };
const FLASH_ATTENTION_ON = 1;
const ONLY_SCORE: ScorePlace = { count: 1, at: 0 };

export function createPooledContext(
  library: LlamaLibrary,
  model: Pointer,
  { vocabularySize, embeddingSize }: { vocabularySize: number; embeddingSize: number },
  { contextSize, threads, pooling, score = ONLY_SCORE, reference }: PooledContextOptions,
): PooledContext {
  // llama.cpp pads to 256 positions. Encoders need all of an input in one pass, so a pass holds a whole context.
  const size = Math.ceil(contextSize / 256) * 256;
  const params: StructFields = {
    ...(library.contextDefaultParams() as StructFields),
    ...{ n_ctx: size, n_batch: size, n_ubatch: size, n_seq_max: 1, n_threads: threads, n_threads_batch: threads },
    embeddings: true,
    pooling_type: POOLING_CODES[pooling],
    flash_attn_type: FLASH_ATTENTION_ON,
    no_perf: true,
  };
  const handle: Pointer = library.contextInit(model, params);
  if (!handle) {
    throw new EngineError(
      'not-enough-memory',
      `llama.cpp could not allocate a context of ${size} positions; use a smaller one`,
    );
  }
  // Encoders keep nothing.
  const memory: Pointer = library.contextMemory(handle);
  const tokens = allocateNative(size * 4, (b) => new Int32Array(b));
  const positions = allocateNative(size * 4, (b) => new Int32Array(b));
  positions.view.forEach((_, i, view) => {
    view[i] = i;
  });
  const counts = allocateNative(size * 4, (b) => new Int32Array(b).fill(1));
  const sequence = allocateNative(4, (b) => new Int32Array(b).fill(0));
  const flags = allocateNative(size, (b) => new Int8Array(b).fill(1));
  const pointers = allocateNative(size * 8, (b) => new BigUint64Array(b).fill(0n));
  pointers.view.fill(sequence.address);
  let freed = false;
  if (reference) useReference(library, handle, true);
  return {
    pool(input) {
      if (input.length < 1 || input.length > contextSize) throw new RangeError(`a pass of ${input.length} tokens`);
      if (input.some((token) => token >= vocabularySize)) throw new RangeError('a token is outside the vocabulary');
      tokens.view.set(input);
      if (memory) library.memoryClear(memory, false);
      const code = library.decode(handle, {
        ...{ n_tokens: input.length, token: tokens.pointer, embd: null, pos: positions.pointer },
        ...{ n_seq_id: counts.pointer, seq_id: pointers.pointer, logits: flags.pointer },
      }) as number;
      if (code !== 0) throw new EngineError('engine-crashed', `llama_decode failed with ${code}`, { retryable: true });
      const pooled: Pointer = library.embeddingsOfSequence(handle, 0);
      if (!pooled) throw new EngineError('engine-crashed', 'llama.cpp returned no vector');
      if (pooling !== 'rank') return viewFloats(pooled, embeddingSize);
      return viewFloats(pooled, score.count).subarray(score.at, score.at + 1);
    },
    free() {
      if (freed) return;
      freed = true;
      library.contextFree(handle);
    },
  };
}
