import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/** Signatures that are remembered; some 2 MB. Then the oldest half is forgotten. */
const KEPT = 16_384;

/**
 * Returns the same primitives with a memory of good signatures. A validator sees an order's signature up to three times and a record's
 * twice, and a provider an order's twice. The hash covers signature, message and key, so nothing else passes for it. A refused signature is checked each time, so that a
 * sender of rubbish takes no places.
 */
export function rememberChecked(crypto: Crypto, kept = KEPT): Crypto {
  const good = createMemory<true>(kept);
  const signers = createMemory<Uint8Array>(kept);
  const checkOnce =
    (kind: 'verifyEd25519' | 'verifyMlDsa44'): Crypto['verifyEd25519'] =>
    (signature, message, publicKey) => {
      // Good signatures and keys have one length each, so no two triples make the same bytes.
      const name = `${kind} ${signature.length} ${publicKey.length} ${toName(crypto.sha256(concatBytes(signature, publicKey, message)))}`;
      if (good.get(name)) return true;
      const isGood = crypto[kind](signature, message, publicKey);
      if (isGood) good.set(name, true);
      return isGood;
    };
  const recoverAddress: Crypto['recoverAddress'] = (digest, signature) => {
    const name = `${digest.length} ${toName(digest)}${toName(signature)}`;
    const known = signers.get(name);
    if (known !== undefined) return known.slice();
    const signer = crypto.recoverAddress(digest, signature);
    if (signer !== undefined) signers.set(name, signer.slice());
    return signer;
  };
  return {
    ...crypto,
    verifyEd25519: checkOnce('verifyEd25519'),
    verifyMlDsa44: checkOnce('verifyMlDsa44'),
    recoverAddress,
    verifyAddress(digest, signature, address) {
      const signer = recoverAddress(digest, signature);
      return signer !== undefined && equalBytes(signer, address);
    },
  };
}

const toName = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('latin1');

/** Keeps two generations: an entry that is used in time moves on, the rest goes with its generation. */
function createMemory<T>(kept: number) {
  let young = new Map<string, T>();
  let old = new Map<string, T>();
  const set = (name: string, value: T): void => {
    young.set(name, value);
    if (young.size < kept / 2) return;
    old = young;
    young = new Map();
  };
  return {
    set,
    get(name: string): T | undefined {
      const value = young.get(name);
      if (value !== undefined) return value;
      const older = old.get(name);
      if (older !== undefined) set(name, older);
      return older;
    },
  };
}
