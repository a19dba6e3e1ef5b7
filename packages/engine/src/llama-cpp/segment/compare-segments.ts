import type { LocalContext } from '../../decode/batch-model.ts';
import { cutPiece } from '../../decode/prompt-pieces.ts';
import { createSegmentChain, type SegmentChain } from '../../decode/segment-chain.ts';
import { EngineError } from '../../interface/engine-error.ts';
import { findLlamaBuild } from '../device/platform.ts';
import { loadLlama } from '../library.ts';
import { createLlamaBatchModel } from '../llama-model.ts';
import { openLlamaModel } from '../model.ts';
import { inspectModelFile, mixesNeighbours } from '../model-file.ts';
import { exactKernelsFor, isPaddedPath, type KvType, tiledKernelsFor } from '../numeric-class.ts';
import { openSegmentModel } from './segment-model.ts';

/** One way to run a few replies. */
export interface ComparedRun {
  /** Replies side by side; one if the model runs no more. */
  readonly sequences: number;
  /** Tokens of each prompt. */
  readonly promptTokens: number;
  /** Rows of each piece of a prompt. */
  readonly pieceRows: number;
  /** Tokens of each reply. */
  readonly steps: number;
  /** Guesses of every other step, some of them wrong. A model with recurrent layers gets none. */
  readonly guesses: number;
  /** Other runs have other tokens. */
  readonly seed: number;
}

export interface SegmentCompareOptions {
  readonly isa?: string;
  readonly threads?: number;
  readonly kernels?: 'exact' | 'tiled';
  readonly kvType?: KvType;
  readonly signal?: AbortSignal | undefined;
}

export interface ComparedRows {
  readonly replies: number;
  /** Replies with a row that differs. */
  readonly differingReplies: number;
  /** Rows with logits. */
  readonly rows: number;
  /** Rows whose logits or head inputs differ in a bit. */
  readonly differing: number;
}

/** A whole model and the chain of its segments, which run the same passes. */
export interface SegmentComparison {
  /** @throws EngineError */
  run(run: ComparedRun): Promise<ComparedRows>;
  close(): Promise<void>;
}

const PASS_ROWS = 512;
/** The most positions of a reply. */
export const COMPARED_POSITIONS = 1_024;
/** The most replies side by side. */
export const COMPARED_SEQUENCES = 4;

/**
 * Opens a model and the slabs of it, in this process on the CPU.
 * @param slabPaths in the order of the layers.
 * @throws EngineError if one cannot be opened.
 */
export function openSegmentComparison(
  modelPath: string,
  slabPaths: readonly string[],
  { isa = 'auto', threads = 1, kernels = 'exact', kvType = 'f16', signal }: SegmentCompareOptions = {},
): SegmentComparison {
  const facts = inspectModelFile(modelPath);
  const path = kernels === 'tiled' ? tiledKernelsFor(facts) : exactKernelsFor(facts);
  const llama = openLlamaModel(loadLlama(findLlamaBuild(), isa), modelPath);
  if (llama.isRecurrent && isPaddedPath(path)) {
    llama.free();
    throw new EngineError(
      'unsupported-model',
      'the model has recurrent layers and float weights, whose kernels are not exact; quantise it, for example to q8_0',
    );
  }
  const whole = createLlamaBatchModel(llama, {
    ...{ kernels: path, kvType, threads, contextSize: COMPARED_POSITIONS, batchSize: PASS_ROWS },
    ...{ flashAttention: true, kvUnified: false },
  });
  const openChain = (sequences: number): SegmentChain => {
    const options = { contextSize: COMPARED_POSITIONS, sequences, threads, passRows: PASS_ROWS, isa, kernels, kvType };
    return createSegmentChain(slabPaths.map((slab) => openSegmentModel(slab, { ...options, weights: facts })));
  };
  return {
    async run(run) {
      const sequences = mixesNeighbours(facts.architecture) ? 1 : run.sequences;
      const chain = openChain(sequences);
      const context = whole.createContext({ purpose: 'serve', sequences });
      try {
        const guesses = llama.isRecurrent ? 0 : run.guesses;
        return await compareRun({ ...run, sequences, guesses }, { context, chain, ...whole, signal });
      } finally {
        context.free();
        await chain.close();
      }
    },
    async close() {
      whole.free();
    },
  };
}

