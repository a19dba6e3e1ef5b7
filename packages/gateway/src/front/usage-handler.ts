import { ApiError } from '@ogong/host/http/api-error';
import type { Json } from '@ogong/host/openai/format';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import {
  listUsage,
  MOST_USAGE_ROWS,
  toDay,
  type UsagePlace,
  type UsageQuery,
  type UsageRow,
} from '../books/usage-store.ts';
import type { KeyedHandler } from './sign-in.ts';

export interface UsageHandlerDependencies {
  /** Opened with GATEWAY_SCHEMA. */
  readonly books: WorkStore;
  readonly clock: Pick<Clock, 'nowMs'>;
}

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;

/** Shows the usage of the calling key, as JSON or, with `?format=csv`, as CSV. */
export function createUsageHandler({ books, clock }: UsageHandlerDependencies): KeyedHandler {
  return async ({ req, json, body }, { id: keyId }) => {
    const format = req.query('format') ?? 'json';
    if (format !== 'json' && format !== 'csv') throw refuse('format', 'json or csv');
    const days = readDays({ from: req.query('from'), to: req.query('to') }, clock.nowMs());
    const rows = await readUsage(books, { keyId, ...days });
    return format === 'csv'
      ? body(toUsageCsv(rows), 200, { 'content-type': 'text/csv; charset=utf-8' })
      : json(toUsageJson(rows, days));
  };
}

/** Whole days in UTC, both included. Default: the last thirty. @throws ApiError `invalid_request` */
export function readDays(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  nowMs: number,
): Pick<UsageQuery, 'from' | 'to'> {
  const last = to ?? toDay(nowMs);
  assertDay('to', last);
  const first = from ?? toDay(Math.max(0, Date.parse(last) - (DEFAULT_DAYS - 1) * DAY_MS));
  assertDay('from', first);
  if (first > last) throw refuse('from', `a day that is not after ${last}`);
  return { from: first, to: last };
}

function assertDay(name: string, day: string): void {
  const timeMs = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(day) : Number.NaN;
  if (Number.isNaN(timeMs) || toDay(timeMs) !== day) throw refuse(name, 'a day such as 2026-01-31');
}

const refuse = (param: string, expected: string): ApiError =>
  new ApiError('invalid_request', `${param}: expected ${expected}.`, { param, publicCode: null });

/** @throws ApiError `invalid_request` where there are more rows than one answer has. */
export async function readUsage(books: WorkStore, query: UsageQuery): Promise<UsageRow[]> {
  const rows = await listUsage(books, query);
  if (rows.length > MOST_USAGE_ROWS) throw refuse('from', `fewer days: these have more than ${MOST_USAGE_ROWS} rows`);
  return rows;
}

export function toUsageJson(rows: readonly UsageRow[], days: Pick<UsageQuery, 'from' | 'to'>): Json {
  const total = { replies: 0, promptTokens: 0, outputTokens: 0, costAtomic: 0n, reservedAtomic: 0n };
  for (const row of rows) {
    total.replies += row.replies;
    total.promptTokens += row.promptTokens;
    total.outputTokens += row.outputTokens;
    total.costAtomic += row.costAtomic;
    total.reservedAtomic += row.reservedAtomic;
  }
  const data = rows.map(({ day, keyId: key, organisation, model, ...counts }) => ({
    object: 'usage',
    ...{ day, key, organisation, model },
    ...toCounts(counts),
  }));
  return { object: 'list', ...days, data, total: toCounts(total) };
}

const toCounts = (row: Omit<UsageRow, keyof UsagePlace>) => ({
  replies: row.replies,
  prompt_tokens: row.promptTokens,
  output_tokens: row.outputTokens,
  cost_atomic: `${row.costAtomic}`,
  reserved_atomic: `${row.reservedAtomic}`,
});

const HEAD = 'day,key,organisation,model,replies,prompt_tokens,output_tokens,cost_atomic,reserved_atomic';

/** RFC 4180, with a head line. No field can begin a formula or needs quotes: they are ids, days and whole numbers. */
export function toUsageCsv(rows: readonly UsageRow[]): string {
  const lines = rows.map((row) =>
    [row.day, row.keyId, row.organisation, row.model, ...Object.values(toCounts(row))].join(','),
  );
  return [HEAD, ...lines].map((line) => `${line}\r\n`).join('');
}
