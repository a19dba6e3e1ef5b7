import { computeBelievedCapacity } from '@ogong/protocol/exchange/believed-capacity';
import { nameOffer, type OfferKey } from './outstanding.ts';

/** Consecutive refusals of a provider for tickets of one caller's address. */
interface Refused {
  readonly count: number;
  readonly untilMs: number;
}

export interface Refusals {
  /** The provider refused an order that came with a ticket for a free slot. */
  note(offer: OfferKey, group: string, nowMs: number): void;
  /** The provider served one: its earlier refusals of that caller no longer count. */
  clear(offer: OfferKey, group: string): void;
  /** Estimates the free slots of an offer. @param group of the caller; all callers count alike if undefined. */
  believe(offer: OfferKey & { readonly capacity: number }, group: string | undefined, nowMs: number): number;
  sweep(nowMs: number): void;
}

const FIRST_MS = 15_000;
const LONGEST_MS = 600_000;
const FACTOR = 4;
/** Highest count: a provider then looks like one with few slots, and more changes nothing. */
const MAX_COUNT = 16;
/** Callers that are remembered for one offer. */
const MAX_GROUPS = 256;

/**
 * Counts refusals after a ticket, by offer and by the address that reports them. A ticket promises a slot that its provider has
 * announced as free. One refusal is forgotten after 15 seconds, each further one in a row counts four times as long.
 */
export function createRefusals(): Refusals {
  const byOffer = new Map<string, Map<string, Refused>>();

  const readCount = (refused: Refused | undefined, nowMs: number): number =>
    refused !== undefined && refused.untilMs > nowMs ? refused.count : 0;

  return {
    note(offer, group, nowMs) {
      const name = nameOffer(offer);
      const groups = byOffer.get(name) ?? new Map<string, Refused>();
      const count = Math.min(MAX_COUNT, (groups.get(group)?.count ?? 0) + 1);
      groups.delete(group);
      if (groups.size >= MAX_GROUPS) groups.delete(groups.keys().next().value as string);
      groups.set(group, { count, untilMs: nowMs + Math.min(LONGEST_MS, FIRST_MS * FACTOR ** (count - 1)) });
      byOffer.set(name, groups);
    },
    clear(offer, group) {
      const groups = byOffer.get(nameOffer(offer));
      // It stays among the callers without refusals.
      if (groups?.has(group)) groups.set(group, { count: 0, untilMs: (groups.get(group) as Refused).untilMs });
    },
    believe(offer, group, nowMs) {
      const groups = byOffer.get(nameOffer(offer));
      if (groups === undefined) return offer.capacity;
      const own = group === undefined ? 0 : readCount(groups.get(group), nowMs);
      const others = [...groups].filter(([name]) => name !== group).map(([, refused]) => readCount(refused, nowMs));
      return computeBelievedCapacity(offer.capacity, { own, others });
    },
    sweep(nowMs) {
      for (const [offer, groups] of byOffer) {
        // Keep it for as long again, so that refusals with a pause between them still count in a row.
        for (const [group, { untilMs }] of groups) if (untilMs + LONGEST_MS <= nowMs) groups.delete(group);
        if (groups.size === 0) byOffer.delete(offer);
      }
    },
  };
}
