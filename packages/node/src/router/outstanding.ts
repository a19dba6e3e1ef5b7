import { equalBytes, toHex } from '@ogong/protocol/base/bytes';

/** A match that was handed out and not reported back. */
export interface OutstandingTicket {
  readonly replyId: Uint8Array;
  readonly providerId: Uint8Array;
  readonly modelId: string;
  /** Peer that asked for the match: nobody else may report on it. */
  readonly holder: Uint8Array;
  readonly releaseAtMs: number;
}

export type OfferKey = Pick<OutstandingTicket, 'providerId' | 'modelId'>;

const nameOffer = ({ providerId, modelId }: OfferKey): string => `${toHex(providerId)} ${modelId}`;

export interface Outstanding {
  add(ticket: OutstandingTicket): void;
  /** Frees the ticket's slot; undefined where there is no such ticket of this holder and provider. */
  settle(ticket: Pick<OutstandingTicket, 'replyId' | 'providerId' | 'holder'>): OutstandingTicket | undefined;
  /** Of one model: a provider's models do not share slots. */
  count(offer: OfferKey, nowMs: number): number;
  size(): number;
}

/**
 * Slots that matches hold before their provider's own announcements show them. A slot without a report is freed when its ticket
 * expires.
 */
export function createOutstanding(): Outstanding {
  const byReply = new Map<string, OutstandingTicket>();
  const byOffer = new Map<string, Set<string>>();

  function remove(reply: string): void {
    const ticket = byReply.get(reply);
    if (!ticket) return;
    byReply.delete(reply);
    const offer = nameOffer(ticket);
    const held = byOffer.get(offer);
    held?.delete(reply);
    if (held?.size === 0) byOffer.delete(offer);
  }

  return {
    add(ticket) {
      const reply = toHex(ticket.replyId);
      remove(reply);
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
    count(offer, nowMs) {
      const held = byOffer.get(nameOffer(offer));
      if (!held) return 0;
      for (const reply of held) {
        if ((byReply.get(reply) as OutstandingTicket).releaseAtMs <= nowMs) remove(reply);
      }
      return held.size;
    },
    size: () => byReply.size,
  };
}
