import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { holdTicket } from './match/find-match.ts';
import { findOffer, type OfferContext } from './match/find-offer.ts';
import { type TicketAges, waitUntil } from './match/ticket-ages.ts';
import type { TicketsAhead } from './match/tickets-ahead.ts';
import { type OrderOfferContext, orderOffer } from './order-offer.ts';
import type { BoughtAnswer, ProviderAttempt, ReplyJob } from './reply.ts';

/** Services for opening an attempt: find an offer, then order it. */
export type OpenContext = OfferContext &
  OrderOfferContext & {
    readonly ahead?: Pick<TicketsAhead, 'keep'>;
    readonly ages?: Pick<TicketAges, 'note'>;
  };

/**
 * Finds a provider and a validator, and signs an order for them.
 * @param tried providers that this job was already tried with.
 * @param options.isAhead fail at once if all providers are busy.
 * @throws ApiError
 */
export async function openAttempt(
  context: OpenContext,
  job: ReplyJob<CommonRequest, BoughtAnswer>,
  tried: readonly Uint8Array[],
  { isAhead = false } = {},
): Promise<ProviderAttempt> {
  const { request } = job;
  const requestHash = hashReadRequest(crypto, request, job.body);
  const offer = await findOffer(context, job, { requestHash, tried, isAhead });
  const attempt = await holdTicket(context, offer, async () => {
    job.onMatch?.(offer.match.ticket);
    if (offer.orderAtMs !== undefined) await waitUntil(offer.orderAtMs, context.clock, job.signal);
    return orderOffer(context, job, offer);
  });
  const { ordinary, isKept, drawnMs } = offer;
  if (ordinary !== undefined) {
    context.ages?.note(ordinary, { drawnMs, orderedMs: attempt.startedMs });
    if (!isKept) context.ahead?.keep(ordinary);
  }
  return attempt;
}
