import type { EmbeddedInput, EmbeddingInfo } from '@ogong/engine/interface/embedding';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { bindWhole, signWhole, type WholeServing } from '../commit-whole.ts';
import type { CommittedReply } from '../order-job.ts';
import { composeEmbedding } from './compose-embedding.ts';

export interface ServedEmbedding extends WholeServing {
  readonly request: EmbeddingRequest;
  readonly info: EmbeddingInfo;
  readonly inputs: readonly EmbeddedInput[];
}

/** Header, commitment tree and signed record of an embedding. ML-DSA signatures are hedged: call it once per reply. */
export function commitEmbedding(crypto: Crypto, signer: HybridSigner, serving: ServedEmbedding): CommittedReply {
  const { request, info, inputs } = serving;
  const bound = bindWhole(crypto, serving);
  const made = composeEmbedding(crypto, { ...bound, endpoint: request.endpoint, info, inputs });
  return signWhole(crypto, signer, { serving, ...made, tokenCount: inputs.length });
}
