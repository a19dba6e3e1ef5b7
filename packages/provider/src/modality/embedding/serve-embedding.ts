import type { EmbeddedInput, EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { Refusal } from '@ogong/host/link/link-error';
import { computeReplyFee, FeeError } from '@ogong/protocol/exchange/fee';
import { MAX_RESPONSE_BYTES } from '@ogong/protocol/exchange/limits';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { VALUE_BYTES } from '@ogong/protocol/modality/embedding/vector';
import { keepCommitted } from '../keep-committed.ts';
import type { OfferedEngine, OrderHandling } from '../modality.ts';
import type { AcceptedOrder, CheckedOrder, ServeContext, ServedCounts } from '../order-job.ts';
import { commitEmbedding } from './commit-embedding.ts';
import { countValues, embedRequest, findSizeProblem } from './embed-request.ts';

/** The vectors leave all at once, with their record. */
export const embeddingOrders: OrderHandling<EmbeddingEngine, EmbeddingRequest, EmbeddingOrderJob> = {
  readRequest(body, endpoint) {
    if (!embedding.endpoints.includes(endpoint))
      throw new Refusal('invalid', `this model writes no text; ${endpoint} was asked for`);
    const request = embedding.parseRequest(body, endpoint);
    return { request, asked: request, choices: 1 };
  },
  allowsStandby: false,
  assertServable(request, offer) {
    assertModelServes(request, offer);
    const problem = findSizeProblem(request, offer.info);
    if (problem !== undefined) throw new Refusal('invalid', problem);
    assertResponseFits(request, offer);
  },
  async accept(offer, checked, { claim }) {
    const promptTokens = await countTokens(checked.request, offer);
    const feeAtomic = computeFee(checked, promptTokens);
    return { ...(await claim()), promptTokens, feeAtomic };
  },
  serve: (job, context, offer) => serveEmbedding(offer, job, context),
};

export interface EmbeddingOrderJob extends AcceptedOrder<EmbeddingRequest> {
  readonly promptTokens: number;
  readonly feeAtomic: bigint;
}

async function serveEmbedding(
  offer: OfferedEngine<EmbeddingEngine>,
  job: EmbeddingOrderJob,
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

/** @throws Refusal if a reranker is asked for vectors, or another model for scores. */
function assertModelServes({ query, endpoint }: EmbeddingRequest, { info }: OfferedEngine<EmbeddingEngine>): void {
  if ((query !== undefined) === (info.pooling === 'rank')) return;
  const does = info.pooling === 'rank' ? 'reranks documents' : 'makes embeddings';
  throw new Refusal('invalid', `this model ${does}; ${endpoint} was asked for`);
}

function assertResponseFits(request: EmbeddingRequest, { info }: OfferedEngine<EmbeddingEngine>): void {
  const { inputs } = request;
  const vectorBytes = countValues(request, info) * VALUE_BYTES;
  if (inputs.length * vectorBytes <= MAX_RESPONSE_BYTES) return;
  const most = Math.floor(MAX_RESPONSE_BYTES / vectorBytes);
  throw new Refusal('invalid', `${inputs.length} inputs make too long an answer; this model takes ${most} at a time`);
}

/** @throws Refusal if an input does not fit: none is ever cut. */
async function countTokens(
  { inputs, query }: EmbeddingRequest,
  { engine, info }: OfferedEngine<EmbeddingEngine>,
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

/** @throws Refusal if the order does not pay for all of it. */
function computeFee(
  { order, request }: Pick<CheckedOrder<EmbeddingRequest>, 'order' | 'request'>,
  promptTokenCount: number,
): bigint {
  try {
    return computeReplyFee(order, embedding.boundTokens(request), { promptTokenCount, outputTokenCount: 0 });
  } catch (error) {
    if (!(error instanceof FeeError)) throw error;
    throw new Refusal('invalid', `the reply could not be billed in full: ${error.message}`);
  }
}

/** @returns undefined if it was cancelled: the order's time is up, or the provider gave up. */
async function embedAll(
  { engine }: OfferedEngine<EmbeddingEngine>,
  request: EmbeddingRequest,
  signal: AbortSignal,
): Promise<readonly EmbeddedInput[] | undefined> {
  try {
    return (await embedRequest(engine, request, { signal })).inputs;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'cancelled') return undefined;
    throw error;
  }
}
