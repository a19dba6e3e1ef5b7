import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/** Signatures that are remembered; some 2 MB. Then the oldest half is forgotten. */
const KEPT = 16_384;

/**
 * The same primitives, which check a signature that was good once by its hash: a validator sees that of an order when it admits it, takes
 * its record in and hears its payer, and that of a record when it hears of it and again in a batch. The hash covers signature, message
 * and key, so nothing else passes for it. What was refused is checked each time: whoever sends rubbish takes no places.
 */
export function rememberChecked(crypto: Crypto, kept = KEPT): Crypto {
  const good = createMemory<true>(kept);
  const signers = createMemory<Uint8Array>(kept);
  const checkOnce =
    (kind: 'verifyEd25519' | 'verifyMlDsa44'): Crypto['verifyEd25519'] =>
    (signature, message, publicKey) => {
      // Signature and key have one length each, where they are good, so that no two triples make the same bytes.
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

/** Two generations: what is asked for in time moves on, the rest goes with its generation. */
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
