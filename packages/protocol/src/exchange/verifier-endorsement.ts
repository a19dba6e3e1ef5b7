import { equalBytes } from '../base/bytes.ts';
import { createFormat, hash } from '../base/codec.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';

/**
 * A verifier's word that it works for a provider (docs/spec/announcement.md): without it a stranger could announce the key
 * of an honest verifier, with an endpoint that never answers, and be drawn in its place.
 */
export interface VerifierEndorsement {
  /** Hybrid public key, 1,344 bytes. */
  readonly verifierKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** The bytes that the verifier signs: the provider's id. */
export const encodeEndorsement: (providerId: Uint8Array) => Uint8Array = createFormat(hash, {
  tag: 'ogong-verifier-endorsement-v1',
}).encode;

export function signEndorsement(verifier: HybridSigner, providerId: Uint8Array): VerifierEndorsement {
  return { verifierKey: verifier.publicKey, signature: verifier.sign(encodeEndorsement(providerId)) };
}

/** Whether the verifier's key with that hash signed for this provider. */
export function verifyEndorsement(
  crypto: Crypto,
  { verifierKey: publicKey, signature }: VerifierEndorsement,
  { providerId, keyHash }: { readonly providerId: Uint8Array; readonly keyHash: Uint8Array },
): boolean {
  return (
    equalBytes(hashHybridKey(crypto, publicKey), keyHash) &&
    verifyHybrid(crypto, { publicKey, message: encodeEndorsement(providerId), signature })
  );
}
