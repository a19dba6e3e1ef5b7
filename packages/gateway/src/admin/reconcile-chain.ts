import type { ChainClient } from '@ogong/chain/client';
import type { Address } from '@ogong/chain/hex';
import { amount, columns, named, optional, text } from '@ogong/host/store/columns';
import { findAll, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { fromHex } from '@ogong/protocol/base/bytes';
import { listDeposits } from '../books/deposits.ts';
import type { Discrepancy } from '../books/reconcile.ts';
import { NO_SETTLEMENT } from '../outbox/verdict-feed.ts';

const channelRow = columns({ validator: text, cumulative: amount, owed: amount, outstanding: amount });
const settledRow = columns({ validator: text, feeAtomic: named('fee', optional(amount)) });
const creditRow = columns({ granted: amount, spent: optional(amount) });

/** Reads the sums in the store that the chain has to confirm. */
function* readClaims() {
  const channels = yield* findAll(channelRow, `SELECT ${channelRow.list} FROM channels`);
  const settled = new Map<string, bigint>();
  const orders = `SELECT ${settledRow.list} FROM orders WHERE state = 'closed' AND settlement <> '' AND settlement <> ?`;
  for (const { validator, feeAtomic } of yield* findAll(settledRow, orders, NO_SETTLEMENT))
    settled.set(validator, (settled.get(validator) ?? 0n) + (feeAtomic ?? 0n));
  const credits = `SELECT granted.amount AS granted, spending.spent AS spent
    FROM granted LEFT JOIN spending ON spending.account = granted.account`;
  let unspent = 0n;
  for (const { granted, spent } of yield* findAll(creditRow, credits)) {
    const left = granted - (spent ?? 0n);
    if (left > 0n) unspent += left;
  }
  return { channels, settled, unspent, deposits: yield* listDeposits() };
}

/**
 * Compares the store with the escrow. Validators drew only signed amounts, settled amounts were drawn, and the gateway has tokens
 * for all credit that is left.
 * @param payer the gateway's account.
 */
export async function reconcileChain(
  books: WorkStore,
  chain: Pick<ChainClient, 'channelOf' | 'freeOf' | 'paymentBalanceOf'>,
  payer: Address,
): Promise<Discrepancy[]> {
  const { channels, settled, unspent, deposits } = await books.snapshot(
    readClaims as () => Work<ReturnType<typeof readClaims> extends Generator<unknown, infer T> ? T : never>,
  );
  const found: Discrepancy[] = [];
  /** Reports a difference unless `booked` is at least `found`. */
  const compareMost = (what: string, bookedAtomic: bigint, foundAtomic: bigint): void => {
    if (bookedAtomic < foundAtomic) found.push({ what, bookedAtomic, foundAtomic });
  };
  let tokens = (await chain.paymentBalanceOf(payer)) + (await chain.freeOf(payer));
  for (const { address } of deposits) tokens += await chain.paymentBalanceOf(address);
  for (const { validator, cumulative, owed, outstanding } of channels) {
    const { admitted, spent } = await chain.channelOf(payer, fromHex(validator));
    compareMost(`signed away to ${validator}, against what the chain says was drawn`, cumulative, spent);
    compareMost(`drawn by ${validator}, against fees that are settled`, spent, settled.get(validator) ?? 0n);
    // Validators will draw the owed fees that are not drawn yet. A validator may draw before the gateway learns of the verdict.
    // That amount still counts as remaining credit here.
    let ahead = spent - owed;
    if (ahead > outstanding) ahead = outstanding;
    tokens += admitted - spent + ahead;
  }
  compareMost('tokens behind the credit that is left', tokens, unspent);
  return found;
}
