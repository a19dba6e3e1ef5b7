import { compareBytes, ProtocolError } from '../../base/bytes.ts';
import {
  type Codec,
  type CodecType,
  hash,
  list,
  plainText,
  refine,
  struct,
  u8,
  u16,
  u32,
  u128,
  within,
} from '../../base/codec.ts';
import { findTierProblem } from '../../tier/posture.ts';
import { isAttestedTier } from '../../tier/registry.ts';
import { MAX_NUMERIC_CLASS_BYTES } from '../limits.ts';
import { contextSize, modelId, parseModelId } from '../match.ts';

/** The most segments of one announcement. */
export const MAX_SEGMENTS = 16;
const MAX_LAYERS = 65_535;

/** Number of layers of a segment. */
export const layerCount: Codec<number> = within(u16, 1, MAX_LAYERS);

const segmentCodec = struct({
  modelId,
  /** Root of the whole model. */
  modelRoot: hash,
  /** SHA-256 of the manifest that names the files of the cut, see hashSlabManifest. */
  manifestHash: hash,
  firstLayer: u16,
  layers: layerCount,
  /** Layers of the whole model. */
  totalLayers: layerCount,
  /** Price of 1,000 units for these layers. */
  pricePer1kAtomic: u128,
  contextSize,
  numericClass: plainText(MAX_NUMERIC_CLASS_BYTES, { minLength: 0 }),
  /** Replies that pass through these layers at a time. */
  capacity: within(u16, 1, 65_535),
  freeCapacity: u16,
  /** Megabits per second that the provider sends, by its own statement. */
  uplinkMbit: within(u32, 1, 0xffffffff),
});

/** Some consecutive layers of a model, which a provider serves together with others (docs/spec/tilings.md). */
export interface OfferedSegment extends CodecType<typeof segmentCodec> {}

/** Segments of one announcement, ascending by model id, manifest, first layer and number of layers. */
export const segmentsCodec: Codec<readonly OfferedSegment[]> = list<OfferedSegment>(
  refine(segmentCodec, assertSegment),
  {
    count: u8,
    max: MAX_SEGMENTS,
    ascending: (a, b) =>
      (a.modelId < b.modelId ? -1 : a.modelId > b.modelId ? 1 : 0) ||
      compareBytes(a.manifestHash, b.manifestHash) ||
      a.firstLayer - b.firstLayer ||
      a.layers - b.layers,
  },
);

/** Finds the reason that no cohort serves this model id; undefined if cohorts may. */
export function findSharedTierProblem(id: string): string | undefined {
  const { tier } = parseModelId(id);
  return isAttestedTier(tier) ? `in tier ${tier} one machine serves a model alone` : undefined;
}

/**
 * Finds the reason that members with these classes do not serve this model id. The tier of a cohort is that of its weakest member, so
 * one class outside the tier is enough.
 * @param classes of the members, by place.
 */
export function findWeakestProblem(id: string, classes: readonly string[]): string | undefined {
  const problems = classes.flatMap((numericClass, place) => {
    const problem = findTierProblem(parseModelId(id).tier, numericClass);
    return problem === undefined ? [] : [`shard ${place}: ${problem}`];
  });
  return findSharedTierProblem(id) ?? problems[0];
}

/** Names layers in a message: "layers 20 to 39". */
export const describeLayers = ({ firstLayer, layers }: Pick<OfferedSegment, 'firstLayer' | 'layers'>): string =>
  layers === 1 ? `layer ${firstLayer}` : `layers ${firstLayer} to ${firstLayer + layers - 1}`;

/** Explains that layers cannot be served. */
export const describeGap = (range: Pick<OfferedSegment, 'firstLayer' | 'layers'>): string =>
  `${describeLayers(range)} ${range.layers === 1 ? 'has' : 'have'} no provider with room`;

function assertSegment(segment: OfferedSegment): void {
  const { modelId: id, numericClass, firstLayer, layers, totalLayers, capacity, freeCapacity } = segment;
  const problem = findTierProblem(parseModelId(id).tier, numericClass) ?? findSharedTierProblem(id);
  if (problem !== undefined) throw new ProtocolError('malformed', problem);
  if (layers === totalLayers || firstLayer + layers > totalLayers) {
    throw new ProtocolError('out-of-range', `${describeLayers(segment)} of ${totalLayers} are no part of a model`);
  }
  if (freeCapacity > capacity) {
    throw new ProtocolError('out-of-range', `${freeCapacity} free of a capacity of ${capacity}`);
  }
}
