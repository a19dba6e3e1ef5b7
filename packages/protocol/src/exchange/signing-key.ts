import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

const typedSigningKey = createTypedStruct('SigningKey', { account: abi.address, signer: abi.address });

/** A key's consent to sign for an account (docs/spec/votes.md, "Signing keys"). */
export interface SigningKeyConsent {
  /** 20 bytes. */
  readonly account: Uint8Array;
  /** Address of the key, 20 bytes. */
  readonly signer: Uint8Array;
}

/** Computes the EIP-712 digest that the key signs. @param domain of the validator registry. */
export function hashSigningKey(
  crypto: Crypto,
  domain: LedgerDomain,
  { account, signer }: SigningKeyConsent,
): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), typedSigningKey.hash(crypto, { account, signer }));
}
