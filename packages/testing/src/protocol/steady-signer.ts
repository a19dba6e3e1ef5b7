import { ed25519 } from '@noble/curves/ed25519.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { concatBytes } from '@ogong/protocol/base/bytes';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';

/** A deterministic signer: ML-DSA in its deterministic variant (FIPS 204, 5.2), which no daemon uses. */
export function createSteadySigner(seed: Uint8Array): HybridSigner {
  const edSeed = seed.slice(0, 32);
  const { publicKey, secretKey } = ml_dsa44.keygen(seed.slice(32, 64));
  return {
    publicKey: concatBytes(ed25519.getPublicKey(edSeed), publicKey),
    sign: (message) =>
      concatBytes(ed25519.sign(message, edSeed), ml_dsa44.sign(message, secretKey, { extraEntropy: false })),
  };
}
