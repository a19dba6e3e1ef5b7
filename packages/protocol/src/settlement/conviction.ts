import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** That exact evidence convicts a validator, as a quorum signs it (docs/spec/over-admission.md, "Conviction"). */
export interface Conviction {
  /** 20 bytes. */
  readonly validator: Uint8Array;
  /** Hash of the evidence. */
  readonly evidence: Uint8Array;
  /** The validator's first is 1. A kept signature convicts no second time. */
  readonly conviction: number;
}

const typedConviction = createTypedStruct('Conviction', {
  validator: abi.address,
  evidence: abi.bytes32,
  conviction: abi.uint32,
});

/** The EIP-712 digest that validators sign. @param domain of the settlement contract. */
export function hashConviction(crypto: Crypto, domain: LedgerDomain, conviction: Conviction): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), typedConviction.hash(crypto, conviction));
}
