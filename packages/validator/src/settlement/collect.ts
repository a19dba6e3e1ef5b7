import type { Channel } from '@ogong/chain/client';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashOrder, type LedgerDomain, type Order } from '@ogong/protocol/exchange/order';
import type { Debt } from '@ogong/protocol/settlement/batch';

/**
 * Tells whether an order counts for its payer on the present chain: the payer signed it, or a key with a sufficient
 * limit did.
 */
export type IsOrderSigned = (order: Order, signature: Uint8Array) => Promise<boolean>;

/** @param keyLimitOf reads the present chain. A limit never falls, but a reorganisation can undo a raise. */
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

/** An order with its voucher signature. */
export interface OrderVoucher {
  readonly order: Order;
  readonly signature: Uint8Array;
}

/**
 * Finds the newest order of a payer that counts on the chain and covers the draw. A reorganisation may undo the last
 * raise of a key's limit. Then proposer and co-signers use an older order that covers the debt.
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

/** Readings about a payer with a debt. */
export interface DebtReads {
  /** Reads the payer's present channel with the owed validator. */
  readonly readChannel: (payer: Uint8Array) => Promise<Pick<Channel, 'admitted' | 'spent'>>;
  /** Tells whether an order of the payer counts on the chain and covers past payments and debt. */
  readonly isCovered: (payer: Uint8Array, least: bigint) => Promise<boolean>;
}

/**
 * Finds the payers that cannot be debited for their debt on the present chain. Either the reserve in the channel is too
 * small, or no permitted key has signed for so much.
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

/** Groups orders by the hex address of their payer. */
export function groupByPayer<T extends OrderVoucher>(orders: readonly T[]): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(orders, ({ order }) => toHex(order.payer));
}
