import { amount, columns, text } from '@ogong/host/store/columns';
import type { Work } from '@ogong/host/store/work';
import { findRow, putRow, type RowQuery, type WorkTable } from '@ogong/host/store/work-rows';
import type { WorkStore } from '@ogong/host/store/work-store';

export interface Spending {
  readonly spent: bigint;
  readonly reserved: bigint;
}

const spendingRow = columns({ account: text, spent: amount, reserved: amount });
type SpendingRow = ReturnType<typeof spendingRow.read>;
const spendingTable: WorkTable<SpendingRow> = { name: 'spending', key: ['account'], row: spendingRow };

/** Returns the account name of an organisation's spending. No key has such an id. */
export const nameAccount = (organisation: string): string => `org:${organisation}`;

/** @param account a key's id, or `nameAccount` of an organisation. */
export const spendingOf = (account: string): RowQuery<SpendingRow> => ({ table: spendingTable, key: [account] });

/** @param account a key's id, or `nameAccount` of an organisation. */
export function* findSpending(account: string): Work<Spending> {
  const { spent, reserved } = (yield* findRow(spendingTable, account)) ?? { spent: 0n, reserved: 0n };
  return { spent, reserved };
}

export const putSpending = (account: string, { spent, reserved }: Spending): Work<void> =>
  putRow(spendingTable, { account, spent, reserved });

/** @param account a key's id, or `nameAccount` of an organisation. @param books opened with GATEWAY_SCHEMA. */
export const readSpending = (books: WorkStore, account: string): Promise<Spending> =>
  books.read(() => findSpending(account));
