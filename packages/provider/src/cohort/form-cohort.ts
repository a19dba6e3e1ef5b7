import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Announcement, OfferedModel } from '@ogong/protocol/exchange/announcement';
import { type CohortOffer, findMemberSegment, type OfferedMember } from '@ogong/protocol/exchange/cohort/cohort-offer';
import { describeGap, findWeakestProblem, type OfferedSegment } from '@ogong/protocol/exchange/cohort/segment';
import { findTilings, type SegmentOffer, type TilingQuery } from '@ogong/protocol/exchange/cohort/tiling';
import type { MemberPauses } from './member-pauses.ts';

/** A model that this provider offers together with others. */
export type CohortModel = OfferedModel & { readonly cohort: CohortOffer };

export interface FormingOptions extends Omit<TilingQuery, 'offers'> {
  /** Name of the model's modality. */
  readonly modality: string;
  /** Verified announcements of other providers. Expired ones do not count. */
  readonly announcements: readonly Announcement[];
  readonly nowMs: number;
  /** Members that failed lately. Default: none failed. */
  readonly pauses?: Pick<MemberPauses, 'isPaused'>;
  /** The cohort that this provider leads now. Default: none. */
  readonly standing?: CohortModel | undefined;
  /** Replies that the standing cohort serves now. */
  readonly active: number;
}

export type FormedCohort =
  | { readonly model: CohortModel; readonly isKept: boolean }
  /** The layers that nobody serves, or another reason, in words. */
  | { readonly problem: string };

/**
 * Chooses the cohort that this provider leads with its own segment. The standing cohort is kept while its members offer their
 * layers and do not fail. Otherwise, the members of the cheapest tiling take its place (docs/spec/tilings.md). No cohort is formed if a
 * member's class is not of the tier.
 */
export function formCohort(options: FormingOptions): FormedCohort {
  const { standing } = options;
  const kept = standing && refreshCohort(standing, options);
  if (kept !== undefined && 'model' in kept) return { ...kept, isKept: true };
  const found = findTilings({ ...options, offers: listOffers(options) });
  if ('problem' in found) return found;
  const [{ members }] = found.tilings;
  const model = describeModel(members, options.modality);
  const problem = findWeakestProblem(
    model.modelId,
    members.map(({ segment }) => segment.numericClass),
  );
  return problem === undefined ? { model, isKept: false } : { problem };
}

/** Lists the segments that other providers offer now. Those of a provider that failed lately are left out. */
export function listOffers({
  announcements,
  nowMs,
  pauses,
}: Pick<FormingOptions, 'announcements' | 'nowMs' | 'pauses'>): SegmentOffer[] {
  return announcements
    .filter(({ providerId, expiresAtMs }) => expiresAtMs > nowMs && pauses?.isPaused(providerId, nowMs) !== true)
    .flatMap(({ providerId, payee, segments }) => segments.map((segment) => ({ providerId, payee, segment })));
}

/** Describes the standing cohort as it is now, or names the layers that a member no longer serves. */
function refreshCohort(
  standing: CohortModel,
  options: FormingOptions,
): { readonly model: CohortModel } | { readonly problem: string } {
  const { own, active } = options;
  const offers = [...listOffers(options).filter(({ providerId }) => !equalBytes(providerId, own.providerId)), own];
  const members: SegmentOffer[] = [];
  for (const member of standing.cohort.members) {
    const offer = findOffer(offers, standing, member);
    // Replies of this cohort may be what fills a member.
    if (offer === undefined || (offer.segment.freeCapacity === 0 && active === 0))
      return { problem: describeGap(member) };
    members.push(offer);
  }
  return { model: describeModel(members, standing.modality) };
}

const findOffer = (
  offers: readonly SegmentOffer[],
  model: CohortModel,
  member: OfferedMember,
): SegmentOffer | undefined =>
  offers.find(
    ({ providerId, segment }) =>
      equalBytes(providerId, member.providerId) && findMemberSegment([segment], model, member) !== undefined,
  );

/** Describes the whole model: the sum of the prices, and the least context and room. */
function describeModel(members: readonly SegmentOffer[], modality: string): CohortModel {
  const segments = members.map(({ segment }) => segment);
  const { modelId, modelRoot, manifestHash, numericClass } = segments.at(-1) as OfferedSegment;
  const least = (field: 'contextSize' | 'capacity' | 'freeCapacity'): number =>
    Math.min(...segments.map((segment) => segment[field]));
  return {
    ...{ modelId, modelRoot, modality, numericClass },
    pricePer1kAtomic: segments.reduce((sum, { pricePer1kAtomic }) => sum + pricePer1kAtomic, 0n),
    ...{ contextSize: least('contextSize'), capacity: least('capacity'), freeCapacity: least('freeCapacity') },
    cohort: {
      manifestHash,
      members: members.map(({ providerId, segment: { firstLayer, layers, pricePer1kAtomic } }) => ({
        ...{ providerId, firstLayer, layers, pricePer1kAtomic },
      })),
    },
  };
}
