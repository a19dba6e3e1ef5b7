import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, encodeWords, hashTyped, named } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

const ADMISSION = {
  /** The validator that admitted the order. */
  validator: abi.address,
  orderHash: abi.bytes32,
  /** The validator's epoch when it admitted the order. */
  epoch: abi.uint64,
  /** By the validator's clock, Unix time in ms. */
  timeMs: named('time', abi.uint64),
};
const typedAdmission = createTypedStruct('Admission', ADMISSION);

/**
 * A validator's signed statement that it admitted an order: the payer's channel pays for it (docs/spec/validator-intake.md).
 * Without it no provider serves, and no receipt is valid.
 */
export interface Admission {
  /** 20 bytes. */
  readonly validator: Uint8Array;
  readonly orderHash: Uint8Array;
  readonly epoch: bigint;
  readonly timeMs: bigint;
}

/** The part of an admission that is sent and stored beside its order. */
export interface SignedAdmission extends Pick<Admission, 'epoch' | 'timeMs'> {
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** The 32-byte digest that the validator signs. */
export function hashAdmission(crypto: Crypto, ledger: LedgerDomain, admission: Admission): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), typedAdmission.hash(crypto, admission));
}

/** Encodes the signed members, 32 bytes each, as a proof shows them to the chain. */
export const encodeAdmissionMembers = (crypto: Crypto, admission: Admission): Uint8Array =>
  encodeWords(crypto, ADMISSION, admission);

/**
 * Finds the reason that a statement is no admission of this order; undefined if it is valid.
 * @param of with the addresses of the keys that may have signed for the validator that the order names.
 */
export function findAdmissionProblem(
  crypto: Crypto,
  {
    ledger,
    order: { validator, orderHash, expiresAtMs },
    signingKeys,
  }: {
    readonly ledger: LedgerDomain;
    readonly order: Pick<Admission, 'validator' | 'orderHash'> & { readonly expiresAtMs: bigint };
    readonly signingKeys: readonly Uint8Array[];
  },
  { epoch, timeMs, signature }: SignedAdmission,
): string | undefined {
  const digest = hashAdmission(crypto, ledger, { validator, orderHash, epoch, timeMs });
  if (!signingKeys.some((key) => crypto.verifyAddress(digest, signature, key))) {
    return 'the validator that the order names did not sign that it admitted this order';
  }
  return timeMs < expiresAtMs ? undefined : 'the order had expired when its validator admitted it';
}
