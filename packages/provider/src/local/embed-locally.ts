import type { EmbeddedInput, EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import { commitEmbeddingLocally } from './commit-locally.ts';
import { assertDemands, type LocalCall } from './local-model.ts';

export interface LocalVectors {
  readonly inputs: readonly EmbeddedInput[];
  /** What its receipt is found by. */
  readonly answerId: string;
}

/** Vectors or scores, as the request asks. @param body what the request was read from. @throws RequestError, ApiError, EngineError */
export async function embedLocally(
  context: ApiContext,
  { crypto, clock, randomBytes, receipts }: LocalCall,
  {
    engine,
    request,
    body,
  }: { readonly engine: EmbeddingEngine; readonly request: EmbeddingRequest; readonly body: Uint8Array },
): Promise<LocalVectors> {
  const startMs = clock.nowMs();
  const info = engine.info();
  assertDemands(request, info);
  const { inputs } = await engine.embed(
    { inputs: request.inputs, query: request.query },
    { signal: getCallSignal(context) },
  );
  const answerId = `${ENDPOINT_INFO[request.endpoint].idPrefix}-${Buffer.from(randomBytes(18)).toString('base64url')}`;
  const replyId = randomBytes(REPLY_ID_BYTES);
  const made = { info, inputs, request, body, replyId, startMs, endMs: clock.nowMs() };
  receipts.keep({ answerId, choice: 0 }, commitEmbeddingLocally(crypto, made));
  return { inputs, answerId };
}
