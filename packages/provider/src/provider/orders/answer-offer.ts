import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import type { TextEngine } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import type { GenerateRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { answerEmbedding } from '../embedding/answer-embedding.ts';
import type { ProviderState } from '../provider-state.ts';
import { noteServed } from '../serving/note-served.ts';
import { createServeContext, type ReplyReader } from '../serving/serve-context.ts';
import { type ServedCounts, serveReply } from '../serving/serve-reply.ts';
import { assertMayLoad } from './model-loading.ts';
import { type OfferState, type ServingEngine, withModel } from './offers.ts';
import { acceptOrder, checkTextOrder } from './order-intake.ts';

type Answer<E extends ServingEngine> = (
  state: ProviderState,
  offer: OfferState<E>,
  message: GenerateRequest,
  reader: ReplyReader,
) => Promise<ServedCounts>;

const answerText: Answer<TextEngine> = async (state, offer, message, reader) => {
  // Nothing is loaded for an order that fails.
  const checked = checkTextOrder(state, offer, message);
  const isStandby = checked.request.asked.demands.standbyPer1kAtomic !== undefined;
  const standby = isStandby ? state.untaken.enter(checked.order, offer.info.sequences) : undefined;
  try {
    assertMayLoad(state, offer, checked.order);
    return await withModel(offer, async () => {
      const job = await acceptOrder(state, offer, message, checked);
      const { engine } = offer;
      const context = createServeContext(state, { ...job, standby }, reader);
      return noteServed(state, { ...job, relayed: reader.relayed }, () =>
        serveReply(job, { ...context, engine, commit: state.commit }).finally(context.end),
      );
    });
  } finally {
    standby?.end();
  }
};

/** By engine interface: the only list of what this provider can serve. */
const ANSWERS: { readonly 'text-v1': Answer<TextEngine>; readonly 'embedding-v1': Answer<EmbeddingEngine> } = {
  'text-v1': answerText,
  'embedding-v1': answerEmbedding,
};

/** One order from its message to its last event, as the offer's modality serves it. @throws Refusal, EngineError */
export const answerOffer: Answer<ServingEngine> = async (state, offer, message, reader) => {
  if (message.order !== undefined) {
    await state.learnOrderKey(message.order, { address: reader.address }).catch((cause: unknown) => {
      throw new Refusal('unavailable', `whether a key signs for the payer cannot be read: ${(cause as Error).message}`);
    });
  }
  const answer = ANSWERS[offer.engine.specificationVersion] as Answer<ServingEngine>;
  return answer(state, offer, message, reader);
};
