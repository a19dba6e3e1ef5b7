import { createRequire } from 'node:module';
import { BLS_KEY_BYTES, BLS_SIGNATURE_BYTES } from '@ogong/protocol/crypto/bls';

const require = createRequire(import.meta.url);
let loaded: typeof import('@chainsafe/blst') | undefined;

/** Loaded when it is wanted first: most programs never check such a signature. */
function loadLibrary(): typeof import('@chainsafe/blst') {
  loaded ??= require('@chainsafe/blst') as typeof import('@chainsafe/blst');
  return loaded;
}

const INFINITY = 0xc0;

/** By blst, in native code. */
export function verifyBls(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== BLS_KEY_BYTES || signature.length !== BLS_SIGNATURE_BYTES) return false;
  // The library takes infinity for a signature by infinity.
  if (((key[0] as number) & INFINITY) === INFINITY || ((signature[0] as number) & INFINITY) === INFINITY) return false;
  const { PublicKey, Signature, verify } = loadLibrary();
  try {
    return verify(message, PublicKey.fromBytes(key, true), Signature.fromBytes(signature, true));
  } catch {
    // It throws for malformed points and for those outside the subgroup.
    return false;
  }
}
