import { amount, columns, integer, named, text } from '@ogong/host/store/columns';
import { findAll, insertRow, type Work } from '@ogong/host/store/work';
import { findRow, putRow, type RowQuery, type WorkTable } from '@ogong/host/store/work-rows';
import type { WorkStore } from '@ogong/host/store/work-store';
import { findSpending } from './spending-store.ts';

/** Money that an account has paid in, or had taken back. */
export interface CreditEntry {
  /** Source and payment, such as `card:evt_1`. The same id counts once. */
  readonly id: string;
  /** A key's id, or `nameAccount` of an organisation. */
  readonly account: string;
  /** Below 0 for credit that was taken back. */
  readonly amountAtomic: bigint;
  /** A text for people, without secrets. */
  readonly detail: string;
  readonly madeMs: number;
}

/**
 * Part of the schema of a gateway's store. An account with a row in `granted` may spend that much. An account without a row has
 * no credit and is bound by its budget alone.
 */
export const CREDIT_TABLES = `
  CREATE TABLE credits (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    amount TEXT NOT NULL,
    detail TEXT NOT NULL,
    made_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX credits_by_account ON credits (account, made_ms);
  CREATE TABLE granted (
    account TEXT PRIMARY KEY,
    amount TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

export const creditRow = columns({
  ...{ id: text, account: text, amountAtomic: named('amount', amount), detail: text, madeMs: integer },
});
const grantedRow = columns({ account: text, amountAtomic: named('amount', amount) });
type GrantedRow = ReturnType<typeof grantedRow.read>;
const grantedTable: WorkTable<GrantedRow> = { name: 'granted', key: ['account'], row: grantedRow };
const MOST_LISTED = 1_000;

/** Returns the credit of an account less the amounts taken back; undefined for an account without credit. */
export function* findGranted(account: string): Work<bigint | undefined> {
  return (yield* findRow(grantedTable, account))?.amountAtomic;
}

export const grantedTo = (account: string): RowQuery<GrantedRow> => ({ table: grantedTable, key: [account] });

/**
 * Opens credit: from now on the account may spend its credit only. Credits the earlier spending and reservations, so that its
 * sums agree.
 * @returns whether credit was not open before.
 */
export function* openCredit(account: string, nowMs: number): Work<boolean> {
  if ((yield* findGranted(account)) !== undefined) return false;
  const { spent, reserved } = yield* findSpending(account);
  const amountAtomic = spent + reserved;
  yield* putRow(grantedTable, { account, amountAtomic });
  if (amountAtomic === 0n) return true;
  const entry = { id: `before:${account}`, account, amountAtomic, detail: 'spent before', madeMs: nowMs };
  yield* insertRow(creditRow, 'credits', entry);
  return true;
}

/** Adds an entry. The caller runs it inside a transaction. @returns false if the entry was known. */
export function* addCredit(entry: CreditEntry): Work<boolean> {
  if (!(yield* insertRow(creditRow, 'credits', entry, 'ON CONFLICT DO NOTHING'))) return false;
  const { account, amountAtomic } = entry;
  yield* openCredit(account, entry.madeMs);
  const known = (yield* findGranted(account)) ?? 0n;
  yield* putRow(grantedTable, { account, amountAtomic: known + amountAtomic });
  return true;
}

/** Lists the entries, the newest first. */
export const listCredits = (books: WorkStore, account: string): Promise<CreditEntry[]> => {
  const sql = `SELECT ${creditRow.list} FROM credits WHERE account = ? ORDER BY made_ms DESC, id LIMIT ?`;
  return books.read(() => findAll(creditRow, sql, account, MOST_LISTED));
};

/** Lists the accounts with credit whose names begin so. It reads no others: each payment after its request has an account. */
export function* listCreditAccounts(beginning: string): Work<string[]> {
  const sql = `SELECT ${grantedRow.list} FROM granted WHERE account >= ? AND account < ? ORDER BY account`;
  const rows = yield* findAll(grantedRow, sql, beginning, `${beginning}\u{10ffff}`);
  return rows.map(({ account }) => account);
}

/** Granted amounts by account, and the entries behind them. */
export interface CreditSums {
  readonly granted: bigint;
  readonly credited: bigint;
  readonly takenBack: bigint;
}

/** Sums the credit of all accounts that have credit. */
export function* sumCredits(): Work<Map<string, CreditSums>> {
  const sums = new Map<string, CreditSums>();
  for (const { account, amountAtomic } of yield* findAll(grantedRow, `SELECT ${grantedRow.list} FROM granted`))
    sums.set(account, { granted: amountAtomic, credited: 0n, takenBack: 0n });
  for (const { account, amountAtomic } of yield* findAll(creditRow, `SELECT ${creditRow.list} FROM credits`)) {
    const { granted, credited, takenBack } = sums.get(account) ?? { granted: 0n, credited: 0n, takenBack: 0n };
    const isBack = amountAtomic < 0n;
    sums.set(account, {
      granted,
      credited: isBack ? credited : credited + amountAtomic,
      takenBack: isBack ? takenBack - amountAtomic : takenBack,
    });
  }
  return sums;
}
