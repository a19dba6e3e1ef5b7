import { type ClosedPlace, closeError, Refusal } from '@ogong/host/link/link-error';
import type { GenerateRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { sealRefusal } from '@ogong/protocol/sealing/sealed-refusal';
import type { OpenedMessage, ServedCounts, VerifiedOrder } from '../../modality/order-job.ts';
import { findModality } from '../../modality/registry.ts';
import type { ProviderState } from '../provider-state.ts';
import { noteServed } from '../serving/note-served.ts';
import type { OrderEnding } from '../serving/order-ending.ts';
import { createServeContext, type ReplyReader } from '../serving/serve-context.ts';
import { receiveMedia } from './media-intake.ts';
import { assertMayLoad } from './model-loading.ts';
import { type OfferState, withModel } from './offers.ts';
import {
  assertNewReply,
  checkOfferedOrder,
  checkOfferedRequest,
  claimOrder,
  openOfferedMessage,
  toRefusal,
} from './order-intake.ts';
import { type OrderPayment, reservePayment } from './order-payment.ts';

/**
 * Serves one order, from its message to its last event, as the offer's modality does. Checks run by cost: the order's own fields,
 * its signatures, the payer's money, the request, and then its media. @throws Refusal, EngineError
 */
export async function answerOffer(
  state: ProviderState,
  offer: OfferState,
  message: GenerateRequest,
  reader: ReplyReader,
): Promise<ServedCounts> {
  if (message.order !== undefined) {
    await state.learnOrderKey(message.order, { address: reader.address }).catch((cause: unknown) => {
      throw new Refusal('unavailable', `whether a key signs for the payer cannot be read: ${(cause as Error).message}`);
    });
  }
  const verified = checkOfferedOrder(state, offer, message);
  assertNewReply(state, verified.order);
  const payment = await reservePayment(state, verified, message);
  try {
    return await answerPaid(state, offer, { message, verified, payment }, reader);
  } finally {
    payment.hold.drop();
  }
}

async function answerPaid(
  state: ProviderState,
  offer: OfferState,
  {
    message,
    verified,
    payment,
  }: { readonly message: GenerateRequest; readonly verified: VerifiedOrder; readonly payment: OrderPayment },
  reader: ReplyReader,
): Promise<ServedCounts> {
  const opened = openOfferedMessage(state, { message, verified });
  const progress: Progress = { place: 'request' };
  try {
    return await answerOpened(state, offer, { message, verified, payment, opened, progress }, reader);
  } catch (error) {
    const { sealer } = opened;
    if (sealer === undefined) throw error;
    throw closeError(toRefusal(error), { place: progress.place, seal: (words) => sealRefusal(sealer, words) });
  }
}

/** The step of an order, for a refusal. */
interface Progress {
  place: ClosedPlace;
}

interface OpenedOrder {
  readonly message: GenerateRequest;
  readonly verified: VerifiedOrder;
  readonly payment: OrderPayment;
  readonly opened: OpenedMessage;
  readonly progress: Progress;
}

async function answerOpened(
  state: ProviderState,
  offer: OfferState,
  { message, verified, payment, opened, progress }: OpenedOrder,
  reader: ReplyReader,
): Promise<ServedCounts> {
  const { orders } = findModality(offer.engine);
  // Nothing is loaded for an order that fails a check.
  const checked = checkOfferedRequest(state, offer, { opened, verified }, orders.readRequest);
  orders.assertServable(checked.request, offer);
  const isStandby = checked.demands.standbyPer1kAtomic !== undefined;
  const standby = isStandby ? state.untaken.enter(checked.order, offer.info.sequences) : undefined;
  try {
    assertMayLoad(state, offer, payment);
    progress.place = 'media';
    const arrived = await receiveMedia(state, checked, reader);
    try {
      progress.place = 'reply';
      const ready = { ...checked, media: arrived.media };
      return await withModel(offer, async () => {
        const claim = () => claimOrder(state, ready, message);
        const job = await orders.accept(offer, ready, { message, claim });
        const context = createServeContext(state, { ...job, standby, hold: payment.hold }, reader);
        return noteServed(state, { ...job, relayed: reader.relayed }, () =>
          endWithout(context, () => orders.serve(job, context, offer)).finally(context.end),
        );
      });
    } finally {
      arrived.end();
    }
  } finally {
    standby?.end();
  }
}

/** Serves an order, and ends it by a signed statement if the provider has signed no record for it. */
async function endWithout(
  { ending }: { readonly ending: OrderEnding },
  serve: () => Promise<ServedCounts>,
): Promise<ServedCounts> {
  try {
    const counts = await serve();
    await ending.end();
    return counts;
  } catch (error) {
    await ending.end(error);
    throw error;
  }
}
