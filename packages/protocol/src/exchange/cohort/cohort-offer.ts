import { equalBytes, toHex } from '../../base/bytes.ts';
import { type Codec, type CodecType, hash, list, struct, u8, u16, u128 } from '../../base/codec.ts';
import { findSharedTierProblem, layerCount, type OfferedSegment } from './segment.ts';

/** The most members of one cohort. */
export const MAX_COHORT_MEMBERS = 64;

const memberCodec = struct({
  providerId: hash,
  firstLayer: u16,
  layers: layerCount,
  /** The member's part of the offer's price. */
  pricePer1kAtomic: u128,
});

/** A provider's part of a cohort. */
export interface OfferedMember extends CodecType<typeof memberCodec> {}

/** The providers that serve an offered model together (docs/spec/tilings.md). */
export interface CohortOffer {
  /** SHA-256 of the manifest that names the files of the cut. */
  readonly manifestHash: Uint8Array;
  /** In the order of their layers. The last member announces the offer, and leads. */
  readonly members: readonly OfferedMember[];
}

export const cohortOfferCodec: Codec<CohortOffer> = struct({
  manifestHash: hash,
  members: list<OfferedMember>(memberCodec, { count: u8, min: 2, max: MAX_COHORT_MEMBERS }),
});

/** An offered model that a cohort serves. */
export interface SharedModel {
  readonly modelId: string;
  readonly modelRoot: Uint8Array;
  readonly pricePer1kAtomic: bigint;
  readonly contextSize: number;
  readonly numericClass: string;
  readonly cohort: CohortOffer;
}

/**
 * Finds the reason that an announcement cannot offer a model with this cohort; undefined if it can.
 * @param providerId of the announcement.
 */
export function findCohortProblem(
  { modelId, pricePer1kAtomic, cohort: { members } }: Pick<SharedModel, 'modelId' | 'pricePer1kAtomic' | 'cohort'>,
  providerId: Uint8Array,
): string | undefined {
  let next = 0;
  let price = 0n;
  for (const { firstLayer, layers, pricePer1kAtomic: part } of members) {
    if (firstLayer !== next) return `a member begins at layer ${firstLayer}, expected layer ${next}`;
    next += layers;
    price += part;
  }
  const leader = members.at(-1);
  if (!leader || !equalBytes(leader.providerId, providerId)) return 'another provider has the last layers';
  if (new Set(members.map((member) => toHex(member.providerId))).size !== members.length) {
    return 'a provider has two parts of the model';
  }
  if (price !== pricePer1kAtomic) return `its members cost ${price}, the offer ${pricePer1kAtomic}`;
  return findSharedTierProblem(modelId);
}

/**
 * Finds the segment by which a member offers its part of the model. Layers, cut and class are those of the offer. The price may be
 * lower, and the context longer.
 * @param segments of the member's own announcement.
 */
export function findMemberSegment(
  segments: readonly OfferedSegment[],
  { modelId, modelRoot, contextSize, numericClass, cohort: { manifestHash, members } }: SharedModel,
  { firstLayer, layers, pricePer1kAtomic }: OfferedMember,
): OfferedSegment | undefined {
  const totalLayers = members.reduce((sum, member) => sum + member.layers, 0);
  return segments.find(
    (segment) =>
      segment.modelId === modelId &&
      segment.firstLayer === firstLayer &&
      segment.layers === layers &&
      segment.totalLayers === totalLayers &&
      segment.pricePer1kAtomic <= pricePer1kAtomic &&
      segment.contextSize >= contextSize &&
      segment.numericClass === numericClass &&
      equalBytes(segment.modelRoot, modelRoot) &&
      equalBytes(segment.manifestHash, manifestHash),
  );
}
