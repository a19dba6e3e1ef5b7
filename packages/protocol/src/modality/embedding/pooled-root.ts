import { utf8Encode } from '../../base/bytes.ts';
import type { Crypto } from '../../crypto/crypto.ts';

const POOLED_ROOT_TAG = utf8Encode('ogong-pooled-model-v1\nmean\n');

/**
 * Computes the root of a chat model whose hidden states become vectors by their mean (docs/spec/embedding.md#chat-models). It is
 * another root than the model's own, so orders, audits and verifiers of its vectors are never those of its texts.
 * @param modelRoot 32 bytes. @returns 32 bytes.
 */
export const computePooledRoot = (crypto: Pick<Crypto, 'sha256'>, modelRoot: Uint8Array): Uint8Array =>
  crypto.sha256(POOLED_ROOT_TAG, modelRoot);
