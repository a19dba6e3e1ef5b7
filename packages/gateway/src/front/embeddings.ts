import type { ApiContext } from '@ogong/host/http/api-app';
import { getCallSignal } from '@ogong/host/http/api-app';
import { readJsonBody } from '@ogong/host/http/body';
import { parseTraceParent } from '@ogong/host/metrics/trace-context';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import type { Json } from '@ogong/host/openai/format';
import { toHex } from '@ogong/protocol/base/bytes';
import { RECEIPT_HEADER } from '@ogong/protocol/http/routes';
import {
  type EmbeddingEndpoint,
  type EmbeddingRequest,
  parseEmbeddingRequest,
} from '@ogong/protocol/modality/embedding/request';
import { parseRerankRequest } from '@ogong/protocol/modality/embedding/rerank';
import { parseVector } from '@ogong/protocol/modality/embedding/vector';
import { formatEmbeddings, formatRerank } from '@ogong/protocol/modality/embedding/vector-formats';
import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import { receiptPath } from '../books/receipt-store.ts';
import type { AnswerForm, BoughtAnswer } from '../buy/reply.ts';
import { readUnderPolicy } from '../buy/settle-policy.ts';
import { assertModel, type CompletionsDependencies, isInline, readProvider, toOgongField } from './completions.ts';
import type { KeyedHandler } from './sign-in.ts';

/** All vectors of one request, as they were signed. */
export interface BoughtEmbedding extends BoughtAnswer {
  readonly vectors: readonly Float32Array[];
}

/** Rules of one endpoint for reading a body and formatting the vectors. */
interface VectorApi<Q extends EmbeddingRequest> {
  readonly endpoint: EmbeddingEndpoint;
  readonly parse: (body: Uint8Array) => Q;
  readonly format: (request: Q, reply: BoughtEmbedding) => Json;
  /** Adds fields to the receipts, if the answer alone does not show all signed values. */
  readonly addProof?: (reply: BoughtEmbedding) => Json;
}

/** OpenAI's embeddings: one reply for all inputs, with one receipt. */
export const createEmbeddingHandler = (dependencies: CompletionsDependencies): KeyedHandler =>
  createVectorHandler(dependencies, { endpoint: 'embedding', parse: parseEmbeddingRequest, format: formatEmbeddings });

/** Scores documents. The signature covers the scores of all of them, in the order of the request. */
export const createRerankHandler = (dependencies: CompletionsDependencies): KeyedHandler =>
  createVectorHandler(dependencies, {
    endpoint: 'rerank',
    parse: parseRerankRequest,
    format: (request, reply) => formatRerank(request, { scores: listScores(reply), promptTokens: reply.promptTokens }),
    addProof: (reply) => ({ scores: listScores(reply) }),
  });

const listScores = ({ vectors }: BoughtEmbedding): number[] => vectors.map(([score]) => score as number);

function createVectorHandler<Q extends EmbeddingRequest>(
  dependencies: CompletionsDependencies,
  { endpoint, parse, format, addProof }: VectorApi<Q>,
): KeyedHandler {
  const { limits, rates, replies, randomBytes, settle, names } = dependencies;
  return async (context: ApiContext, key) => {
    const call = await limits.begin(context, key);
    try {
      const isChecked = isInline(context);
      const given = await readJsonBody(context, call.bodyLimits);
      const asked = { body: await names.resolve(given, key, isChecked), isChecked };
      const { body, request } = readUnderPolicy(asked, settle, parse);
      assertModel(request.model, key);
      showIgnored(context, request.dropped);
      const completionId = `${ENDPOINT_INFO[endpoint].idPrefix}-${toHex(randomBytes(18))}`;
      const signal = getCallSignal(context);
      const form = createEmbeddingForm(request);
      const provider = readProvider(context);
      const caller = parseTraceParent(context.req.header('traceparent'));
      const payer = await call.charge(() => [{ request, count: 1 }]);
      const bought = { completionId, choice: 0, endpoint: request.endpoint, body, request, form };
      const job = { ...bought, key: payer, signal, provider, caller };
      const metered = await rates.meter(context, payer, replies, [{ request, count: 1 }]);
      const reply = await buy(metered.serve<Q, BoughtEmbedding>(job));
      const ogong = { ...toOgongField(context, [reply]), ...addProof?.(reply) };
      return context.json({ ...format(request, reply), ogong }, 200, {
        [RECEIPT_HEADER]: receiptPath(completionId),
      });
    } catch (error) {
      throw await names.explain(error, key);
    } finally {
      call.leave();
    }
  };
}

async function buy<R>(stream: AsyncGenerator<unknown, R>): Promise<R> {
  for (;;) {
    const next = await stream.next();
    if (next.done) return next.value;
  }
}

/** The vectors arrive whole with the record. Stage 1 has checked by then that the record signs them. */
export function createEmbeddingForm({ inputs }: Pick<EmbeddingRequest, 'inputs'>): AnswerForm<BoughtEmbedding> {
  return {
    streams: false,
    hasFixedDraws: false,
    maxTokens: 0,
    topLogprobs: undefined,
    toResponse: ({ finished }) => finished.response,
    read(checked, { finished: { response } }) {
      const size = response.length / inputs.length;
      const vectors = inputs.map((_, i) => parseVector(response.subarray(i * size, (i + 1) * size)));
      return { reply: { ...checked, vectors } };
    },
  };
}
