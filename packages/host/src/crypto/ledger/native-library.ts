import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import type { LedgerLibrary } from './library.ts';

/** The used part of `secp256k1`, which has no types. Each call throws an Error on a length that does not fit. */
interface NativeBindings {
  contextRandomize(seed: Uint8Array): void;
  ecdsaRecover(signature: Uint8Array, recoveryId: number, digest: Uint8Array, isCompressed: boolean): Uint8Array;
  ecdsaSign(digest: Uint8Array, privateKey: Uint8Array): { readonly signature: Uint8Array; readonly recid: number };
  privateKeyVerify(privateKey: Uint8Array): boolean;
  publicKeyCreate(privateKey: Uint8Array, isCompressed: boolean): Uint8Array;
}

const NO_KEY = 'Public key could not be recover';

/** Not the package's main module: that one falls back to JavaScript, which is slower than WebAssembly and not in constant time. */
const BINDINGS = 'secp256k1/bindings.js';

/**
 * Loads libsecp256k1 as machine code.
 * @returns undefined if the optional package is missing, has no build for this platform, or may not be loaded by this process.
 */
export function openNativeLibrary(): LedgerLibrary | undefined {
  const native = loadBindings();
  if (native === undefined) return undefined;
  // Blinds the multiplications by private keys against measurements of their time.
  native.contextRandomize(randomBytes(32));
  return {
    recover(digest, signature, recoveryId) {
      try {
        return native.ecdsaRecover(signature, recoveryId, digest, false);
      } catch (error) {
        // Any other error is a fault of the library, and no verdict about a signature.
        if (error instanceof Error && error.message === NO_KEY) return undefined;
        throw error;
      }
    },
    sign(digest, privateKey) {
      const { signature, recid } = native.ecdsaSign(digest, privateKey);
      return { signature, recoveryId: recid };
    },
    toPublicKey: (privateKey) =>
      native.privateKeyVerify(privateKey) ? native.publicKeyCreate(privateKey, false) : undefined,
  };
}

function loadBindings(): NativeBindings | undefined {
  try {
    return createRequire(import.meta.url)(BINDINGS) as NativeBindings;
  } catch {
    return undefined;
  }
}
