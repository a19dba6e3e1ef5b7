import { createGivenRows } from '@ogong/engine/decode/given-rows';
import { openChainedTextEngine, segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentEngine } from '@ogong/engine/llama-cpp/segment/segment-engine';
import { openFileHashes } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { HeldSegment, SegmentScorer } from '../modality/text/segment-job.ts';
import type { LoadingPlace } from './engine-config.ts';
import { type ReadSlab, readSlab } from './read-slab.ts';
import { chooseShape, chooseThreads, type SlabEngineSettings } from './slab-shape.ts';

export interface OpenedHeldSegments {
  readonly segments: readonly HeldSegment[];
  close(): Promise<void>;
}

/**
 * Loads the slabs of a verifier, each into a process of its own with one sequence. Orders never run there. If one fails, none stays open.
 * @throws EngineError
 */
export async function openHeldSegments(
  paths: readonly string[],
  settings: SlabEngineSettings,
  { log, onReading }: Pick<LoadingPlace, 'log' | 'onReading'>,
): Promise<OpenedHeldSegments> {
  const segments: HeldSegment[] = [];
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(closers.map((end) => end()));
  };
  const hooks = {
    onEvent(event: { readonly kind: string }) {
      if (event.kind === 'crashed') log.warn(event, 'the process of a segment ended');
    },
  };
  const hashes = openFileHashes(settings.modelsDir, {
    verify: settings.verify ?? false,
    ...(onReading && { onReading }),
  });

  async function openScorer(slab: ReadSlab): Promise<SegmentScorer> {
    const { path, modelRoot, embeddingSize, expected } = slab;
    const shape = chooseShape({ ...settings, sequences: 1 }, slab);
    const shared = { expected, hashes, threads: chooseThreads(settings, slab, paths.length) };
    if (slab.firstLayer + slab.layers < slab.totalLayers) {
      const segment = await openSegmentEngine(path, { ...segmentOptionsOf(shape), ...shared, sequences: 1 }, hooks);
      closers.push(() => segment.close());
      return { kind: 'rows', segment };
    }
    const given = createGivenRows(embeddingSize);
    // Equal tokens of two jobs may have different rows, so no job begins with the cache of another.
    const chain = { last: path, modelRoot, before: given, prefixCache: false, ...shape, ...shared };
    const engine = await openChainedTextEngine(chain, hooks);
    closers.push(() => engine.close());
    return { kind: 'windows', engine, given };
  }

  try {
    for (const path of paths) {
      const slab = readSlab(path);
      const { modelRoot, firstLayer, layers, totalLayers } = slab;
      segments.push({ modelRoot, firstLayer, layers, totalLayers, scorer: await openScorer(slab) });
      log.info({ modelRoot: toHex(modelRoot), firstLayer, layers }, 'the segment is loaded');
    }
    return { segments, close };
  } catch (error) {
    await close();
    throw error;
  }
}
