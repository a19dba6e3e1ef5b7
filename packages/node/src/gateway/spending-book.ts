import { amount, columns, text } from '@ogong/host/store/columns';
import { findOne, replaceRow, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';

export interface Spending {
  readonly spent: bigint;
  readonly reserved: bigint;
}

const spendingState = columns({ spent: amount, reserved: amount });
const spendingRow = columns({ account: text, state: spendingState });

/** What an organisation's spending is kept under; no key has such an id. */
export const nameAccount = (organisation: string): string => `org:${organisation}`;

/** @param account a key's id, or `nameAccount` of an organisation. */
export function* findSpending(account: string): Work<Spending> {
  const sql = `SELECT ${spendingState.list} FROM spending WHERE account = ?`;
  return (yield* findOne(spendingState, sql, account)) ?? { spent: 0n, reserved: 0n };
}

export const putSpending = (account: string, state: Spending): Work<void> =>
  replaceRow(spendingRow, 'spending', 'account', { account, state });

/** @param account a key's id, or `nameAccount` of an organisation. @param books opened with GATEWAY_SCHEMA. */
export const readSpending = (books: WorkStore, account: string): Promise<Spending> =>
  books.read(() => findSpending(account));
