import type { EmbeddedInput, EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { renumberInput, splitInputs } from '@ogong/protocol/modality/embedding/split-inputs';
import { formatVectorAnswer } from '@ogong/protocol/modality/embedding/vector-formats';
import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { KeptReply } from '../local-reply.ts';
import type { AnsweringEndpoints, AtOnceJob, LocalMeans, RequestPart } from '../modality.ts';
import { commitEmbeddingLocally } from './commit-locally.ts';
import { embedRequest, findSizeProblem } from './embed-request.ts';

export interface LocalVectors {
  readonly inputs: readonly EmbeddedInput[];
  /** Name under which its receipts are found. */
  readonly answerId: string;
  /** One for each part, in their order. */
  readonly replies: readonly KeptReply[];
}

/** Computes vectors or scores of all parts, as the request says. @throws EngineError, RequestError naming an input by its number in the call. */
export async function embedLocally(
  means: LocalMeans,
  { engine, parts }: Pick<AtOnceJob<EmbeddingEngine, EmbeddingRequest>, 'engine' | 'parts'>,
): Promise<LocalVectors> {
  const [{ request }] = parts;
  const problem = findSizeProblem(request, engine.info());
  if (problem !== undefined) throw new RequestError(problem, 'dimensions');
  const inputs: EmbeddedInput[] = [];
  const replies: KeptReply[] = [];
  for (const part of parts) {
    const made = await embedPart(means, engine, part).catch((error: unknown) => {
      throw renumber(error, inputs.length);
    });
    inputs.push(...made.inputs);
    replies.push(made.reply);
  }
  const random = Buffer.from(means.randomBytes(18)).toString('base64url');
  return { inputs, answerId: `${ENDPOINT_INFO[request.endpoint].idPrefix}-${random}`, replies };
}

async function embedPart(
  { crypto, clock, randomBytes, signal }: LocalMeans,
  engine: EmbeddingEngine,
  { request, body }: RequestPart<EmbeddingRequest>,
): Promise<{ readonly inputs: readonly EmbeddedInput[]; readonly reply: KeptReply }> {
  const startMs = clock.nowMs();
  const { inputs } = await embedRequest(engine, request, { signal });
  const replyId = randomBytes(REPLY_ID_BYTES);
  const made = { info: engine.info(), inputs, request, body, replyId, startMs, endMs: clock.nowMs() };
  return { inputs, reply: commitEmbeddingLocally(crypto, made) };
}

function renumber(error: unknown, first: number): unknown {
  if (!(error instanceof EngineError) || first === 0) return error;
  const { code, retryable, message } = error;
  return new EngineError(code, renumberInput(message, first), { retryable, cause: error });
}

/** POST /v1/embeddings and POST /v1/rerank. */
export const vectorEndpoints: AnsweringEndpoints<EmbeddingEngine, EmbeddingRequest> = {
  names: embedding.endpoints,
  split: (body, endpoint) => (endpoint === 'embedding' ? splitInputs(body).map((part) => part.body) : [body]),
  parse: (body, endpoint) => embedding.parseRequest(body, endpoint),
  nameUse: ({ query }) => (query === undefined ? 'embeddings' : 'reranking'),
  async answer(means, job) {
    const { inputs, answerId, replies } = await embedLocally(means, job);
    const [{ request }] = job.parts;
    const vectors = inputs.map(({ vector }) => vector);
    const promptTokens = inputs.reduce((sum, { tokens }) => sum + tokens.length, 0);
    return { answerId, replies, body: formatVectorAnswer(request, { vectors, promptTokens }).words };
  },
};
