import type { Channel } from '@ogong/chain/client';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashOrder, type LedgerDomain, type Order } from '@ogong/protocol/exchange/order';
import type { Debt } from '@ogong/protocol/settlement/batch';

/** Whether an order counts as its payer's on the chain as it is now: its payer signed it, or a key that may sign for so much. */
export type IsOrderSigned = (order: Order, signature: Uint8Array) => Promise<boolean>;

/** @param keyLimitOf reads the chain as it is now. A limit never falls, but a reorganisation can take it back. */
export function createOrderCheck(
  crypto: Crypto,
  ledger: LedgerDomain,
  keyLimitOf: (payer: Uint8Array, validator: Uint8Array, key: Uint8Array) => Promise<bigint>,
): IsOrderSigned {
  return async (order, signature) => {
    const digest = hashOrder(crypto, ledger, order);
    if (crypto.verifyAddress(digest, signature, order.payer)) return true;
    const key = crypto.recoverAddress(digest, signature);
    return key !== undefined && (await keyLimitOf(order.payer, order.validator, key)) >= order.cumulativeAtomic;
  };
}

/** What is read of a payer that owes. */
export interface DebtReads {
  /** A reading of this moment, of the payer's channel with the validator that is owed. */
  readonly readChannel: (payer: Uint8Array) => Promise<Pick<Channel, 'admitted' | 'spent'>>;
  /** Whether the payer's order counts on the chain. */
  readonly isSigned: (payer: Uint8Array) => Promise<boolean>;
}

/**
 * Payers that cannot be debited for what they owe, by the chain as it is now: the reserve in the channel is smaller, or the key that
 * signed for them is not allowed any more. How much an order covers does not have to be checked: one is admitted only if the newest
 * voucher covers all that is owed (docs/spec/validator.md).
 * @returns the payers, in the order of the debts. Rejects as the reads do.
 */
export async function findUncollectable(
  { readChannel, isSigned }: DebtReads,
  debts: readonly Debt[],
): Promise<Uint8Array[]> {
  const isDrawable = await Promise.all(
    debts.map(async ({ payer, amount }) => {
      const [{ admitted, spent }, signed] = await Promise.all([readChannel(payer), isSigned(payer)]);
      return amount <= admitted - spent && signed;
    }),
  );
  return debts.filter((_, i) => !isDrawable[i]).map(({ payer }) => payer);
}

/** Orders by the hex address of their payer. */
export function groupByPayer<T extends { readonly order: Order }>(
  orders: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(orders, ({ order }) => toHex(order.payer));
}
