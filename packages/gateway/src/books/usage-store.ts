import { amount, columns, integer, named, text } from '@ogong/host/store/columns';
import { findAll, type Work } from '@ogong/host/store/work';
import { findRow, putRow, type RowQuery, type WorkTable } from '@ogong/host/store/work-rows';
import type { WorkStore } from '@ogong/host/store/work-store';

/** Usage of one model by one key on one day. */
export interface UsageRow {
  /** Day of the orders in UTC, `2026-01-31`. */
  readonly day: string;
  readonly keyId: string;
  readonly model: string;
  /** Empty for a key without an organisation. */
  readonly organisation: string;
  /** Delivered replies. */
  readonly replies: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Fees of the orders whose fee is known. */
  readonly costAtomic: bigint;
  /** Maximum fees of the others. */
  readonly reservedAtomic: bigint;
}

/** Keys and days of the usage, both days included. */
export interface UsageQuery {
  readonly keyId?: string | undefined;
  readonly organisation?: string | undefined;
  readonly from: string;
  readonly to: string;
}

export type UsagePlace = Pick<UsageRow, 'day' | 'keyId' | 'model' | 'organisation'>;
export type UsageChange = Partial<Omit<UsageRow, keyof UsagePlace>>;

/** A query that finds more is refused: ask for fewer days. */
export const MOST_USAGE_ROWS = 10_000;

const place = { day: text, keyId: text, model: text, organisation: text };
const counts = {
  replies: integer,
  promptTokens: integer,
  outputTokens: integer,
  costAtomic: named('cost', amount),
  reservedAtomic: named('reserved', amount),
};
const usageRow = columns({ ...place, ...counts });
const usageTable: WorkTable<UsageRow> = { name: 'usage', key: ['key_id', 'day', 'model'], row: usageRow };
const NOTHING = { replies: 0, promptTokens: 0, outputTokens: 0, costAtomic: 0n, reservedAtomic: 0n };

/** @returns the day in UTC, `2026-01-31`. */
export const toDay = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);

export const usageOf = ({ keyId, day, model }: Omit<UsagePlace, 'organisation'>): RowQuery<UsageRow> => ({
  table: usageTable,
  key: [keyId, day, model],
});

/** Rows of all models of a key on one day. */
export const usageOfDay = (keyId: string, day: string): RowQuery<UsageRow> => ({
  table: usageTable,
  key: [keyId, day],
});

/** Adds to a row. The caller runs it in the transaction that changes the order and the budgets, so that they never differ. */
export function* addUsage({ day, keyId, model, organisation }: UsagePlace, change: UsageChange): Work<void> {
  const known = (yield* findRow(usageTable, keyId, day, model)) ?? NOTHING;
  yield* putRow(usageTable, {
    ...{ day, keyId, model, organisation },
    replies: known.replies + (change.replies ?? 0),
    promptTokens: known.promptTokens + (change.promptTokens ?? 0),
    outputTokens: known.outputTokens + (change.outputTokens ?? 0),
    costAtomic: known.costAtomic + (change.costAtomic ?? 0n),
    reservedAtomic: known.reservedAtomic + (change.reservedAtomic ?? 0n),
  });
}

/** @returns rows by day, key and model; one more than MOST_USAGE_ROWS if there are more. */
export function listUsage(books: WorkStore, { keyId, organisation, from, to }: UsageQuery): Promise<UsageRow[]> {
  const where = ['day >= ?', 'day <= ?'];
  const values = [from, to];
  for (const [column, value] of [['key_id', keyId] as const, ['organisation', organisation] as const]) {
    if (value === undefined) continue;
    where.push(`${column} = ?`);
    values.push(value);
  }
  const sql = `SELECT ${usageRow.list} FROM usage WHERE ${where.join(' AND ')} ORDER BY day, key_id, model LIMIT ?`;
  return books.read(() => findAll(usageRow, sql, ...values, MOST_USAGE_ROWS + 1));
}
