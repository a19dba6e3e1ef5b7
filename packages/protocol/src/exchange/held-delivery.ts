import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

const HELD = {
  /** The validator that stores the delivery statement. */
  validator: abi.address,
  /** Digest of the delivery that the payer signed. */
  delivery: abi.bytes32,
};
const typedHeld = createTypedStruct('Held', HELD);

/**
 * A validator's signed confirmation that it stored a payer's delivery statement (docs/spec/delivery.md). With it a payer can
 * prove that the validator knew the delivered record, even if the validator logs something else.
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
