import { EngineError } from '../../interface/engine-error.ts';
import type { ModelFacts } from '../model-file.ts';
import type { KernelPath } from '../numeric-class.ts';
import { BATCH_ROWS, type ContextShape, estimateMemory } from './memory.ts';
import { ALL_LAYERS } from './placement.ts';

/** Bytes of a layer, and of the cache and the states that it keeps. */
export interface LayerSize {
  readonly weightBytes: number;
  /** Cache of a position at f16. */
  readonly positionBytes: number;
  readonly sequenceBytes: number;
}

/** Sizes of a model's parts, as llama.cpp places them. */
export interface LayerSizes {
  readonly layers: readonly LayerSize[];
  /** The head, and other tensors behind the layers. They lie on the card with the last layer. */
  readonly headBytes: number;
}

interface CardLoad extends Omit<ContextShape, 'batchSize'> {
  readonly batchSize?: number | undefined;
  readonly kernels: KernelPath;
}

/** Share of a card's memory that stays free: its driver and the pieces between allocations take some. */
const HEADROOM = 1 / 16;

/**
 * Chooses how many of the last layers lie on the card; the others stay on the CPU.
 * @param freeBytes free memory of the card, or of all cards together. Below 0 it counts as none.
 * @returns ALL_LAYERS if the whole model fits.
 * @throws EngineError('not-enough-memory') if not all fit and the class is compared bit for bit: it names no placement.
 */
export function chooseGpuLayers(
  file: ModelFacts,
  { layers, headBytes }: LayerSizes,
  { contextSize, sequences, kvType, valueType, batchSize = BATCH_ROWS, kernels }: CardLoad,
  freeBytes: number,
): number {
  const room = Math.max(0, freeBytes) * (1 - HEADROOM);
  const sizesOf = (part: readonly LayerSize[]) =>
    estimateMemory(
      {
        ...file,
        weightBytes: headBytes + sum(part, ({ weightBytes }) => weightBytes),
        kvBytesPerPosition: sum(part, ({ positionBytes }) => positionBytes),
        stateBytesPerSequence: sum(part, ({ sequenceBytes }) => sequenceBytes),
      },
      { contextSize, sequences, batchSize, kvType, valueType },
    ).total;
  let count = layers.length;
  while (count > 0 && sizesOf(layers.slice(-count)) > room) count--;
  if (count === layers.length) return ALL_LAYERS;
  if (kernels === 'plain' || kernels === 'fast') return count;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw new EngineError(
    'not-enough-memory',
    `${file.path} needs about ${mib(sizesOf(layers))} on the card, and ${mib(room)} may be taken there. A class that is compared bit for bit has all layers there. Take --backend cpu, or a smaller --n-ctx or --sequences. --kernels plain leaves ${layers.length - count} of ${layers.length} layers to the CPU`,
  );
}

const sum = (layers: readonly LayerSize[], part: (layer: LayerSize) => number): number =>
  layers.reduce((total, layer) => total + part(layer), 0);
