import { toHex } from '@ogong/protocol/base/bytes';
import type { Announcement } from '@ogong/protocol/exchange/announcement';
import { findMemberSegment, type OfferedMember, type SharedModel } from '@ogong/protocol/exchange/cohort/cohort-offer';
import { describeGap } from '@ogong/protocol/exchange/cohort/segment';
import type { Offer } from '@ogong/protocol/exchange/match';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';

/** A provider's figures that its offers share. */
export interface OfferStanding
  extends Required<Pick<Offer, 'stakeAtomic' | 'heldAtomic' | 'reputationPpm'>>,
    Pick<Offer, 'boundAtomic'> {}

/** A listed member, by its own announcement. */
export interface MemberListing extends OfferStanding {
  readonly segments: Announcement['segments'];
  /** Whether its link has ended. */
  readonly isGone: boolean;
}

export interface OfferBeforeBounds {
  readonly model: SharedModel;
  /** The leader's own free slots. */
  readonly freeCapacity: number;
  /** Slots of the offer that are held by tickets of this router. */
  readonly held: number;
}

/** The part of an offer that its members decide. */
export interface MemberBounds extends OfferStanding, Required<Pick<Offer, 'freeCapacity' | 'members'>> {
  /** Layers that no member serves now, in words. */
  readonly gap?: string;
}

/**
 * Bounds the offer of a cohort by its members. Free slots and holdings are the least of all. Stake and reputation are those of the
 * member with the least product.
 * @param find finds a member that is listed.
 */
export function boundByMembers(
  { model, freeCapacity, held }: OfferBeforeBounds,
  find: (providerId: Uint8Array) => MemberListing | undefined,
): MemberBounds {
  const { cohort, pricePer1kAtomic } = model;
  const found = cohort.members.map((member) => ({ member, listed: find(member.providerId) }));
  const rooms = found.map(({ member, listed }) => countRoom(model, member, listed) - held);
  const gaps = cohort.members.filter((_, i) => (rooms[i] as number) <= 0).map(describeGap);
  const leader = found.at(-1)?.listed ?? NOBODY;
  // A member that is absent or ejected leaves a gap, which explains more than a weight of 0.
  const present = found.flatMap(({ member, listed }) =>
    listed && listed.reputationPpm > 0
      ? [{ ...listed, boundAtomic: scaleBound(listed.boundAtomic, member, pricePer1kAtomic) }]
      : [],
  );
  const { stakeAtomic, reputationPpm } = present.reduce<OfferStanding>(
    (least, one) => (weigh(one) < weigh(least) ? one : least),
    leader,
  );
  return {
    ...{ stakeAtomic, reputationPpm, members: cohort.members.map(({ providerId }) => providerId) },
    heldAtomic: leastOf(present.map((one) => one.heldAtomic)) ?? leader.heldAtomic,
    // Validators bound an order by the leader's key alone, for the whole fee.
    boundAtomic: leastOf([leader.boundAtomic, ...present.map((one) => one.boundAtomic)]),
    freeCapacity: Math.max(0, Math.min(freeCapacity, ...rooms)),
    ...(gaps.length > 0 && { gap: gaps.join('; ') }),
  };
}

/** Remembers each member, so that it is read once, however many cohorts it serves in. */
export function createMemberReader(
  read: (providerId: Uint8Array) => MemberListing | undefined,
): (providerId: Uint8Array) => MemberListing | undefined {
  const known = new Map<string, MemberListing | undefined>();
  return (providerId) => {
    const name = toHex(providerId);
    if (!known.has(name)) known.set(name, read(providerId));
    return known.get(name);
  };
}

const NOBODY: OfferStanding = { stakeAtomic: 0n, heldAtomic: 0n, reputationPpm: 0, boundAtomic: undefined };

/** Counts a member's free slots; 0 if its own announcement does not offer its part of the cohort. */
function countRoom(model: SharedModel, member: OfferedMember, listed: MemberListing | undefined): number {
  if (listed === undefined || listed.isGone || listed.reputationPpm === 0) return 0;
  return findMemberSegment(listed.segments, model, member)?.freeCapacity ?? 0;
}

/** Computes the largest fee of which this member's part is within its bound. */
function scaleBound(bound: bigint | undefined, { pricePer1kAtomic: part }: OfferedMember, price: bigint) {
  return bound === undefined || part === 0n ? undefined : (bound * price) / part;
}

const weigh = ({ stakeAtomic, reputationPpm }: OfferStanding): bigint =>
  (stakeAtomic / ATOMIC_PER_TOKEN + 1n) * BigInt(reputationPpm);

const leastOf = (values: readonly (bigint | undefined)[]): bigint | undefined =>
  values.reduce(
    (least, value) => (least === undefined || (value !== undefined && value < least) ? value : least),
    undefined,
  );
