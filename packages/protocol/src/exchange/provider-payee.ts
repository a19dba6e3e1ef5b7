import { equalBytes } from '../base/bytes.ts';
import type { Crypto, LedgerSigner } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

/**
 * A payee's word that a provider's key serves for it (docs/spec/announcement.md): without it anybody could announce a large
 * stake as its own, or pile up bad work under a name that never agreed.
 */
const providerPayee = createTypedStruct('ProviderPayee', { providerId: abi.bytes32 });

/** The 32-byte digest that the payee signs. @param providerId 32 bytes. */
export function hashProviderPayee(crypto: Crypto, domain: LedgerDomain, providerId: Uint8Array): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), providerPayee.hash(crypto, { providerId }));
}

/** @returns 65 bytes. */
export function signProviderPayee(
  crypto: Crypto,
  payee: LedgerSigner,
  { ledger, providerId }: { readonly ledger: LedgerDomain; readonly providerId: Uint8Array },
): Uint8Array {
  return payee.signDigest(hashProviderPayee(crypto, ledger, providerId));
}

/** Whether the payee, who is not the zero address, signed for this provider's key. */
export function verifyProviderPayee(
  crypto: Crypto,
  domain: LedgerDomain,
  {
    providerId,
    payee,
    payeeSignature,
  }: { readonly providerId: Uint8Array; readonly payee: Uint8Array; readonly payeeSignature: Uint8Array },
): boolean {
  if (payee.every((byte) => byte === 0)) return false;
  // Do not use verifyAddress here: it caches addresses, so invented ones would push out those of payers.
  const signer = crypto.recoverAddress(hashProviderPayee(crypto, domain, providerId), payeeSignature);
  return signer !== undefined && equalBytes(signer, payee);
}
