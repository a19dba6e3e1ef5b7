import type { SQLInputValue } from 'node:sqlite';
import type { Columns, SqlRow } from './columns.ts';

/** One statement in words that SQLite and PostgreSQL both know, with `?` for each parameter. */
export interface WorkStatement {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
}

/**
 * A table whose rows are read and written by their primary key. A database that is far away needs to be asked once for all that a work
 * names together, and once for all rows that it writes.
 */
export interface WorkTable<T> {
  readonly name: string;
  /** Columns of the primary key, in its order. */
  readonly key: readonly string[];
  readonly row: Columns<T>;
}

/** A table without its values. */
export interface TableShape extends Pick<WorkTable<unknown>, 'name' | 'key'> {
  readonly row: Pick<Columns<unknown>, 'names' | 'list'>;
}

/** Rows by the first columns of their key, or by all of them. */
export interface RowQuery<T> {
  readonly table: WorkTable<T>;
  readonly key: readonly SQLInputValue[];
  /** Only rows whose next column of the key is larger. */
  readonly after?: number | undefined;
}

export interface RowQueries {
  readonly queries: readonly RowQuery<unknown>[];
}

/** A write that answers nothing, so that nobody has to wait for it before the end of the transaction. */
export type RowWrite =
  /** In the place of the row with the same key. */
  | { readonly kind: 'put'; readonly table: TableShape; readonly values: readonly SQLInputValue[] }
  /** A new row; the transaction fails where there is one with its key. */
  | { readonly kind: 'add'; readonly table: TableShape; readonly values: readonly SQLInputValue[] }
  /** Only where there is none with its key. */
  | { readonly kind: 'keep'; readonly table: TableShape; readonly values: readonly SQLInputValue[] }
  /** Some columns of the row with this key. */
  | {
      readonly kind: 'patch';
      readonly table: TableShape;
      readonly key: readonly SQLInputValue[];
      readonly changes: Readonly<Record<string, SQLInputValue>>;
    }
  | { readonly kind: 'drop'; readonly table: TableShape; readonly key: readonly SQLInputValue[] }
  /** Any statement. @property table whose rows it may change. */
  | { readonly kind: 'later'; readonly table: string; readonly statement: WorkStatement };

type Steps<S, T> = Generator<S, T, { readonly groups?: readonly (readonly SqlRow[])[] }>;

/** Asks for rows of several tables at once. @returns for each query its rows, in no order. */
export function* findTogether<const T extends readonly unknown[]>(
  ...queries: { readonly [K in keyof T]: RowQuery<T[K]> }
): Steps<RowQueries, { -readonly [K in keyof T]: T[K][] }> {
  const asked = queries as readonly RowQuery<unknown>[];
  const { groups = [] } = yield { queries: asked };
  return asked.map(({ table }, index) => (groups[index] ?? []).map(table.row.read)) as {
    -readonly [K in keyof T]: T[K][];
  };
}

/** @param key all of its columns. */
export function* findRow<T>(table: WorkTable<T>, ...key: SQLInputValue[]): Steps<RowQueries, T | undefined> {
  const [rows] = yield* findTogether({ table, key });
  return rows[0];
}

export function* putRow<T>(table: WorkTable<T>, value: T): Steps<RowWrite, void> {
  yield { kind: 'put', table, values: table.row.write(value) };
}

export function* addRow<T>(table: WorkTable<T>, value: T): Steps<RowWrite, void> {
  yield { kind: 'add', table, values: table.row.write(value) };
}

export function* keepRow<T>(table: WorkTable<T>, value: T): Steps<RowWrite, void> {
  yield { kind: 'keep', table, values: table.row.write(value) };
}

export function* patchRow<T>(
  table: WorkTable<T>,
  key: readonly SQLInputValue[],
  changes: Readonly<Record<string, SQLInputValue>>,
): Steps<RowWrite, void> {
  yield { kind: 'patch', table, key, changes };
}

export function* dropRow<T>(table: WorkTable<T>, ...key: SQLInputValue[]): Steps<RowWrite, void> {
  yield { kind: 'drop', table, key };
}

/** @param table whose rows the statement may change: what is known of them is read again. */
export function* changeLater(table: string, sql: string, ...parameters: SQLInputValue[]): Steps<RowWrite, void> {
  yield { kind: 'later', table, statement: { sql, parameters } };
}

const byKey = (columns: readonly string[]): string => columns.map((column) => `${column} = ?`).join(' AND ');

export function toQueryStatement({ table: { name, key: columns, row }, key, after }: RowQuery<unknown>): WorkStatement {
  const next = after === undefined ? '' : ` AND ${columns[key.length]} > ?`;
  const sql = `SELECT ${row.list} FROM ${name} WHERE ${byKey(columns.slice(0, key.length))}${next}`;
  return { sql, parameters: after === undefined ? key : [...key, after] };
}

export function toWriteStatement(write: RowWrite): WorkStatement {
  if (write.kind === 'later') return write.statement;
  const { name, key: columns, row } = write.table;
  switch (write.kind) {
    case 'drop':
      return { sql: `DELETE FROM ${name} WHERE ${byKey(columns)}`, parameters: write.key };
    case 'patch': {
      const changed = Object.keys(write.changes);
      const sets = changed.map((column) => `${column} = ?`).join(', ');
      return {
        sql: `UPDATE ${name} SET ${sets} WHERE ${byKey(columns)}`,
        parameters: [...Object.values(write.changes), ...write.key],
      };
    }
    default: {
      const insert = `INSERT INTO ${name} (${row.list}) VALUES (${row.names.map(() => '?').join(', ')})`;
      const updates = row.names
        .filter((column) => !columns.includes(column))
        .map((column) => `${column} = excluded.${column}`);
      const conflicts = {
        add: '',
        keep: ' ON CONFLICT DO NOTHING',
        put: ` ON CONFLICT (${columns.join(', ')}) DO UPDATE SET ${updates.join(', ')}`,
      };
      return { sql: `${insert}${conflicts[write.kind]}`, parameters: write.values };
    }
  }
}
