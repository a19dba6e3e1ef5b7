import { EngineError } from '../../interface/engine-error.ts';
import { type ModelFacts, mixesNeighbours } from '../model-file.ts';
import type { KvType } from '../numeric-class.ts';
import {
  assertFitsMemory,
  BATCH_ROWS,
  estimateMemory,
  type GivenMemory,
  type MemoryRoom,
  toMemoryRoom,
} from './memory.ts';

/** Positions of a sequence if nobody asks for others: chats fit, and a cache of eight stays small beside the weights. */
export const USUAL_CONTEXT = 8192;
/** Replies at a time if nobody asks for another number. */
export const USUAL_SEQUENCES = 8;
/** llama.cpp allocates positions in blocks. */
const BLOCK = 256;

interface Wanted {
  /** Positions per sequence. Default: the model's own up to USUAL_CONTEXT, fewer if they do not fit. */
  readonly contextSize?: number | undefined;
  /** Default: as many as fit, USUAL_SEQUENCES at most; one where a reply would change with others beside it. */
  readonly sequences?: number | undefined;
  readonly kvType?: KvType | undefined;
  readonly valueType?: KvType | undefined;
  /** Rows of a pass. Default: BATCH_ROWS. */
  readonly batchSize?: number | undefined;
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
 * @param given bytes, or a room with the limit that it comes from. Default: the room that the system allows.
 * @throws EngineError('not-enough-memory') that says what would fit.
 */
export function planMemory(file: ModelFacts, wanted: Wanted, given?: GivenMemory): MemoryPlan {
  const room = toMemoryRoom(given);
  const available = room.bytes;
  const { kvType, valueType, batchSize = BATCH_ROWS } = wanted;
  const shapeOf = (contextSize: number, sequences: number) => ({
    ...{ contextSize, sequences, kvType, valueType, batchSize },
  });
  const fits = (contextSize: number, sequences: number): boolean =>
    estimateMemory(file, shapeOf(contextSize, sequences)).total <= available;
  const describe = (contextSize: number, sequences: number): MemoryPlan => {
    const { weights, kv, compute, total } = estimateMemory(file, shapeOf(contextSize, sequences));
    return { contextSize, sequences, weights, kvPerSequence: kv / sequences, compute, total, available };
  };
  const usual = wanted.contextSize ?? Math.min(file.trainContext, USUAL_CONTEXT);
  const fewest = wanted.sequences ?? 1;
  const most = mixesNeighbours(file.architecture) ? 1 : USUAL_SEQUENCES;
  for (let sequences = wanted.sequences ?? most; sequences >= fewest; sequences--) {
    if (fits(usual, sequences)) return describe(usual, sequences);
  }
  if (wanted.contextSize === undefined) {
    for (let blocks = Math.floor((usual - 1) / BLOCK); blocks > 0; blocks--) {
      if (fits(blocks * BLOCK, fewest)) return describe(blocks * BLOCK, fewest);
    }
  }
  // The smallest plan that was tried, so that the message asks for no more than is needed.
  assertFitsMemory(file, shapeOf(wanted.contextSize ?? Math.min(usual, BLOCK), fewest), room);
  throw new TypeError('a plan that fits was passed over');
}

/**
 * Returns the memory to plan with if the weights alone are too large for it. A CPU reads a mapped file from the disk as it computes.
 * Only the KV cache and the buffers have to fit.
 * @returns undefined if the model fits by itself, or if not even its cache and buffers would fit.
 */
export function allowPagedWeights(file: ModelFacts, wanted: Wanted, room: MemoryRoom): MemoryRoom | undefined {
  const fits = (each: MemoryRoom): boolean => {
    try {
      planMemory(file, wanted, each);
      return true;
    } catch (error) {
      if (error instanceof EngineError && error.code === 'not-enough-memory') return false;
      throw error;
    }
  };
  const paged = { ...room, bytes: room.bytes + file.weightBytes };
  return fits(room) || !fits(paged) ? undefined : paged;
}

/** A fast disk reads so many bytes a second. */
const DISK_RATE = 1e9;

/**
 * Estimates the time of a token if the weights are read from the disk at every pass. The system drops the pages that were used longest
 * ago. So a model that is larger than the memory never finds its first pages there.
 * @returns seconds, on a disk that reads 1 GB a second. A mixture of experts reads less: the experts of the token.
 */
export const estimatePagedSeconds = ({ weightBytes }: Pick<ModelFacts, 'weightBytes'>): number =>
  weightBytes / DISK_RATE;
