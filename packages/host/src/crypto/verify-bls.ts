import { createRequire } from 'node:module';
import { BLS_KEY_BYTES, BLS_SIGNATURE_BYTES } from '@ogong/protocol/crypto/bls';
import { nobleBls } from '@ogong/protocol/crypto/noble-bls';

type Library = typeof import('@chainsafe/blst');

const require = createRequire(import.meta.url);
let loaded: { readonly library: Library | undefined } | undefined;

/** Loaded when it is wanted first: most programs never check such a signature. A process that reads bytes from strangers may load no native code. */
function loadLibrary(): Library | undefined {
  loaded ??= { library: tryToLoad() };
  return loaded.library;
}

function tryToLoad(): Library | undefined {
  try {
    return require('@chainsafe/blst') as Library;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_DLOPEN_DISABLED' || code === 'ERR_ACCESS_DENIED') return undefined;
    throw error;
  }
}

const INFINITY = 0xc0;

/** By blst, in native code, or by noble if native code may not be loaded. */
export function verifyBls(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== BLS_KEY_BYTES || signature.length !== BLS_SIGNATURE_BYTES) return false;
  // The library takes infinity for a signature by infinity.
  if (((key[0] as number) & INFINITY) === INFINITY || ((signature[0] as number) & INFINITY) === INFINITY) return false;
  const library = loadLibrary();
  if (library === undefined) return nobleBls.verify(key, message, signature);
  const { PublicKey, Signature, verify } = library;
  try {
    return verify(message, PublicKey.fromBytes(key, true), Signature.fromBytes(signature, true));
  } catch {
    // It throws for malformed points and for those outside the subgroup.
    return false;
  }
}
