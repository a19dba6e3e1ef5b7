import { RateLimited, Refusal } from '@ogong/host/link/link-error';
import { createTally } from '@ogong/host/link/tally';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';

/** A match without a report yet. */
export interface OutstandingTicket {
  readonly replyId: Uint8Array;
  readonly providerId: Uint8Array;
  readonly modelId: string;
  /** Peer that asked for the match. It alone may report on it. */
  readonly holder: Uint8Array;
  /** Group of the caller's address, see computeAddressGroup: certificates are free, and addresses are not. */
  readonly group: string;
  readonly releaseAtMs: number;
}

export type OfferKey = Pick<OutstandingTicket, 'providerId' | 'modelId'>;

export const nameOffer = ({ providerId, modelId }: OfferKey): string => `${toHex(providerId)} ${modelId}`;

export interface Outstanding {
  /**
   * Adds a ticket. It replaces the holder's earlier ticket for the same reply id.
   * @throws Refusal if another peer holds a ticket for that id; the limiter's answer if the holder's address, or all together,
   * have too many open tickets. Nothing is changed then.
   */
  add(ticket: OutstandingTicket & { readonly nowMs: number }): void;
  /** Frees the ticket's slot; undefined if this holder has no such ticket of this provider. */
  settle(ticket: Pick<OutstandingTicket, 'replyId' | 'providerId' | 'holder'>): OutstandingTicket | undefined;
  /** Slots held of one model: a provider's models do not share slots. */
  count(offer: OfferKey, nowMs: number): number;
  /**
   * Counts the slots for one caller. A ticket costs nothing, so tickets alone must not make a provider look busy. Each other
   * address counts with its share of slots at most, and the share shrinks with each address that holds some. A provider that is
   * really busy reports that itself.
   */
  countFor(group: string, offer: OfferKey & { readonly capacity: number }, nowMs: number): number;
  size(): number;
}

export interface OutstandingLimits {
  readonly max: number;
  readonly maxPerGroup: number;
}

const DEFAULT_LIMITS: OutstandingLimits = { max: 65_536, maxPerGroup: 4_096 };

/**
 * Slots that matches hold before their provider's own announcements show them. A slot without a report is freed when its ticket
 * expires.
 */
export function createOutstanding(limits: OutstandingLimits = DEFAULT_LIMITS): Outstanding {
  const ofGroup = createTally();
  const byReply = new Map<string, OutstandingTicket>();
  const byOffer = new Map<string, Set<string>>();

  function remove(reply: string): void {
    const ticket = byReply.get(reply);
    if (!ticket) return;
    byReply.delete(reply);
    ofGroup.remove(ticket.group);
    const offer = nameOffer(ticket);
    const held = byOffer.get(offer);
    held?.delete(reply);
    if (held?.size === 0) byOffer.delete(offer);
  }

  /** Expired tickets no longer count, even if no caller asks about their offer. */
  function dropExpired(nowMs: number): void {
    for (const [reply, { releaseAtMs }] of byReply) {
      // The oldest come first, and all live equally long.
      if (releaseAtMs > nowMs) return;
      remove(reply);
    }
  }

  function listHeld(offer: OfferKey, nowMs: number): OutstandingTicket[] {
    const held = [...(byOffer.get(nameOffer(offer)) ?? [])].map((reply) => [reply, byReply.get(reply)] as const);
    return held.flatMap(([reply, ticket]) => {
      if (ticket && ticket.releaseAtMs > nowMs) return [ticket];
      remove(reply);
      return [];
    });
  }

  return {
    add(ticket) {
      const reply = toHex(ticket.replyId);
      dropExpired(ticket.nowMs);
      const before = byReply.get(reply);
      // The provider of an order knows its reply id too. It must not take away the ticket that its refusal is reported by.
      if (before && !equalBytes(before.holder, ticket.holder)) {
        throw new Refusal('conflict', 'another caller holds a ticket under this reply id');
      }
      const isWithinGroup = before?.group === ticket.group;
      const isWithin = before !== undefined || byReply.size < limits.max;
      if (!isWithinGroup && !(isWithin && ofGroup.add(ticket.group, limits.maxPerGroup))) {
        throw new RateLimited('too many tickets are open: report on those that you hold');
      }
      remove(reply);
      if (isWithinGroup) ofGroup.add(ticket.group, limits.maxPerGroup);
      byReply.set(reply, ticket);
      const offer = nameOffer(ticket);
      const held = byOffer.get(offer) ?? new Set();
      byOffer.set(offer, held.add(reply));
    },
    settle({ replyId, providerId, holder }) {
      const reply = toHex(replyId);
      const ticket = byReply.get(reply);
      if (!ticket || !equalBytes(ticket.providerId, providerId) || !equalBytes(ticket.holder, holder)) return undefined;
      remove(reply);
      return ticket;
    },
    count: (offer, nowMs) => listHeld(offer, nowMs).length,
    countFor(group, offer, nowMs) {
      const held = new Map<string, number>([[group, 0]]);
      for (const ticket of listHeld(offer, nowMs)) held.set(ticket.group, (held.get(ticket.group) ?? 0) + 1);
      const share = Math.floor(offer.capacity / held.size);
      let counted = 0;
      for (const [name, slots] of held) counted += name === group ? slots : Math.min(slots, share);
      return counted;
    },
    size: () => byReply.size,
  };
}
