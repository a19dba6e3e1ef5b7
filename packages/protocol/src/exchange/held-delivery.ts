import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

const HELD = {
  /** Who keeps the delivery. */
  validator: abi.address,
  /** Digest of the delivery that the payer signed. */
  delivery: abi.bytes32,
};
const typedHeld = createTypedStruct('Held', HELD);

/**
 * A validator's word that it keeps a payer's delivery (docs/spec/delivery.md). With it a payer can show that the validator knew what it
 * was given, whatever the validator logs about the reply.
 */
export interface HeldDelivery {
  /** 20 bytes. */
  readonly validator: Uint8Array;
  /** 32 bytes: hashDelivery. */
  readonly delivery: Uint8Array;
}

/** The 32-byte digest that the validator signs. */
export function hashHeld(crypto: Crypto, ledger: LedgerDomain, held: HeldDelivery): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), typedHeld.hash(crypto, held));
}

/** @param signingKey address of the key that signs for the validator. */
export function verifyHeld(
  crypto: Crypto,
  { ledger, signingKey }: { readonly ledger: LedgerDomain; readonly signingKey: Uint8Array },
  { signature, ...held }: HeldDelivery & { readonly signature: Uint8Array },
): boolean {
  return crypto.verifyAddress(hashHeld(crypto, ledger, held), signature, signingKey);
}
