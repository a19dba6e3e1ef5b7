import { hashRecord } from '../commitment/record.ts';
import type { Crypto, LedgerSigner } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, string } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain, type Payer, verifyPayer } from './order.ts';

/** The longest reason, UTF-16 units. It is text for people and decides nothing. */
export const MAX_COMPLAINT_REASON = 64;
/**
 * Reason with which a payer hands over its copy of an opening, because its validator gets none from the provider. The reply is
 * audited already, so this asks for no further audit.
 */
export const OPENING_HANDED = 'opening-handed';
const NONE = new Uint8Array(32);

/**
 * A payer's complaint against a reply (docs/spec/validator-intake.md#complaints). The payer signs all of it. So a party that
 * has only the order, such as its provider, cannot complain in the payer's place.
 */
export interface ComplaintTerms {
  /** Hash of the order that the payer signed. */
  readonly orderHash: Uint8Array;
  readonly reason: string;
  /** The record's bytes, if there is a record. */
  readonly record: Uint8Array | undefined;
  /** SHA-256 of the opening that the payer has; undefined if none. */
  readonly openingHash: Uint8Array | undefined;
}

const typedComplaint = createTypedStruct('Complaint', {
  orderHash: abi.bytes32,
  reason: string,
  recordHash: abi.bytes32,
  openingHash: abi.bytes32,
});

/** The 32-byte digest that the payer signs. */
export function hashComplaint(crypto: Crypto, ledger: LedgerDomain, terms: ComplaintTerms): Uint8Array {
  const { orderHash, reason, record, openingHash = NONE } = terms;
  const recordHash = record === undefined ? NONE : hashRecord(crypto, record);
  const hashed = typedComplaint.hash(crypto, { orderHash, reason, recordHash, openingHash });
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), hashed);
}

/** Signs a complaint. @returns 65 bytes. */
export function signComplaint(
  crypto: Crypto,
  payer: LedgerSigner,
  { ledger, ...terms }: ComplaintTerms & { readonly ledger: LedgerDomain },
): Uint8Array {
  return payer.signDigest(hashComplaint(crypto, ledger, terms));
}

export function verifyComplaint(
  crypto: Crypto,
  { ledger, ...payer }: Payer & { readonly ledger: LedgerDomain },
  terms: ComplaintTerms,
  signature: Uint8Array,
): boolean {
  return verifyPayer(crypto, payer, { digest: hashComplaint(crypto, ledger, terms), signature });
}
