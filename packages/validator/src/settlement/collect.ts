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

/** An order, and what makes it a voucher. */
export interface OrderVoucher {
  readonly order: Order;
  readonly signature: Uint8Array;
}

/**
 * The newest of a payer's orders that counts on the chain and covers what is drawn. A reorganisation may take the last raise of a
 * key's limit back: an older order that covers the debt is drawn then, by the proposer as by its co-signers.
 */
export async function findCovering<T extends OrderVoucher>(
  isSigned: IsOrderSigned,
  orders: readonly T[],
  least: bigint,
): Promise<T | undefined> {
  const covering = orders.filter(({ order }) => order.cumulativeAtomic >= least);
  covering.sort((a, b) => Number(b.order.cumulativeAtomic - a.order.cumulativeAtomic));
  for (const one of covering) if (await isSigned(one.order, one.signature)) return one;
  return undefined;
}

/** What is read of a payer that owes. */
export interface DebtReads {
  /** A reading of this moment, of the payer's channel with the validator that is owed. */
  readonly readChannel: (payer: Uint8Array) => Promise<Pick<Channel, 'admitted' | 'spent'>>;
  /** Whether an order of the payer counts on the chain that covers so much: what was spent before, and what it owes. */
  readonly isCovered: (payer: Uint8Array, least: bigint) => Promise<boolean>;
}

/**
 * Payers that cannot be debited for what they owe, by the chain as it is now: the reserve in the channel is smaller, or no key that
 * signed for so much is allowed any more.
 * @returns the payers, in the order of the debts. Rejects as the reads do.
 */
export async function findUncollectable(
  { readChannel, isCovered }: DebtReads,
  debts: readonly Debt[],
): Promise<Uint8Array[]> {
  const isDrawable = await Promise.all(
    debts.map(async ({ payer, amount }) => {
      const { admitted, spent } = await readChannel(payer);
      return amount <= admitted - spent && (await isCovered(payer, spent + amount));
    }),
  );
  return debts.filter((_, i) => !isDrawable[i]).map(({ payer }) => payer);
}

/** Orders by the hex address of their payer. */
export function groupByPayer<T extends OrderVoucher>(orders: readonly T[]): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(orders, ({ order }) => toHex(order.payer));
}
