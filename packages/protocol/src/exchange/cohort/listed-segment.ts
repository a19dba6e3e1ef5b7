import { equalBytes } from '../../base/bytes.ts';
import { type CodecType, hash, struct, u16 } from '../../base/codec.ts';
import { layerCount, type OfferedSegment } from './segment.ts';

export const listedSegmentCodec = struct({
  /** SHA-256 of the manifest that names the files of the cut. */
  manifestHash: hash,
  firstLayer: u16,
  layers: layerCount,
});

/** The part of a model that a verifier holds, as a list of candidates names it. */
export interface ListedSegment extends CodecType<typeof listedSegmentCodec> {}

export const isSameSegment = (a: ListedSegment | undefined, b: ListedSegment | undefined): boolean =>
  a === undefined || b === undefined
    ? a === b
    : a.firstLayer === b.firstLayer && a.layers === b.layers && equalBytes(a.manifestHash, b.manifestHash);

/** The part of an offer that verifiers read. */
interface VerifiableOffer {
  readonly modelRoot: Uint8Array;
  readonly contextSize: number;
}

/**
 * Finds the offer by which an announcement shows that its provider holds a whole model, or a part of it. A model that a cohort serves is
 * on no single machine, so it is no such offer.
 * @param segment part of the model. Default: all of it.
 */
export function findHeldOffer(
  { models, segments }: { readonly models: readonly HeldModel[]; readonly segments: readonly OfferedSegment[] },
  modelRoot: Uint8Array,
  segment?: ListedSegment,
): VerifiableOffer | undefined {
  return segment === undefined
    ? models.find((model) => model.cohort === undefined && equalBytes(model.modelRoot, modelRoot))
    : segments.find((one) => equalBytes(one.modelRoot, modelRoot) && isSameSegment(one, segment));
}

interface HeldModel extends VerifiableOffer {
  readonly cohort?: unknown;
}
