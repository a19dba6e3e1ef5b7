import type { ApiContext } from '@ogong/host/http/api-app';
import { getCallSignal } from '@ogong/host/http/api-app';
import { readJsonBody } from '@ogong/host/http/body';
import { formatEmbeddings } from '@ogong/host/openai/embeddings';
import { toHex } from '@ogong/protocol/base/bytes';
import { RECEIPT_HEADER } from '@ogong/protocol/http/routes';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { parseVector } from '@ogong/protocol/modality/embedding/vector';
import { assertModelId, type CompletionsDependencies, isInline, toOgongField } from './completions.ts';
import { receiptPath } from './receipt-store.ts';
import type { AnswerForm, BoughtAnswer } from './reply.ts';
import { readUnderPolicy } from './settle-policy.ts';
import type { KeyedHandler } from './sign-in.ts';

/** All vectors of one request, as they were signed. */
export interface BoughtEmbedding extends BoughtAnswer {
  readonly vectors: readonly Float32Array[];
}

/** OpenAI's embeddings: one reply for all inputs, with one receipt. */
export function createEmbeddingHandler(dependencies: CompletionsDependencies): KeyedHandler {
  const { gate, replies, bodyLimits, randomBytes, settle } = dependencies;
  return async (context: ApiContext, key) => {
    const leave = gate.enter(key.id);
    try {
      const asked = { body: await readJsonBody(context, bodyLimits), isChecked: isInline(context) };
      const { body, request } = readUnderPolicy(asked, settle, embedding.parseRequest);
      assertModelId(request.model);
      const completionId = `embd-${toHex(randomBytes(18))}`;
      const signal = getCallSignal(context);
      const form = createEmbeddingForm(request);
      const job = { completionId, choice: 0, endpoint: request.endpoint, body, request, form, key, signal };
      const reply = await buy(replies.serve<EmbeddingRequest, BoughtEmbedding>(job));
      const ogong = toOgongField(context, [reply]);
      return context.json({ ...formatEmbeddings(request, reply), ogong }, 200, {
        [RECEIPT_HEADER]: receiptPath(completionId),
      });
    } finally {
      leave();
    }
  };
}

async function buy<R>(stream: AsyncGenerator<unknown, R>): Promise<R> {
  for (;;) {
    const next = await stream.next();
    if (next.done) return next.value;
  }
}

/** The vectors come whole with the record; stage 1 has seen by then that they are the ones it signs. */
export function createEmbeddingForm({ inputs }: Pick<EmbeddingRequest, 'inputs'>): AnswerForm<BoughtEmbedding> {
  return {
    streams: false,
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
