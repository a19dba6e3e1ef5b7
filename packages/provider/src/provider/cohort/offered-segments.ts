import { compareBytes } from '@ogong/protocol/base/bytes';
import type { OfferedSegment } from '@ogong/protocol/exchange/cohort/segment';
import type { SegmentTerms } from './open-segments.ts';

/** A segment at work. */
export interface SegmentAtWork {
  readonly terms: SegmentTerms;
  /** Whether it ends the model, so that this provider leads. */
  readonly isLed: boolean;
  /** As the engine states them now. */
  info(): Pick<OfferedSegment, 'numericClass' | 'contextSize' | 'capacity'>;
  /** Orders that it can take beside those that it serves. */
  free(): number;
}

/** Orders that these segments serve for other leaders. */
export const countShardOrders = (segments: readonly SegmentAtWork[]): number =>
  segments.reduce((sum, { isLed, info, free }) => sum + (isLed ? 0 : Math.max(0, info().capacity - free())), 0);

/** Describes the segments for an announcement. @param takesOrders whether the provider serves anybody now. */
export function describeSegments(
  segments: readonly SegmentAtWork[],
  { takesOrders }: { readonly takesOrders: boolean },
): readonly OfferedSegment[] {
  return segments.map((segment) => describeSegment(segment, { takesOrders })).sort(compareSegments);
}

export function describeSegment(
  { terms, info, free }: SegmentAtWork,
  { takesOrders }: { readonly takesOrders: boolean },
): OfferedSegment {
  const { slab, modelId, pricePer1kAtomic, uplinkMbit } = terms;
  const { modelRoot, manifestHash, firstLayer, layers, totalLayers } = slab;
  const { numericClass, contextSize, capacity } = info();
  return {
    ...{ modelId, modelRoot, manifestHash, firstLayer, layers, totalLayers, pricePer1kAtomic },
    ...{ contextSize, numericClass, capacity, uplinkMbit },
    freeCapacity: takesOrders ? Math.max(0, Math.min(capacity, free())) : 0,
  };
}

/** The order of segments in an announcement. */
const compareSegments = (a: OfferedSegment, b: OfferedSegment): number =>
  (a.modelId < b.modelId ? -1 : a.modelId > b.modelId ? 1 : 0) ||
  compareBytes(a.manifestHash, b.manifestHash) ||
  a.firstLayer - b.firstLayer ||
  a.layers - b.layers;
