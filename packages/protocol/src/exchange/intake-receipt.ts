import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, encodeWords, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

const INTAKE = {
  /** Who took the record in. */
  validator: abi.address,
  orderHash: abi.bytes32,
  recordHash: abi.bytes32,
  /** The validator's epoch when it took the record in. */
  epoch: abi.uint64,
};
const typedIntake = createTypedStruct('Intake', INTAKE);

/**
 * A validator's word that it has taken a record in (docs/spec/validator-intake.md). With it a provider can show that a reply was delivered
 * that the validator calls abandoned.
 */
export interface IntakeReceipt {
  /** 20 bytes. */
  readonly validator: Uint8Array;
  readonly orderHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly epoch: bigint;
}

/** What is sent and kept of it beside order and record. */
export interface IntakeWord {
  /** Of intake. */
  readonly epoch: bigint;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** The 32-byte digest that the validator signs. */
export function hashIntake(crypto: Crypto, ledger: LedgerDomain, intake: IntakeReceipt): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), typedIntake.hash(crypto, intake));
}

/** What was signed, member by member, 32 bytes each: as a proof shows it to the chain. */
export const encodeIntakeMembers = (crypto: Crypto, intake: IntakeReceipt): Uint8Array =>
  encodeWords(crypto, INTAKE, intake);

export interface SignedIntake extends IntakeReceipt {
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** @param signingKey address of the key that signs for the validator which the receipt names. */
export function verifyIntake(
  crypto: Crypto,
  { ledger, signingKey }: { readonly ledger: LedgerDomain; readonly signingKey: Uint8Array },
  { signature, ...intake }: SignedIntake,
): boolean {
  return crypto.verifyAddress(hashIntake(crypto, ledger, intake), signature, signingKey);
}
