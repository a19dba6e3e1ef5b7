import { type EmbeddingRequest, parseEmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { parseRerankRequest } from '@ogong/protocol/modality/embedding/rerank';
import {
  MAX_CALL_BYTES,
  readMostInputs,
  renumberInput,
  splitInputs,
} from '@ogong/protocol/modality/embedding/split-inputs';
import { parseVector } from '@ogong/protocol/modality/embedding/vector';
import { formatEmbeddings, formatRerank } from '@ogong/protocol/modality/embedding/vector-formats';
import type { AnswerForm, BoughtAnswer } from '../buy/reply.ts';
import type { CompletionsDependencies } from './completions.ts';
import type { KeyedHandler } from './sign-in.ts';
import { createWholeHandler } from './whole-answer.ts';

/** All vectors of one request, as they were signed. */
export interface BoughtEmbedding extends BoughtAnswer {
  readonly vectors: readonly Float32Array[];
}

/** OpenAI's embeddings. Each order has a receipt of its own. */
export const createEmbeddingHandler = (dependencies: CompletionsDependencies): KeyedHandler =>
  createWholeHandler(dependencies, {
    endpoint: 'embedding',
    split: splitInputs,
    readMost: readMostInputs,
    maxBytes: MAX_CALL_BYTES,
    parse: parseEmbeddingRequest,
    createForm: createEmbeddingForm,
    format: (request, replies) => ({ ...formatEmbeddings(request, joinReplies(replies)) }),
    wordRefusal: renumberInput,
  });

/** Scores documents. The signature covers the scores of all of them, in the order of the request. */
export const createRerankHandler = (dependencies: CompletionsDependencies): KeyedHandler =>
  createWholeHandler(dependencies, {
    endpoint: 'rerank',
    parse: parseRerankRequest,
    createForm: createEmbeddingForm,
    format: (request, replies) =>
      formatRerank(request, { scores: listScores(replies), promptTokens: joinReplies(replies).promptTokens }),
    addProof: (replies) => ({ scores: listScores(replies) }),
  });

/** Joins the vectors of all orders, in the order of the inputs. */
const joinReplies = (replies: readonly BoughtEmbedding[]) => ({
  vectors: replies.flatMap(({ vectors }) => vectors),
  promptTokens: replies.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
});

const listScores = (replies: readonly BoughtEmbedding[]): number[] =>
  joinReplies(replies).vectors.map(([score]) => score as number);

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
