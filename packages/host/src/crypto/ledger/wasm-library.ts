import { createRequire } from 'node:module';
import type { LedgerLibrary } from './library.ts';

/** Compiles libsecp256k1 as WebAssembly, 1.1 MB. It runs on every platform, and it overwrites a private key after each use. */
export function openWasmLibrary(): LedgerLibrary {
  const require = createRequire(import.meta.url);
  const wasm = require('tiny-secp256k1') as typeof import('tiny-secp256k1');
  return {
    recover(digest, signature, recoveryId) {
      try {
        return wasm.recover(digest, signature, recoveryId, false) ?? undefined;
      } catch (error) {
        // No point has r as its x, or the key would be the point at infinity. Any other error is a fault of the library, and no verdict about a signature.
        if (error instanceof TypeError && error.message === 'Expected Signature') return undefined;
        throw error;
      }
    },
    sign: (digest, privateKey) => wasm.signRecoverable(digest, privateKey),
    toPublicKey: (privateKey) =>
      wasm.isPrivate(privateKey) ? (wasm.pointFromScalar(privateKey, false) ?? undefined) : undefined,
  };
}
