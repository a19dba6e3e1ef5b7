import { computeTensorBytes } from '@ogong/models/gguf/types';
import { createSlabPlanner, type LayerRange, type SlabPlan } from '@ogong/models/slabs/plan-slabs';
import type { SourceModel } from '@ogong/models/slabs/source-model';
import { readLayerMemory } from '../device/layer-memory.ts';
import { BATCH_ROWS, estimateMemory } from '../device/memory.ts';
import { readSizes, sumLayers } from '../model-file.ts';

/** Rows of a pass that a segment computes at most by default. */
const PASS_ROWS = 512;

export interface CutPlanOptions {
  /** Memory of one machine, bytes. */
  readonly memoryBytes: number;
  /** Tokens of a prompt with its reply. */
  readonly contextSize: number;
  /** Replies at a time. */
  readonly sequences: number;
}

/** Estimated memory of some layers, in bytes. */
export interface LayersMemory extends LayerRange {
  readonly weightBytes: number;
  readonly kvBytes: number;
  /** Of the largest pass. */
  readonly computeBytes: number;
  readonly totalBytes: number;
}

export interface CutPlan {
  readonly architecture: string;
  readonly layers: number;
  /** Memory of the whole model. */
  readonly whole: LayersMemory;
  /** The longest run of layers that fits and may be a slab; undefined if none fits. */
  readonly longest: LayersMemory | undefined;
  /** Slabs of the proposed cut, each of which fits: the fewest, and among those the ones whose largest is smallest. None: no cut fits. */
  readonly slabs: readonly LayersMemory[];
}

/** The rest of a cut, from some layer on. */
interface Tail {
  readonly slabs: readonly LayersMemory[];
  readonly largestBytes: number;
}

/**
 * Plans the cut of a model into slabs that each fit the memory of one machine. It reads headers alone.
 * @throws SlabError with the reason if the model's architecture cannot be cut; GgufError for a broken header.
 */
export function planCut(model: SourceModel, options: CutPlanOptions): CutPlan {
  const planner = createSlabPlanner(model);
  const { architecture, layers } = planner;
  const estimate = createEstimate(model, layers, options);
  const tails: (Tail | undefined)[] = [];
  tails[layers] = { slabs: [], largestBytes: 0 };
  let longest: LayersMemory | undefined;
  for (let from = layers - 1; from >= 0; from--) {
    for (let to = from + 1; to <= layers; to++) {
      if (to - from === layers) continue;
      const plan = planner.plan({ from, to });
      if (plan === undefined) continue;
      const slab = estimate(plan);
      if (slab.totalBytes > options.memoryBytes) continue;
      if (longest === undefined || to - from > longest.to - longest.from) longest = slab;
      const tail = tails[to];
      if (tail === undefined) continue;
      const largestBytes = Math.max(slab.totalBytes, tail.largestBytes);
      const found: Tail = { slabs: [slab, ...tail.slabs], largestBytes };
      const known = tails[from];
      if (known === undefined || isBetter(found, known)) tails[from] = found;
    }
  }
  const whole = estimate({ from: 0, to: layers, tensors: model.tensors });
  return { architecture, layers, whole, longest, slabs: tails[0]?.slabs ?? [] };
}

const isBetter = (a: Tail, b: Tail): boolean =>
  a.slabs.length < b.slabs.length || (a.slabs.length === b.slabs.length && a.largestBytes < b.largestBytes);

/** Returns the estimate by which an engine accepts a segment, or the leader's engine the last one. */
function createEstimate(
  { metadata, tensors }: SourceModel,
  layers: number,
  { contextSize, sequences }: CutPlanOptions,
): (
  slab: LayerRange & { readonly tensors: readonly Pick<SlabPlan['tensors'][number], 'type' | 'dimensions' | 'name'>[] },
) => LayersMemory {
  const sizes = readSizes(
    metadata,
    tensors.map((tensor) => ({ ...tensor, offset: 0 })),
  );
  const memory = readLayerMemory(metadata, tensors);
  const architecture = metadata.get('general.architecture')?.value;
  const embeddingSize = Number(metadata.get(`${String(architecture)}.embedding_length`)?.value ?? 0);
  const words = metadata.get('tokenizer.ggml.tokens')?.value;
  const vocabulary = Array.isArray(words) ? words.length : 0;
  return ({ from, to, tensors: own }) => {
    const isLast = to === layers;
    // The first slab has a block of zeros more, of the kind of the layer behind it.
    const end = from === 0 && !isLast ? to + 1 : to;
    const blocks = [...memory].filter(([layer]) => layer >= from && layer < end).map(([, each]) => each);
    const { weights, kv, compute, total } = estimateMemory(
      {
        ...sizes,
        path: '',
        embeddingSize,
        vocabularySize: from === 0 || isLast ? vocabulary : 0,
        weightBytes: own.reduce((sum, tensor) => sum + (computeTensorBytes(tensor) ?? 0), 0),
        ...sumLayers(blocks),
      },
      // Each slab has a sequence more than replies, for scores (docs/spec/slabs.md).
      { contextSize, sequences: sequences + 1, batchSize: isLast ? BATCH_ROWS : PASS_ROWS },
    );
    return { from, to, weightBytes: weights, kvBytes: kv, computeBytes: compute, totalBytes: total };
  };
}
