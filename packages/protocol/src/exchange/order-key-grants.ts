import { equalBytes } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';

/**
 * A key that signs orders for an account at one validator, up to a sum, as the chain states
 * (docs/spec/settlement.md#keys-of-payers).
 */
export interface OrderKeyGrant {
  readonly payer: Uint8Array;
  readonly validator: Uint8Array;
  readonly key: Uint8Array;
  /** Atomic units, counted like an order's cumulative amount. */
  readonly limitAtomic: bigint;
}

/** Returns a crypto in which these keys sign for these accounts, too. */
export function withOrderKeys(crypto: Crypto, grants: readonly OrderKeyGrant[] = []): Crypto {
  if (grants.length === 0) return crypto;
  const find = (...wanted: readonly Uint8Array[]): OrderKeyGrant | undefined =>
    grants.find(({ payer, validator, key }) =>
      [payer, validator, key].every((one, i) => equalBytes(one, wanted[i] as Uint8Array)),
    );
  const limitOf = (payer: Uint8Array, validator: Uint8Array, key: Uint8Array): bigint | undefined =>
    find(payer, validator, key)?.limitAtomic ?? crypto.orderKeys?.limitOf(payer, validator, key);
  return { ...crypto, orderKeys: { limitOf } };
}
