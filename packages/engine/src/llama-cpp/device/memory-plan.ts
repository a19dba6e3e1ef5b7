import { EngineError } from '../../interface/engine-error.ts';
import type { ModelFacts } from '../model-file.ts';
import type { KvType } from '../numeric-class.ts';
import { assertFitsMemory, BATCH_ROWS, estimateMemory } from './memory.ts';

/** Positions of a sequence if nobody asks for others: chats fit, and a cache of eight stays small beside the weights. */
export const USUAL_CONTEXT = 8192;
/** Replies at a time if nobody asks for another number. */
export const USUAL_SEQUENCES = 8;
/** llama.cpp allocates positions in blocks. */
const BLOCK = 256;

interface Wanted {
  /** Positions per sequence. Default: the model's own up to USUAL_CONTEXT, fewer if they do not fit. */
  readonly contextSize?: number | undefined;
  /** Default: as many as fit, USUAL_SEQUENCES at most. */
  readonly sequences?: number | undefined;
  readonly kvType?: KvType | undefined;
}

/** How a model would lie in memory. Sizes in bytes, estimated from the file's header. */
export interface MemoryPlan {
  readonly contextSize: number;
  readonly sequences: number;
  readonly weights: number;
  readonly kvPerSequence: number;
  readonly compute: number;
  readonly total: number;
  readonly available: number;
}

/**
 * Plans a model's share of the memory. It gets the usual context first, then as many sequences as fit beside each other. It gets a
 * shorter context only if not even one sequence fits.
 * @param available bytes.
 * @throws EngineError('not-enough-memory') that says what would fit.
 */
export function planMemory(file: ModelFacts, wanted: Wanted, available: number): MemoryPlan {
  const { kvType = 'f16' } = wanted;
  const shapeOf = (contextSize: number, sequences: number) => ({
    ...{ contextSize, sequences, kvType },
    batchSize: BATCH_ROWS,
  });
  const fits = (contextSize: number, sequences: number): boolean =>
    estimateMemory(file, shapeOf(contextSize, sequences)).total <= available;
  const describe = (contextSize: number, sequences: number): MemoryPlan => {
    const { weights, kv, compute, total } = estimateMemory(file, shapeOf(contextSize, sequences));
    return { contextSize, sequences, weights, kvPerSequence: kv / sequences, compute, total, available };
  };
  const usual = wanted.contextSize ?? Math.min(file.trainContext, USUAL_CONTEXT);
  const fewest = wanted.sequences ?? 1;
  for (let sequences = wanted.sequences ?? USUAL_SEQUENCES; sequences >= fewest; sequences--) {
    if (fits(usual, sequences)) return describe(usual, sequences);
  }
  if (wanted.contextSize === undefined) {
    for (let blocks = Math.floor((usual - 1) / BLOCK); blocks > 0; blocks--) {
      if (fits(blocks * BLOCK, fewest)) return describe(blocks * BLOCK, fewest);
    }
  }
  assertFitsMemory(file, shapeOf(usual, fewest), available);
  throw new TypeError('a plan that fits was passed over');
}

/**
 * Returns the memory to plan with if the weights alone are too large for it. A CPU reads a mapped file from the disk as it computes.
 * Only the KV cache and the buffers have to fit.
 * @param available bytes.
 * @returns undefined if the model fits by itself, or if not even its cache and buffers would fit.
 */
export function allowPagedWeights(file: ModelFacts, wanted: Wanted, available: number): number | undefined {
  const fits = (bytes: number): boolean => {
    try {
      planMemory(file, wanted, bytes);
      return true;
    } catch (error) {
      if (error instanceof EngineError && error.code === 'not-enough-memory') return false;
      throw error;
    }
  };
  const paged = available + file.weightBytes;
  return fits(available) || !fits(paged) ? undefined : paged;
}
