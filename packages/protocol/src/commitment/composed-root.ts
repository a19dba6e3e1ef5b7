import { ProtocolError, utf8Encode } from '../base/bytes.ts';
import { type Codec, hash, list, refine, u8 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';

const TAG = utf8Encode('ogong-composed-model-v1\n');

/** The most adapters of one model. */
export const MAX_ADAPTERS = 8;

/** The roots in a header: none, or the content roots of a base model and of its adapters. */
export const partsCodec: Codec<readonly Uint8Array[]> = refine(
  list(hash, { count: u8, max: 1 + MAX_ADAPTERS }),
  (parts) => {
    if (parts.length === 1) throw new ProtocolError('malformed', 'a base model without adapters is not composed');
  },
);

/**
 * Computes the root of a model that runs with adapters. It is SHA-256(tag || root of the base model || root of each adapter, in
 * the order of their application). A different order is a different model, since floating-point sums depend on it.
 * @param base 32 bytes.
 * @param adapters 32 bytes each, one to MAX_ADAPTERS.
 * @returns 32 bytes.
 */
export function computeComposedRoot(
  { sha256 }: Pick<Crypto, 'sha256'>,
  base: Uint8Array,
  adapters: readonly Uint8Array[],
): Uint8Array {
  if (adapters.length < 1 || adapters.length > MAX_ADAPTERS)
    throw new RangeError(`a model with ${adapters.length} adapters; it has 1 to ${MAX_ADAPTERS}`);
  const parts = [base, ...adapters];
  if (parts.some(({ length }) => length !== 32)) throw new RangeError('a content root has 32 bytes');
  return sha256(TAG, ...parts);
}
