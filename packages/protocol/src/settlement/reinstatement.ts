import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** A quorum's signed end of one ejection (docs/spec/stakes.md, "Ejections"). */
export interface Reinstatement {
  /** 32 bytes. */
  readonly providerId: Uint8Array;
  /** Number of the ejection; the provider's first is 1. A stored reinstatement lifts no later one. */
  readonly ejection: number;
}

const typedReinstatement = createTypedStruct('Reinstatement', { providerId: abi.bytes32, ejection: abi.uint32 });

/** Computes the EIP-712 digest that validators sign. @param domain of the settlement contract. */
export function hashReinstatement(crypto: Crypto, domain: LedgerDomain, reinstatement: Reinstatement): Uint8Array {
  const { providerId, ejection } = reinstatement;
  const hash = typedReinstatement.hash(crypto, { providerId, ejection });
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), hash);
}
