import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { LOCAL_POSTURE } from '@ogong/protocol/tier/local';
import { computeLocalBank, NOBODY } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { type KeptReply, toKeptReply } from '../local-reply.ts';
import { composeEmbedding, type EmbeddingParts } from './compose-embedding.ts';

export interface LocalEmbedding extends Pick<EmbeddingParts, 'info' | 'inputs'> {
  readonly request: EmbeddingRequest;
  readonly body: Uint8Array;
  readonly replyId: Uint8Array;
  readonly startMs: number;
  readonly endMs: number;
}

/** Commits vectors or scores as a provider would, but unsigned. */
export function commitEmbeddingLocally(
  crypto: Crypto,
  { info, inputs, request, body, ...given }: LocalEmbedding,
): KeptReply {
  const { modelRoot } = info;
  const bound = { orderHash: NOBODY.hash, payee: NOBODY.address, choice: 0, ...LOCAL_POSTURE };
  const sketchBankSeed = computeLocalBank(crypto, modelRoot);
  const blinds = computeBlinds(crypto, { body, replyId: given.replyId });
  const parts = { ...bound, blinds, endpoint: request.endpoint, sketchBankSeed, info, inputs };
  const made = composeEmbedding(crypto, parts);
  const requestHash = hashReadRequest(crypto, request, body);
  const named = { modelRoot, requestHash, tokenCount: inputs.length, endpoint: request.endpoint, request: body };
  return toKeptReply(crypto, { ...given, ...made, ...named });
}
