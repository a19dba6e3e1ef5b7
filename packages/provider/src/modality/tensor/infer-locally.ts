import type { TensorEngine } from '@ogong/engine/interface/tensor';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import type { TensorRequest } from '@ogong/protocol/modality/tensor/request';
import { tensor } from '@ogong/protocol/modality/tensor/tensor';
import { formatTensors } from '@ogong/protocol/modality/tensor/tensor-json';
import { LOCAL_POSTURE } from '@ogong/protocol/tier/local';
import { computeLocalBank, NOBODY } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { type KeptReply, toKeptReply } from '../local-reply.ts';
import type { AnsweringEndpoints } from '../modality.ts';
import type { ServedTensors } from './commit-tensors.ts';
import { composeTensors } from './compose-tensors.ts';
import { runRequest } from './run-request.ts';

interface LocalTensors extends Omit<ServedTensors, 'order' | 'beacon'> {
  readonly replyId: Uint8Array;
}

/** Commits tensors as a provider would, but unsigned. */
function commitTensorsLocally(
  crypto: Crypto,
  { info, inputs, outputs, request, body, ...given }: LocalTensors,
): KeptReply {
  const { modelRoot } = info;
  const { endpoint, promptTokenBound: units } = request;
  const bound = { orderHash: NOBODY.hash, payee: NOBODY.address, choice: 0, ...LOCAL_POSTURE };
  const blinds = computeBlinds(crypto, { body, replyId: given.replyId });
  const parts = { ...bound, blinds, endpoint, sketchBankSeed: computeLocalBank(crypto, modelRoot) };
  const { opening, response, header } = composeTensors(crypto, { ...parts, info, units, inputs, outputs });
  const requestHash = hashReadRequest(crypto, request, body);
  const named = { modelRoot, requestHash, tokenCount: header.leafCount, endpoint, request: body };
  return toKeptReply(crypto, { ...given, opening, response, ...named });
}

/** POST /v1/infer. */
export const tensorEndpoints: AnsweringEndpoints<TensorEngine, TensorRequest> = {
  names: tensor.endpoints,
  parse: (body) => tensor.parseRequest(body),
  nameUse: () => 'tensors',
  async answer({ crypto, clock, randomBytes, signal }, { engine, parts: [{ request, body }] }) {
    const startMs = clock.nowMs();
    const { inputs, outputs } = await runRequest(engine, request, { signal });
    const { idPrefix } = ENDPOINT_INFO[request.endpoint];
    const answerId = `${idPrefix}-${Buffer.from(randomBytes(18)).toString('base64url')}`;
    const replyId = randomBytes(REPLY_ID_BYTES);
    const made = { info: engine.info(), inputs, outputs, request, body, replyId, startMs, endMs: clock.nowMs() };
    const words = formatTensors(request, { tensors: outputs, units: request.promptTokenBound });
    return { answerId, replies: [commitTensorsLocally(crypto, made)], body: { ...words } };
  },
};
