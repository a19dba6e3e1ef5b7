import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { Columns, SqlRow } from './columns.ts';
import type { Store } from './store.ts';
import { type RowQueries, type RowWrite, toQueryStatement, toWriteStatement, type WorkStatement } from './work-rows.ts';

export interface StepResult {
  readonly rows: readonly SqlRow[];
  /** Rows that were written or deleted. */
  readonly changes: number;
  /** Rows of each query, where several were asked together. */
  readonly groups?: readonly (readonly SqlRow[])[];
}

export type WorkStep = WorkStatement | RowQueries | RowWrite;

/**
 * Steps with a store, one after the other. They are the same for a store that answers at once and for one that answers later. It may run
 * again from its beginning, so it changes nothing outside the store.
 */
export type Work<T> = Generator<WorkStep, T, StepResult>;

/** @returns the first row. */
export function* findOne<T>(row: Columns<T>, sql: string, ...parameters: SQLInputValue[]): Work<T | undefined> {
  const { rows } = yield { sql, parameters };
  return rows[0] && row.read(rows[0]);
}

export function* findAll<T>(row: Columns<T>, sql: string, ...parameters: SQLInputValue[]): Work<T[]> {
  const { rows } = yield { sql, parameters };
  return rows.map(row.read);
}

/** @returns how many rows were changed. */
export function* change(sql: string, ...parameters: SQLInputValue[]): Work<number> {
  const { changes } = yield { sql, parameters };
  return changes;
}

/** @param conflict such as `ON CONFLICT DO NOTHING`. @returns whether a row was written. */
export function* insertRow<T>(row: Columns<T>, table: string, value: T, conflict = ''): Work<boolean> {
  const slots = row.names.map(() => '?').join(', ');
  const sql = `INSERT INTO ${table} (${row.list}) VALUES (${slots}) ${conflict}`;
  return (yield* change(sql, ...row.write(value))) > 0;
}

/** Replaces the row with the same key. @param key its columns in SQL, with commas. */
export function* replaceRow<T>(row: Columns<T>, table: string, key: string, value: T): Work<void> {
  const updates = row.names.map((name) => `${name} = excluded.${name}`).join(', ');
  yield* insertRow(row, table, value, `ON CONFLICT (${key}) DO UPDATE SET ${updates}`);
}

const answering = new WeakMap<StatementSync, boolean>();

/** Only a statement that answers with rows has columns. */
function hasRows(statement: StatementSync): boolean {
  const known = answering.get(statement) ?? statement.columns().length > 0;
  answering.set(statement, known);
  return known;
}

/** Does it now, with a store that answers at once. Its transaction, or its read, is the caller's. */
export function doWork<T>(store: Pick<Store, 'prepare'>, work: Work<T>): T {
  let next = work.next();
  while (!next.done) {
    let result: StepResult;
    try {
      result = doStep(store, next.value);
    } catch (error) {
      next = work.throw(error);
      continue;
    }
    next = work.next(result);
  }
  return next.value;
}

const NOTHING: StepResult = { rows: [], changes: 0 };

function doStep(store: Pick<Store, 'prepare'>, step: WorkStep): StepResult {
  if ('queries' in step) {
    if (step.isAhead) return NOTHING;
    const groups = step.queries.map((query) => doStatement(store, toQueryStatement(query)).rows);
    return { rows: [], changes: 0, groups };
  }
  return doStatement(store, 'kind' in step ? toWriteStatement(step) : step);
}

function doStatement(store: Pick<Store, 'prepare'>, { sql, parameters }: WorkStatement): StepResult {
  const statement = store.prepare(sql);
  return hasRows(statement)
    ? { rows: statement.all(...parameters) as StepResult['rows'], changes: 0 }
    : { rows: [], changes: Number(statement.run(...parameters).changes) };
}
