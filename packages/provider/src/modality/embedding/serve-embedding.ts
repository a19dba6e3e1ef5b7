import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { Refusal } from '@ogong/host/link/link-error';
import { MAX_RESPONSE_BYTES } from '@ogong/protocol/exchange/limits';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { refuseInputs } from '@ogong/protocol/modality/embedding/split-inputs';
import { VALUE_BYTES } from '@ogong/protocol/modality/embedding/vector';
import { computeFullFee } from '../full-fee.ts';
import type { OfferedEngine, OrderHandling } from '../modality.ts';
import { serveWhole, type WholeOrderJob } from '../serve-whole.ts';
import { commitEmbedding } from './commit-embedding.ts';
import { countValues, embedRequest, findSizeProblem } from './embed-request.ts';

/** The vectors leave all at once, with their record. */
export const embeddingOrders: OrderHandling<EmbeddingEngine, EmbeddingRequest, WholeOrderJob<EmbeddingRequest>> = {
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
    const reply = { promptTokenCount: promptTokens, outputTokenCount: 0 };
    const feeAtomic = computeFullFee(checked.order, embedding.boundTokens(checked.request), reply);
    return { ...(await claim()), promptTokens, feeAtomic };
  },
  serve: (job, context, { engine }) =>
    serveWhole(job, context, {
      run: (signal) => embedRequest(engine, job.request, { signal }),
      commit: ({ inputs }, times) =>
        commitEmbedding(context.crypto, context.signer, { ...job, ...times, info: engine.info(), inputs }),
    }),
};

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
  throw new Refusal('invalid', refuseInputs(inputs.length, most));
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
