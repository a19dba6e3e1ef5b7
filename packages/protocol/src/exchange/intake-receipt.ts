import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, encodeWords, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

const INTAKE = {
  /** The validator that accepted the record. */
  validator: abi.address,
  orderHash: abi.bytes32,
  recordHash: abi.bytes32,
  /** The validator's epoch when it accepted the record. */
  epoch: abi.uint64,
};
const typedIntake = createTypedStruct('Intake', INTAKE);

/**
 * A validator's signed receipt for a record (docs/spec/validator-intake.md). With it a provider can prove that it delivered a
 * reply that the validator calls abandoned.
 */
export interface IntakeReceipt {
  /** 20 bytes. */
  readonly validator: Uint8Array;
  readonly orderHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly epoch: bigint;
}

/** The part of a receipt that is sent and stored beside order and record. */
export interface IntakeSignature {
  /** Epoch of the intake. */
  readonly epoch: bigint;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** The 32-byte digest that the validator signs. */
export function hashIntake(crypto: Crypto, ledger: LedgerDomain, intake: IntakeReceipt): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), typedIntake.hash(crypto, intake));
}

/** Encodes the signed members, 32 bytes each, as a proof shows them to the chain. */
export const encodeIntakeMembers = (crypto: Crypto, intake: IntakeReceipt): Uint8Array =>
  encodeWords(crypto, INTAKE, intake);

export interface SignedIntake extends IntakeReceipt {
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** Verifies a receipt. @param signingKey address of the key that signs for the validator that the receipt names. */
export function verifyIntake(
  crypto: Crypto,
  { ledger, signingKey }: { readonly ledger: LedgerDomain; readonly signingKey: Uint8Array },
  { signature, ...intake }: SignedIntake,
): boolean {
  return crypto.verifyAddress(hashIntake(crypto, ledger, intake), signature, signingKey);
}
