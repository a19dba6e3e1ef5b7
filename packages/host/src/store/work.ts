import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Columns } from './columns.ts';
import type { Store } from './store.ts';

/** One statement in words that SQLite and PostgreSQL both know, with `?` for each parameter. */
export interface WorkStatement {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
}

export interface StatementResult {
  readonly rows: readonly Readonly<Record<string, SQLOutputValue>>[];
  /** Rows that were written or deleted. */
  readonly changes: number;
}

/**
 * What is done with a store, as statements one after the other: the same for a store that answers at once and for one
 * that answers later. It may run again from its beginning, so it changes nothing outside the store.
 */
export type Work<T> = Generator<WorkStatement, T, StatementResult>;

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

/** Writes a row in the place of the one with the same key. @param key its columns in SQL, with commas. */
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
    const { sql, parameters } = next.value;
    let result: StatementResult;
    try {
      const statement = store.prepare(sql);
      result = hasRows(statement)
        ? { rows: statement.all(...parameters) as StatementResult['rows'], changes: 0 }
        : { rows: [], changes: Number(statement.run(...parameters).changes) };
    } catch (error) {
      next = work.throw(error);
      continue;
    }
    next = work.next(result);
  }
  return next.value;
}
