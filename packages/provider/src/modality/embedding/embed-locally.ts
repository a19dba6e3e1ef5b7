import type { EmbeddedInput, EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { formatVectorAnswer } from '@ogong/protocol/modality/embedding/vector-formats';
import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { KeptReply } from '../local-reply.ts';
import type { AnsweringEndpoints, LocalMeans } from '../modality.ts';
import { commitEmbeddingLocally } from './commit-locally.ts';
import { embedRequest, findSizeProblem } from './embed-request.ts';

export interface LocalVectors {
  readonly inputs: readonly EmbeddedInput[];
  /** Name under which its receipt is found. */
  readonly answerId: string;
  readonly reply: KeptReply;
}

/**
 * Computes vectors or scores, as the request says.
 * @param body the bytes that the request was read from. @throws EngineError, RequestError
 */
export async function embedLocally(
  { crypto, clock, randomBytes, signal }: LocalMeans,
  {
    engine,
    request,
    body,
  }: { readonly engine: EmbeddingEngine; readonly request: EmbeddingRequest; readonly body: Uint8Array },
): Promise<LocalVectors> {
  const startMs = clock.nowMs();
  const info = engine.info();
  const problem = findSizeProblem(request, info);
  if (problem !== undefined) throw new RequestError(problem, 'dimensions');
  const embedded = await embedRequest(engine, request, { signal });
  const answerId = `${ENDPOINT_INFO[request.endpoint].idPrefix}-${Buffer.from(randomBytes(18)).toString('base64url')}`;
  const replyId = randomBytes(REPLY_ID_BYTES);
  const made = { info, inputs: embedded.inputs, request, body, replyId, startMs, endMs: clock.nowMs() };
  return { inputs: embedded.inputs, answerId, reply: commitEmbeddingLocally(crypto, made) };
}

/** POST /v1/embeddings and POST /v1/rerank. */
export const vectorEndpoints: AnsweringEndpoints<EmbeddingEngine, EmbeddingRequest> = {
  names: embedding.endpoints,
  parse: (body, endpoint) => embedding.parseRequest(body, endpoint),
  nameUse: ({ query }) => (query === undefined ? 'embeddings' : 'reranking'),
  async answer(means, job) {
    const { inputs, answerId, reply } = await embedLocally(means, job);
    const vectors = inputs.map(({ vector }) => vector);
    const promptTokens = inputs.reduce((sum, { tokens }) => sum + tokens.length, 0);
    return { answerId, replies: [reply], body: formatVectorAnswer(job.request, { vectors, promptTokens }).words };
  },
};
