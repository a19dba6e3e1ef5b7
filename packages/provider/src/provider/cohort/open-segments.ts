import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import type { LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { openChainedTextEngine, segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentEngine } from '@ogong/engine/llama-cpp/segment/segment-engine';
import { openFileHashes } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Ed25519Signer } from '@ogong/protocol/crypto/crypto';
import { type CohortSeat, createCohortSeat } from '../../cohort/cohort-seat.ts';
import type { EngineSettings, LoadingPlace } from '../../engine/engine-config.ts';
import { type ReadSlab, readSlab } from '../../engine/read-slab.ts';
import { chooseShape, chooseThreads, type SlabEngineSettings } from '../../engine/slab-shape.ts';
import type { PlannedSlab } from './planned-segments.ts';

/** A segment's terms, as they are announced. */
export interface SegmentTerms extends Omit<PlannedSlab, 'slab'> {
  readonly slab: ReadSlab;
  /** Megabits per second. */
  readonly uplinkMbit: number;
  /** Signs passes. Each segment has a key of its own, which changes with every start. */
  readonly session: Ed25519Signer;
}

/** Layers before the last ones, which leaders of cohorts use. */
export interface OpenedShard extends SegmentTerms {
  readonly segment: SegmentEngine;
}

/** The last layers of a model. This provider leads its cohorts. */
export interface OpenedLead extends SegmentTerms {
  readonly engine: LlamaEngine;
  /** The layers before, of whichever cohort serves now. */
  readonly seat: CohortSeat;
  /** Rows of one pass at most. */
  readonly passRows: number;
}

export interface OpenedSegments {
  readonly shards: readonly OpenedShard[];
  readonly leads: readonly OpenedLead[];
  close(): Promise<void>;
}

type SegmentEngineSettings = SlabEngineSettings & Pick<EngineSettings, 'drafts'> & { readonly uplink: number };

/** Services around the segments. */
interface SegmentPlace extends Pick<LoadingPlace, 'log' | 'onReading'> {
  /** Draws a new session key. */
  readonly drawSession: () => Ed25519Signer;
}

/** Loads each slab into a process of its own. If one fails, none stays open. @throws EngineError */
export async function openSegments(
  planned: readonly PlannedSlab[],
  settings: SegmentEngineSettings,
  { log, onReading, drawSession }: SegmentPlace,
): Promise<OpenedSegments> {
  const shards: OpenedShard[] = [];
  const leads: OpenedLead[] = [];
  const close = async (): Promise<void> => {
    await Promise.all([...shards.map(({ segment }) => segment.close()), ...leads.map(({ engine }) => engine.close())]);
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
  try {
    for (const { slab: path, modelId, pricePer1kAtomic } of planned) {
      const slab = readSlab(path);
      assertDistinct([...shards, ...leads], slab);
      const terms = { modelId, pricePer1kAtomic, slab, uplinkMbit: settings.uplink, session: drawSession() };
      const shape = chooseShape(settings, slab);
      const threads = chooseThreads(settings, slab, planned.length);
      const options = segmentOptionsOf(shape);
      const shared = { expected: slab.expected, hashes, threads };
      if (slab.firstLayer + slab.layers < slab.totalLayers) {
        // No reply is run again over links, so a shard has no sequence for scores.
        const { sequences } = shape;
        const segment = await openSegmentEngine(path, { ...options, ...shared, sequences }, hooks);
        shards.push({ ...terms, segment });
      } else {
        const seat = createCohortSeat();
        const engine = await openChainedTextEngine(
          { last: path, modelRoot: slab.modelRoot, before: seat, drafts: settings.drafts ?? 0, ...shape, ...shared },
          hooks,
        );
        leads.push({ ...terms, engine, seat, passRows: options.passRows as number });
      }
      const about = { modelId, modelRoot: toHex(slab.modelRoot), firstLayer: slab.firstLayer, layers: slab.layers };
      log.info(about, 'the segment is loaded');
    }
    return { shards, leads, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A shard is found by its cut and its first layer. A model that is led is found by its root. */
function assertDistinct(opened: readonly SegmentTerms[], { path, manifestHash, firstLayer }: ReadSlab): void {
  const isSame = ({ slab }: SegmentTerms): boolean =>
    toHex(slab.manifestHash) === toHex(manifestHash) && slab.firstLayer === firstLayer;
  if (opened.some(isSame)) throw new EngineError('invalid-request', `the slab at ${path} is named twice`);
}
