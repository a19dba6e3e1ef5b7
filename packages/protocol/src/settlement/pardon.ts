import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** A quorum's signed end of a payee's penalties (docs/spec/stakes.md, "Penalties"). */
export interface Pardon {
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** The last penalty that it takes back; the payee's first is 1. A stored pardon takes back no later one. */
  readonly penalty: number;
}

const typedPardon = createTypedStruct('Pardon', { payee: abi.address, penalty: abi.uint32 });

/** Computes the EIP-712 digest that validators sign. @param domain of the settlement contract. */
export function hashPardon(crypto: Crypto, domain: LedgerDomain, { payee, penalty }: Pardon): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), typedPardon.hash(crypto, { payee, penalty }));
}