interface ComparedSides {
  readonly context: LocalContext;
  readonly chain: SegmentChain;
  readonly vocabularySize: number;
  readonly embeddingSize: number;
  readonly signal: AbortSignal | undefined;
}

async function compareRun(run: ComparedRun, sides: ComparedSides): Promise<ComparedRows> {
  const { sequences, promptTokens, pieceRows, steps, guesses, seed } = run;
  const { context, chain, vocabularySize, embeddingSize, signal } = sides;
  if (sequences > COMPARED_SEQUENCES || promptTokens + steps + guesses > COMPARED_POSITIONS)
    throw new RangeError(`a run has ${COMPARED_SEQUENCES} replies of ${COMPARED_POSITIONS} positions at most`);
  const usable = Math.max(1, vocabularySize - 3);
  const tokenAt = (position: number, sequence: number): number =>
    Math.min(vocabularySize - 1, 3 + ((position * 7919 + (sequence + 1) * 104_729 + seed * 15_485_863) % usable));

  for (let sequence = 0; sequence < sequences; sequence++) {
    for (let from = 0; from < promptTokens; ) {
      const { end, shapeClass } = cutPiece(context, { from, rows: promptTokens, chunk: pieceRows });
      const tokens = Uint32Array.from({ length: end - from }, (_, i) => tokenAt(from + i, sequence));
      tokens.forEach((token, i) => {
        context.add(token, from + i, sequence, shapeClass);
      });
      context.decode(false);
      await chain.run({ kind: 'prompt', groups: [{ sequence, position: from, rows: end - from }], tokens });
      from = end;
      signal?.throwIfAborted();
    }
  }

  const broken = new Set<number>();
  let rows = 0;
  let differing = 0;
  for (let step = 0; step < steps; step++) {
    const position = promptTokens + step;
    const count = step % 2 === 1 ? guesses : 0;
    // The last guess is wrong, so positions are dropped that hold another token.
    const tokenOf = (sequence: number, i: number): number =>
      tokenAt(position + i, i > 0 && i === count ? sequence + COMPARED_SEQUENCES : sequence);
    for (let sequence = 0; sequence < sequences; sequence++) {
      context.add(tokenOf(sequence, 0), position, sequence);
      context.guess(
        Int32Array.from({ length: count }, (_, i) => tokenOf(sequence, i + 1)),
        count,
      );
    }
    context.decode(true);
    const each = 1 + context.guessesRun(0);
    const output = await chain.run({
      kind: 'step',
      groups: Array.from({ length: sequences }, (_, sequence) => ({ sequence, position, rows: each })),
      tokens: Uint32Array.from({ length: sequences * each }, (_, i) => tokenOf(Math.floor(i / each), i % each)),
    });
    for (let row = 0; row < sequences * each; row++) {
      const sequence = Math.floor(row / each);
      const at = context.outputRow(sequence) + (row % each);
      rows++;
      const isEqual =
        isSameRow(context.logits(), at, output.logits, row, vocabularySize) &&
        isSameRow(context.hidden(), at, output.hidden, row, embeddingSize);
      if (isEqual) continue;
      differing++;
      broken.add(sequence);
    }
    if (each > 1) {
      for (let sequence = 0; sequence < sequences; sequence++) {
        context.remove(sequence, position + 1);
        await chain.drop(sequence, position + 1);
      }
    }
    signal?.throwIfAborted();
  }
  return { replies: sequences, differingReplies: broken.size, rows, differing };
}

/** Compares the bits of two rows. */
function isSameRow(a: Float32Array, atA: number, b: Float32Array, atB: number, width: number): boolean {
  const bits = (rows: Float32Array, at: number): Buffer =>
    Buffer.from(rows.buffer, rows.byteOffset + 4 * at * width, 4 * width);
  return bits(a, atA).equals(bits(b, atB));
}
