import { computeBelievedCapacity } from '@ogong/protocol/exchange/believed-capacity';
import { nameOffer, type OfferKey } from './outstanding.ts';

/** Consecutive refusals of a provider for tickets of one caller's address. */
interface Refused {
  readonly count: number;
  readonly untilMs: number;
  /** Time of the last refusal, or of a trial after it. */
  readonly atMs: number;
}

export interface Refusals {
  /** The provider refused an order that came with a ticket for a free slot. */
  note(offer: OfferKey, group: string, nowMs: number): void;
  /** The provider served one: its earlier refusals of that caller no longer count. */
  clear(offer: OfferKey, group: string): void;
  /** Estimates the free slots of an offer. @param group of the caller; all callers count alike if undefined. */
  believe(offer: OfferKey & { readonly capacity: number }, group: string | undefined, nowMs: number): number;
  /** Returns true if the caller may get a trial: one ticket for an offer in which no slot is believed. */
  mayTry(offer: OfferKey, group: string, nowMs: number): boolean;
  /** Notes a trial. */
  noteTrial(offer: OfferKey, group: string, nowMs: number): void;
  sweep(nowMs: number): void;
}

const FIRST_MS = 15_000;
const LONGEST_MS = 600_000;
const FACTOR = 4;
/** Highest count: a provider then looks like one with few slots, and more changes nothing. */
const MAX_COUNT = 16;
/** Between two trials of a caller. A failure of seconds at which all providers refuse must not cut the caller off for minutes. */
const TRIAL_MS = 15_000;
/** Callers that are remembered for one offer. */
const MAX_GROUPS = 256;

/**
 * Counts refusals after a ticket, by offer and by the address that reports them. A ticket promises a slot that its provider has
 * announced as free. One refusal is forgotten after 15 seconds, each further one in a row counts four times as long. Meanwhile an
 * offer without believed slots gets a trial once in 15 seconds.
 */
export function createRefusals(): Refusals {
  const byOffer = new Map<string, Map<string, Refused>>();

  function put(offer: OfferKey, group: string, refused: Refused): void {
    const name = nameOffer(offer);
    const groups = byOffer.get(name) ?? new Map<string, Refused>();
    groups.delete(group);
    if (groups.size >= MAX_GROUPS) groups.delete(groups.keys().next().value as string);
    groups.set(group, refused);
    byOffer.set(name, groups);
  }

  const find = (offer: OfferKey, group: string): Refused | undefined => byOffer.get(nameOffer(offer))?.get(group);

  const readCount = (refused: Refused | undefined, nowMs: number): number =>
    refused !== undefined && refused.untilMs > nowMs ? refused.count : 0;

  return {
    note(offer, group, nowMs) {
      const count = Math.min(MAX_COUNT, (find(offer, group)?.count ?? 0) + 1);
      const untilMs = nowMs + Math.min(LONGEST_MS, FIRST_MS * FACTOR ** (count - 1));
      put(offer, group, { count, untilMs, atMs: nowMs });
    },
    mayTry: (offer, group, nowMs) => nowMs - (find(offer, group)?.atMs ?? Number.NEGATIVE_INFINITY) >= TRIAL_MS,
    noteTrial(offer, group, nowMs) {
      const { count, untilMs } = find(offer, group) ?? { count: 0, untilMs: nowMs };
      put(offer, group, { count, untilMs, atMs: nowMs });
    },
    clear(offer, group) {
      const refused = find(offer, group);
      // It stays among the callers without refusals.
      if (refused !== undefined) byOffer.get(nameOffer(offer))?.set(group, { ...refused, count: 0 });
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
