import type { EmbeddedInput, EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { Refusal } from '@ogong/host/link/link-error';
import { computeReplyFee, FeeError } from '@ogong/protocol/exchange/fee';
import { MAX_RESPONSE_BYTES } from '@ogong/protocol/exchange/limits';
import type { GenerateRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { VALUE_BYTES } from '@ogong/protocol/modality/embedding/vector';
import { assertMayLoad } from '../orders/model-loading.ts';
import { type OfferState, withModel } from '../orders/offers.ts';
import type { ReadRequest } from '../orders/order-check.ts';
import { type AcceptedOrder, checkOfferedOrder, claimOrder } from '../orders/order-intake.ts';
import type { ProviderState } from '../provider-state.ts';
import { noteServed } from '../serving/note-served.ts';
import { createServeContext, type ReplyReader } from '../serving/serve-context.ts';
import { keepCommitted, type ServeContext, type ServedCounts } from '../serving/serve-reply.ts';
import { commitEmbedding } from './commit-embedding.ts';

/**
 * One order for embeddings, from its message to its last event: the vectors leave all at once, with their record.
 * @throws Refusal, EngineError, TierError
 */
export async function answerEmbedding(
  state: ProviderState,
  offer: OfferState<EmbeddingEngine>,
  message: GenerateRequest,
  reader: ReplyReader,
): Promise<ServedCounts> {
  const checked = checkOfferedOrder(state, offer, message, readEmbeddingRequest);
  const { request } = checked;
  assertModelServes(request, offer);
  assertResponseFits(request, offer);
  assertMayLoad(state, offer, checked.order);
  return withModel(offer, async () => {
    const promptTokens = await countTokens(request, offer);
    const feeAtomic = computeFee(checked, promptTokens);
    const job: EmbeddingJob = { ...(await claimOrder(state, checked, message)), promptTokens, feeAtomic };
    const context = createServeContext(state, job, reader);
    return noteServed(state, { ...job, relayed: reader.relayed }, () =>
      serveEmbedding(offer, job, context).finally(context.end),
    );
  });
}

interface EmbeddingJob extends AcceptedOrder<EmbeddingRequest> {
  readonly promptTokens: number;
  readonly feeAtomic: bigint;
}

async function serveEmbedding(
  offer: OfferState<EmbeddingEngine>,
  job: EmbeddingJob,
  context: ServeContext,
): Promise<ServedCounts> {
  const { order, request, promptTokens, feeAtomic } = job;
  const { crypto, clock, signer, send, expired, failed } = context;
  const counts = { promptTokens, cachedTokens: 0, outputTokens: 0, drafts: { proposed: 0, accepted: 0 } };
  const startMs = clock.nowMs();
  const signal = AbortSignal.any([expired, failed]);
  const admission = await context.admit(signal);
  await send({ event: { case: 'started', value: { promptTokens } } });
  const inputs = await embedAll(offer, request, signal);
  if (inputs === undefined && failed.aborted) {
    throw new Refusal('unavailable', 'the provider gave this reply up; try another one');
  }
  // The order ran out before there was a vector.
  if (inputs === undefined) return counts;
  const info = offer.engine.info();
  const endMs = clock.nowMs();
  const committed = commitEmbedding(crypto, signer, {
    order,
    request,
    body: job.body,
    info,
    beacon: job.beacon,
    inputs,
    startMs,
    endMs,
  });
  const kept = await keepCommitted(job, { ...committed, feeAtomic }, context);
  const { header, response } = committed;
  await send({
    event: {
      case: 'finished',
      value: { ...kept, header, response, admission, stopReason: 'length', promptTokens, outputTokens: 0 },
    },
  });
  return counts;
}

const readEmbeddingRequest: ReadRequest<EmbeddingRequest> = (body, endpoint) => {
  if (!embedding.endpoints.includes(endpoint))
    throw new Refusal('invalid', `this model writes no text; ${endpoint} was asked for`);
  const request = embedding.parseRequest(body, endpoint);
  return { request, asked: request, choices: 1 };
};

/** @throws Refusal where a reranker is asked for vectors, or another model for scores. */
function assertModelServes({ query, endpoint }: EmbeddingRequest, { info }: OfferState<EmbeddingEngine>): void {
  if ((query !== undefined) === (info.pooling === 'rank')) return;
  const does = info.pooling === 'rank' ? 'reranks documents' : 'makes embeddings';
  throw new Refusal('invalid', `this model ${does}; ${endpoint} was asked for`);
}

function assertResponseFits({ inputs }: EmbeddingRequest, { info }: OfferState<EmbeddingEngine>): void {
  const bytes = inputs.length * info.embeddingSize * VALUE_BYTES;
  if (bytes <= MAX_RESPONSE_BYTES) return;
  const most = Math.floor(MAX_RESPONSE_BYTES / (info.embeddingSize * VALUE_BYTES));
  throw new Refusal('invalid', `${inputs.length} inputs make too long an answer; this model takes ${most} at a time`);
}

/** @throws Refusal where an input does not fit: none is ever cut. */
async function countTokens(
  { inputs, query }: EmbeddingRequest,
  { engine, info }: OfferState<EmbeddingEngine>,
): Promise<number> {
  let sum = 0;
  for (const [i, input] of inputs.entries()) {
    const { length } = await engine.tokenize(input, query);
    if (length > info.contextSize) {
      throw new Refusal('invalid', `input ${i} has ${length} tokens, the context holds ${info.contextSize}`);
    }
    sum += length;
  }
  return sum;
}

/** @throws Refusal where the order does not pay for all of it. */
function computeFee(
  { order, request }: Pick<AcceptedOrder<EmbeddingRequest>, 'order' | 'request'>,
  promptTokenCount: number,
): bigint {
  try {
    return computeReplyFee(order, embedding.boundTokens(request), { promptTokenCount, outputTokenCount: 0 });
  } catch (error) {
    if (!(error instanceof FeeError)) throw error;
    throw new Refusal('invalid', `the reply could not be billed in full: ${error.message}`);
  }
}

/** @returns undefined where it was cancelled: the order's time is up, or the provider gave up. */
async function embedAll(
  { engine }: OfferState<EmbeddingEngine>,
  { inputs, query }: EmbeddingRequest,
  signal: AbortSignal,
): Promise<readonly EmbeddedInput[] | undefined> {
  try {
    return (await engine.embed({ inputs, query }, { signal })).inputs;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'cancelled') return undefined;
    throw error;
  }
}
