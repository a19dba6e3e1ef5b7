import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { Order } from '@ogong/protocol/exchange/order';
import type { OrderKeyGrant } from '@ogong/protocol/exchange/order-key-grants';

/** The paying account, and the key that signs for it. */
export interface PayingSigner extends LedgerSigner {
  /** Address of the signing key, if the payer is another account: a wallet contract, or an account whose key is elsewhere. */
  readonly key?: Uint8Array;
}

/** Signs as a key for an account that has allowed it (docs/spec/settlement.md#keys-of-payers). */
export const signForWallet = (wallet: Uint8Array, { address: key, signDigest }: LedgerSigner): PayingSigner => ({
  ...{ address: wallet, key, signDigest },
});

/** Returns the grant of this gateway's own order: the chain confirmed it before the order was signed. */
export const grantOf = (
  { address: payer, key }: PayingSigner,
  { validator, cumulativeAtomic: limitAtomic }: Pick<Order, 'validator' | 'cumulativeAtomic'>,
): readonly OrderKeyGrant[] => (key === undefined ? [] : [{ payer, validator, key, limitAtomic }]);
