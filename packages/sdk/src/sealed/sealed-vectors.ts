import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { parseVector, VALUE_BYTES } from '@ogong/protocol/modality/embedding/vector';
import { formatVectorAnswer } from '@ogong/protocol/modality/embedding/vector-formats';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { GatewayAnswer } from '../check-answer.ts';
import { ReceiptError, SealedCallError } from '../errors.ts';
import { readOgong, tellOutcome } from './ask-offer.ts';
import { createVectorForm, openSealedReply, type SealedVectors } from './sealed-reply.ts';
import { type SealedSourceOptions, tellHeld } from './sealed-source.ts';
import { createSealedTries } from './sealed-tries.ts';

type VerifyVectors = (answer: GatewayAnswer) => ReturnType<SealedSourceOptions['verify']>;

/**
 * Requests sealed embeddings or scores, like texts in one piece. After a failed check another provider is asked.
 * @throws RequestError, SealedCallError, GatewayApiError, ReceiptError
 */
export async function askSealedVectors<T, R>(
  options: SealedSourceOptions,
  call: { readonly endpoint: string; readonly body: Uint8Array; readonly signal: AbortSignal | undefined },
  check: (response: T, verify: VerifyVectors) => Promise<R>,
): Promise<R> {
  const { post, verify, trust = {}, allow = [] } = options;
  const { endpoint, body, signal } = call;
  const request = embedding.parseRequest(body, endpoint);
  const bounds = { ...embedding.boundTokens(request), contextSize: embedding.boundContext(request) };
  const asked = { request, body, bounds, choice: 0, ogong: readOgong(body) };
  const tries = createSealedTries(options, asked, signal);
  const waitsForIntake = !allow.includes('intake') && !trust.allow?.includes('intake');
  for (;;) {
    let opened: SealedVectors;
    try {
      const offered = await tries.offer();
      const reply = openSealedReply(post, asked, { offered, signal, onSealed: options.onSealed }, createVectorForm());
      const next = await reply.next();
      if (!next.done) throw new SealedCallError('malformed', 'the reply is not what was asked for: a text');
      opened = next.value;
    } catch (error) {
      tries.fail(error);
      continue;
    }
    try {
      return await check(wordVectors(request, opened) as T, async (answer) => {
        const replies = await verify(answer, ['intake']);
        await tellHeld(post, opened, opened.response);
        return waitsForIntake ? verify(answer) : replies;
      });
    } catch (error) {
      if (!(error instanceof ReceiptError) || error.code === 'unchecked') throw error;
      tries.distrust();
      await tellOutcome(post, opened.replyId, { outcome: 'failed', reason: error.code });
      if (!error.retryable || !tries.repeat(error)) throw error;
    }
  }
}

/** Formats an answer as a gateway does. @throws ReceiptError */
function wordVectors(request: EmbeddingRequest, { replyId, response, promptTokens, receipt }: SealedVectors): object {
  const { length: count } = request.inputs;
  const size = response.length / count;
  if (size === 0 || size % VALUE_BYTES !== 0) throw new ReceiptError('vectors', `${response.length} bytes of vectors`);
  let vectors: readonly Float32Array[];
  try {
    vectors = request.inputs.map((_, i) => parseVector(response.subarray(i * size, (i + 1) * size)));
  } catch (cause) {
    throw new ReceiptError('vectors', `vectors: ${(cause as Error).message}`, { cause });
  }
  const url = formatPath(GATEWAY_ROUTES.receipt, { id: replyId });
  const receipts = [{ reply_id: replyId, url, receipt: toReceiptJson(receipt) }];
  const { words, proof } = formatVectorAnswer(request, { vectors, promptTokens });
  return { ...words, ogong: { receipts, ...proof } };
}
