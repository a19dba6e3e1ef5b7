import { randomBytes } from 'node:crypto';
import { privateKeyToAccount } from 'viem/accounts';
import { type Address, bytesToHex, type Hex } from './hex.ts';

/**
 * A fresh secp256k1 private key from the operating system's randomness.
 * @internal for tests
 */
export function generatePrivateKey(): Hex {
  for (;;) {
    const key = bytesToHex(randomBytes(32));
    try {
      privateKeyToAccount(key);
      return key;
    } catch {
      // Zero or above the group order, a chance of 2^-128: draw again.
    }
  }
}

/** Ledger address of a private key. */
export function computeAddress(privateKey: Hex): Address {
  return privateKeyToAccount(privateKey).address.toLowerCase() as Address;
}
