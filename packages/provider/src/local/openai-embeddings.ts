import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { readBody } from '@ogong/host/http/body';
import { formatEmbeddings } from '@ogong/host/openai/embeddings';
import { parseEmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { BODY_LIMITS, borrowEmbedding, type LocalCall } from './local-model.ts';
import { findModel } from './model-shelf.ts';

/** POST /v1/embeddings. @throws RequestError, ApiError, EngineError */
export async function embedOpenAi(context: ApiContext, call: LocalCall): Promise<Response> {
  const request = parseEmbeddingRequest(await readBody(context, BODY_LIMITS));
  const model = await findModel(call.shelf, request.model);
  const { engine, release } = await borrowEmbedding(call, model, { use: 'embeddings' });
  try {
    const { inputs } = await engine.embed({ inputs: request.inputs }, { signal: getCallSignal(context) });
    const promptTokens = inputs.reduce((sum, { tokens }) => sum + tokens.length, 0);
    return context.json(formatEmbeddings(request, { vectors: inputs.map(({ vector }) => vector), promptTokens }));
  } finally {
    release();
  }
}
