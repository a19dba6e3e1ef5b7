import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { parseLedgerSignature } from '@ogong/protocol/crypto/ledger-signature';
import { quickCrypto } from '@ogong/protocol/crypto/quick-noble';
import type { LedgerLibrary } from './library.ts';
import { openNativeLibrary } from './native-library.ts';
import { openWasmLibrary } from './wasm-library.ts';

/** Signatures of accounts. */
export interface LedgerCrypto extends Pick<Crypto, 'recoverAddress' | 'verifyAddress'> {
  /**
   * Returns the signer of an account, with nonces of RFC 6979.
   * @param privateKey 32 bytes.
   * @throws RangeError unless the private key is a valid secp256k1 scalar.
   */
  createSigner(privateKey: Uint8Array): LedgerSigner;
}

/** Computes the Ethereum address of a public key of 65 bytes. */
const toAddress = (key: Uint8Array): Uint8Array => quickCrypto.keccak256(key.subarray(1)).slice(12);

/**
 * Returns the signatures of accounts over a build of libsecp256k1. Bytes and decisions equal those of noble, the reference
 * (docs/adr/dependencies.md). OpenSSL signs no bare digest and recovers no key.
 */
export function createLedgerCrypto(library: LedgerLibrary): LedgerCrypto {
  /** @returns undefined unless s is low, v is 27 or 28, and there is such a key. */
  function recoverAddress(digest: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
    const parsed = parseLedgerSignature(signature);
    if (digest.length !== 32 || parsed === undefined) return undefined;
    const key = library.recover(digest, signature.subarray(0, 64), parsed.isOdd ? 1 : 0);
    return key && toAddress(key);
  }

  return {
    recoverAddress,
    verifyAddress(digest, signature, address) {
      const signer = recoverAddress(digest, signature);
      return signer !== undefined && equalBytes(signer, address);
    },
    createSigner(privateKey) {
      const key = Uint8Array.from(privateKey);
      const point = key.length === 32 ? library.toPublicKey(key) : undefined;
      if (point === undefined) {
        throw new RangeError('a private key of secp256k1 is a number of 32 bytes below its order, and not 0');
      }
      return {
        address: toAddress(point),
        signDigest(digest) {
          const { signature, recoveryId } = library.sign(digest, key);
          return concatBytes(signature, Uint8Array.of(27 + recoveryId));
        },
      };
    },
  };
}

/** Opens the library at its first use: a process that only compares known signers never compiles it. */
function openLater(open: () => LedgerLibrary): LedgerLibrary {
  let library: LedgerLibrary | undefined;
  const opened = (): LedgerLibrary => {
    library ??= open();
    return library;
  };
  return {
    recover: (...given) => opened().recover(...given),
    sign: (...given) => opened().sign(...given),
    toPublicKey: (...given) => opened().toPublicKey(...given),
  };
}

/** Signatures of accounts by machine code, or by WebAssembly on a platform without it. */
export const ledgerCrypto: LedgerCrypto = createLedgerCrypto(openNativeLibrary() ?? openLater(openWasmLibrary));
