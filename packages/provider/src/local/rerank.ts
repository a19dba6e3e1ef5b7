import type { ApiContext } from '@ogong/host/http/api-app';
import { readBody } from '@ogong/host/http/body';
import { parseRerankRequest } from '@ogong/protocol/modality/embedding/rerank';
import { formatRerank } from '@ogong/protocol/modality/embedding/vector-formats';
import { nameReceipt, toReceiptsField } from './answer-receipts.ts';
import { embedLocally } from './embed-locally.ts';
import { BODY_LIMITS, borrowEmbedding, type LocalCall } from './local-model.ts';
import { findModel } from './model-shelf.ts';

/** POST /v1/rerank. @throws RequestError, ApiError, EngineError */
export async function rerankLocally(context: ApiContext, call: LocalCall): Promise<Response> {
  const body = await readBody(context, BODY_LIMITS);
  const request = parseRerankRequest(body);
  const model = await findModel(call.shelf, request.model);
  const { engine, release } = await borrowEmbedding(call, model, { use: 'reranking' });
  try {
    const { inputs, answerId } = await embedLocally(context, call, { engine, request, body });
    const scores = inputs.map(({ vector }) => vector[0] as number);
    const promptTokens = inputs.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const answer = formatRerank(request, { scores, promptTokens });
    return context.json(
      { ...answer, ...toReceiptsField(context, call, { answerId, choices: 1 }) },
      200,
      nameReceipt(answerId),
    );
  } finally {
    release();
  }
}
