import { randomBytes } from 'node:crypto';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeEd25519Signer } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { hashSlabManifest, type Slab, type SlabManifest } from '@ogong/protocol/commitment/slab-manifest';
import { createCohortSeat } from '@ogong/provider/cohort/cohort-seat';
import type {
  OpenedLead,
  OpenedSegments,
  OpenedShard,
  SegmentTerms,
} from '@ogong/provider/provider/cohort/open-segments';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createLayeredSegment } from '@ogong/testing/engine/fake-layered-segment';
import { type CohortAttack, disguiseSegment } from '../../attackers/cohort/attack.ts';

const MODEL = { weights: 1, layers: 6, embeddingSize: 32, vocabularySize: 320 };
/** Layers at which the slabs of the model's cut begin, and its end. */
const EDGES = [0, 2, 4, 6];
const SEQUENCES = 8;
const PASS_ROWS = 64;
/** The parts of a price that slabs cost, in their order: they are not equal, and do not divide every fee. */
const PRICE_PARTS = [300_000n, 700_001n, 999_999n];
const UPLINK_MBIT = 100;

/** Creates the engine of a machine that has the whole model. @param weights other numbers are other models. */
export const createWholeEngine = (contextSize: number, weights: number = MODEL.weights): TextEngine =>
  createFakeEngine({ ...MODEL, contextSize, weights, isLayered: true });

const MANIFEST: SlabManifest = {
  ...{ modelRoot: createWholeEngine(32).info().modelRoot, cutter: 1, layers: MODEL.layers },
  slabs: EDGES.slice(1).map((to) => ({ to, sizeBytes: 1, sha256: nodeCrypto.sha256(utf8Encode(`slab to ${to}`)) })),
};
const MANIFEST_HASH = hashSlabManifest(nodeCrypto, MANIFEST);

export interface SegmentPlaceOptions {
  readonly modelId: string;
  readonly contextSize: number;
  /** The parts of a dishonest member. */
  readonly attack?: Pick<CohortAttack, 'bendSegment' | 'bendInput' | 'bendManifest'> | undefined;
}

const bendInput = (segment: SegmentEngine, bend: CohortAttack['bendInput']): SegmentEngine =>
  bend === undefined
    ? segment
    : disguiseSegment(segment, {
        run: (pass) =>
          segment.run({ ...pass, input: pass.input instanceof Float32Array ? bend(pass.input) : pass.input }),
      });

/** Opens the segment of a slab, as `serve --segment` does. The provider of the last slab leads. */
export function openSimulatedSegment(
  slab: number,
  { modelId, contextSize, attack }: SegmentPlaceOptions,
): Pick<OpenedSegments, 'shards' | 'leads'> {
  const [from, to] = [EDGES[slab] as number, EDGES[slab + 1] as number];
  const open = (changes: { readonly weights?: number; readonly to?: number } = {}): SegmentEngine =>
    createLayeredSegment({
      ...{ ...MODEL, from, to, contextSize, sequences: SEQUENCES + 1, passRows: PASS_ROWS },
      ...changes,
    });
  const own = open();
  const forge = { openOther: () => open({ weights: 2 }), openShort: () => open({ to: to - 1 }) };
  const segment = bendInput(attack?.bendSegment?.(own, forge) ?? own, attack?.bendInput);
  const terms: SegmentTerms = {
    ...{ modelId, pricePer1kAtomic: PRICE_PARTS[slab] as bigint, uplinkMbit: UPLINK_MBIT },
    session: createNodeEd25519Signer(randomBytes(32)),
    slab: {
      ...{ path: `slab ${slab}`, modelRoot: MANIFEST.modelRoot, manifest: MANIFEST },
      manifestHash: attack?.bendManifest?.(MANIFEST_HASH) ?? MANIFEST_HASH,
      ...{ firstLayer: from, layers: to - from, totalLayers: MODEL.layers },
      expected: MANIFEST.slabs[slab] as Slab,
      ...{ embeddingSize: MODEL.embeddingSize, vocabularySize: own.info().vocabularySize },
      ...{ weightBytes: 1, trainContext: contextSize },
    },
  };
  if (to < MODEL.layers) return { shards: [{ ...terms, segment } satisfies OpenedShard], leads: [] };
  const seat = createCohortSeat();
  const engine = createFakeEngine({
    ...MODEL,
    contextSize,
    sequences: SEQUENCES,
    chain: { last: segment, before: seat },
  });
  const lead: OpenedLead = { ...terms, engine: { ...engine, pid: () => undefined }, seat, passRows: PASS_ROWS };
  return { shards: [], leads: [lead] };
}
