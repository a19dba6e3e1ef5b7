import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { concatBytes } from '@ogong/protocol/base/bytes';
import type { Ed25519Signer, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { ledgerCrypto } from './ledger/ledger-crypto.ts';
import { toPlainBytes } from './node-crypto.ts';

const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const ML_DSA_44_PKCS8 = Buffer.from('3034020100300b060960864801650304031104228020', 'hex');

function importSeed(prefix: Buffer, seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' });
}

function exportRaw(privateKey: KeyObject, keyBytes: number): Uint8Array {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-keyBytes);
}

/** Ed25519 private key of a 32-byte seed, RFC 8032. */
export function importEd25519Seed(seed: Uint8Array): KeyObject {
  if (seed.length !== 32) throw new RangeError(`an Ed25519 seed is 32 bytes, not ${seed.length}`);
  return importSeed(ED25519_PKCS8, seed);
}

/** @param seed 32 bytes. */
export function createNodeEd25519Signer(seed: Uint8Array): Ed25519Signer {
  const key = importEd25519Seed(seed);
  return { publicKey: exportRaw(key, 32), sign: (message) => toPlainBytes(sign(null, message, key)) };
}

const signLater = promisify(sign) as (algorithm: null, message: Uint8Array, key: KeyObject) => Promise<Buffer>;

/** @param seed 64 bytes: Ed25519 seed (32) || ML-DSA-44 seed (32). ML-DSA signatures are hedged: never the same twice. */
export function createNodeHybridSigner(seed: Uint8Array): HybridSigner {
  if (seed.length !== 64) throw new RangeError(`a hybrid seed is 64 bytes, not ${seed.length}`);
  const ed25519 = importEd25519Seed(seed.subarray(0, 32));
  const mlDsa44 = importSeed(ML_DSA_44_PKCS8, seed.subarray(32));
  return {
    publicKey: concatBytes(exportRaw(ed25519, 32), exportRaw(mlDsa44, 1312)),
    sign: (message) =>
      concatBytes(toPlainBytes(sign(null, message, ed25519)), toPlainBytes(sign(null, message, mlDsa44))),
    async signAside(message) {
      const parts = await Promise.all([signLater(null, message, ed25519), signLater(null, message, mlDsa44)]);
      return concatBytes(...parts.map(toPlainBytes));
    },
  };
}

/** @param privateKey 32 bytes, a valid secp256k1 scalar. */
export const createNodeLedgerSigner: (privateKey: Uint8Array) => LedgerSigner = ledgerCrypto.createSigner;
