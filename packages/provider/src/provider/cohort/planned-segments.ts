import { findSharedTierProblem, MAX_SEGMENTS } from '@ogong/protocol/exchange/cohort/segment';
import { findIdProblem } from '../orders/planned-offers.ts';

/** A slab to serve together with other providers, as the operator names it. */
export interface PlannedSlab {
  /** Its file. */
  readonly slab: string;
  readonly modelId: string;
  readonly pricePer1kAtomic: bigint;
}

export interface SlabSettings {
  readonly segment: readonly string[];
  /** One for all segments, or one for each. */
  readonly segmentModelId: readonly string[];
  /** One for all segments, or one for each. */
  readonly segmentPrice: readonly bigint[];
  readonly kernels?: string | undefined;
}

/**
 * The nth segment has the nth id and the nth price.
 * @param problems problems are added to it.
 */
export function planSegments(
  { segment, segmentModelId, segmentPrice, kernels = 'exact' }: SlabSettings,
  problems: string[],
): readonly PlannedSlab[] {
  if (segment.length > MAX_SEGMENTS) problems.push(`--segment: ${segment.length} given, at most ${MAX_SEGMENTS}`);
  for (const [flag, given] of [
    ['--segment-model-id', segmentModelId],
    ['--segment-price', segmentPrice],
  ] as const) {
    if (given.length !== segment.length && !(given.length === 1 && segment.length > 0))
      problems.push(`${flag}: ${given.length} given for ${segment.length} segments; give one for all, or one for each`);
  }
  // A leader chooses how many rows of how many replies run together, and the bits of tiles depend on that.
  if (segment.length > 0 && kernels !== 'exact')
    problems.push(`--kernels ${kernels}: segments for other providers run with --kernels exact`);
  for (const id of segmentModelId) {
    const problem = findIdProblem(id) ?? findSharedTierProblem(id);
    if (problem !== undefined) problems.push(`--segment-model-id: ${problem}`);
  }
  return segment.map((slab, i) => ({
    slab,
    modelId: segmentModelId[i] ?? segmentModelId[0] ?? '',
    pricePer1kAtomic: segmentPrice[i] ?? segmentPrice[0] ?? 0n,
  }));
}
