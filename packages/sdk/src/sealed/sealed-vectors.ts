import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { parseVector, VALUE_BYTES } from '@ogong/protocol/modality/embedding/vector';
import { formatVectorAnswer } from '@ogong/protocol/modality/embedding/vector-formats';
import type { CommonRequest, Modality } from '@ogong/protocol/modality/modality';
import { tensor } from '@ogong/protocol/modality/tensor/tensor';
import { formatTensors } from '@ogong/protocol/modality/tensor/tensor-json';
import { parseTensorResponse } from '@ogong/protocol/modality/tensor/tensor-list';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { GatewayAnswer } from '../check-answer.ts';
import { ReceiptError, SealedCallError } from '../errors.ts';
import { type PrivateRequest, readOgong, tellOutcome } from './ask-offer.ts';
import { createVectorForm, openSealedReply, type SealedVectors } from './sealed-reply.ts';
import { type SealedSourceOptions, tellHeld } from './sealed-source.ts';
import { createSealedTries } from './sealed-tries.ts';

type VerifyVectors = (answer: GatewayAnswer) => ReturnType<SealedSourceOptions['verify']>;

/**
 * Requests sealed embeddings, scores or tensors, like texts in one piece. After a failed check another provider is asked.
 * @throws RequestError, SealedCallError, GatewayApiError, ReceiptError
 */
export async function askSealedVectors<T, R>(
  options: SealedSourceOptions,
  call: { readonly endpoint: string; readonly body: Uint8Array; readonly signal: AbortSignal | undefined },
  check: (response: T, verify: VerifyVectors) => Promise<R>,
): Promise<R> {
  const { post, verify, trust = {}, allow = [] } = options;
  const { endpoint, body, signal } = call;
  const { modality, word } = tensor.endpoints.includes(endpoint) ? TENSORS : VECTORS;
  const request = modality.parseRequest(body, endpoint) as PrivateRequest['request'];
  const bounds = { ...modality.boundTokens(request), contextSize: modality.boundContext(request) };
  const asked = { request, body, bounds, choice: 0, ogong: readOgong(body) };
  const tries = createSealedTries(options, asked, signal);
  const waitsForIntake = !allow.includes('intake') && !trust.allow?.includes('intake');
  for (;;) {
    let opened: SealedVectors;
    try {
      const offered = await tries.offer();
      const reply = openSealedReply(
        post,
        asked,
        { offered, signal, onSealed: options.onSealed },
        createVectorForm(modality.parseHeader),
      );
      const next = await reply.next();
      if (!next.done) throw new SealedCallError('malformed', 'the reply is not what was asked for: a text');
      opened = next.value;
    } catch (error) {
      tries.fail(error);
      continue;
    }
    try {
      return await check(word(request, opened) as T, async (answer) => {
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

/** A modality whose answers come whole, and the form of a gateway's answer. */
interface WholeKind {
  readonly modality: Pick<Modality, 'parseRequest' | 'boundTokens' | 'boundContext' | 'parseHeader'>;
  /** @throws ReceiptError */
  readonly word: (request: CommonRequest, reply: SealedVectors) => object;
}

const VECTORS: WholeKind = {
  modality: embedding,
  word: (request, reply) => wordVectors(request as EmbeddingRequest, reply),
};
const TENSORS: WholeKind = { modality: tensor, word: wordTensors };

const listReceipts = ({ replyId, receipt }: SealedVectors): readonly object[] => [
  { reply_id: replyId, url: formatPath(GATEWAY_ROUTES.receipt, { id: replyId }), receipt: toReceiptJson(receipt) },
];

function wordTensors({ model }: CommonRequest, reply: SealedVectors): object {
  try {
    const tensors = parseTensorResponse(reply.response);
    const words = formatTensors({ model }, { tensors, units: reply.promptTokens });
    return { ...words, ogong: { receipts: listReceipts(reply) } };
  } catch (cause) {
    throw new ReceiptError('tensors', `tensors: ${(cause as Error).message}`, { cause });
  }
}

/** Formats an answer as a gateway does. @throws ReceiptError */
function wordVectors(request: EmbeddingRequest, reply: SealedVectors): object {
  const { response, promptTokens } = reply;
  const { length: count } = request.inputs;
  const size = response.length / count;
  if (size === 0 || size % VALUE_BYTES !== 0) throw new ReceiptError('vectors', `${response.length} bytes of vectors`);
  let vectors: readonly Float32Array[];
  try {
    vectors = request.inputs.map((_, i) => parseVector(response.subarray(i * size, (i + 1) * size)));
  } catch (cause) {
    throw new ReceiptError('vectors', `vectors: ${(cause as Error).message}`, { cause });
  }
  const { words, proof } = formatVectorAnswer(request, { vectors, promptTokens });
  return { ...words, ogong: { receipts: listReceipts(reply), ...proof } };
}
