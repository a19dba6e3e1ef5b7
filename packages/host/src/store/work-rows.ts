import type { SQLInputValue } from 'node:sqlite';
import type { Columns, SqlRow } from './columns.ts';

/** One statement that SQLite and PostgreSQL both accept, with `?` for each parameter. */
export interface WorkStatement {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
}

/**
 * A table whose rows are read and written by their primary key. A database that is far away gets one read for all names of a work, and one
 * write for all its rows.
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
  /** Each is read again when its rows are needed: a database on this machine needs no early read. */
  readonly isAhead?: true;
}

/** A write without an answer, so no caller has to wait for it before the end of the transaction. */
export type RowWrite =
  /** Replaces the row with the same key. */
  | { readonly kind: 'put'; readonly table: TableShape; readonly values: readonly SQLInputValue[] }
  /** A new row; the transaction fails if a row has its key. */
  | { readonly kind: 'add'; readonly table: TableShape; readonly values: readonly SQLInputValue[] }
  /** Only if no row has its key. */
  | { readonly kind: 'keep'; readonly table: TableShape; readonly values: readonly SQLInputValue[] }
  /** Some columns of the row with this key. */
  | {
      readonly kind: 'patch';
      readonly table: TableShape;
      readonly key: readonly SQLInputValue[];
      readonly changes: Readonly<Record<string, SQLInputValue>>;
    }
  | { readonly kind: 'drop'; readonly table: TableShape; readonly key: readonly SQLInputValue[] }
  /** Any statement. @property table with rows that it may change. */
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

/** Announces the rows that a work will read, so that a distant database is asked once for all of them. */
export function* askAhead(...queries: readonly RowQuery<unknown>[]): Steps<RowQueries, void> {
  yield { queries, isAhead: true };
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

/** @param table table whose rows the statement may change: known rows of it are read again. */
export function* changeLater(table: string, sql: string, ...parameters: SQLInputValue[]): Steps<RowWrite, void> {
  yield { kind: 'later', table, statement: { sql, parameters } };
}

/**
 * Statements of each table, by kind. A busy daemon uses the same few thousands of times a second, and composing them took as long as SQLite
 * took to run them.
 */
const known = new WeakMap<TableShape, Map<string, string>>();

function rememberSql(table: TableShape, name: string, make: () => string): string {
  let statements = known.get(table);
  if (statements === undefined) {
    statements = new Map();
    known.set(table, statements);
  }
  let sql = statements.get(name);
  if (sql === undefined) {
    sql = make();
    statements.set(name, sql);
  }
  return sql;
}

const byKey = (columns: readonly string[]): string => columns.map((column) => `${column} = ?`).join(' AND ');

export function toQueryStatement({ table, key, after }: RowQuery<unknown>): WorkStatement {
  const { name, key: columns, row } = table;
  const sql = rememberSql(table, `get ${key.length} ${after !== undefined}`, () => {
    const next = after === undefined ? '' : ` AND ${columns[key.length]} > ?`;
    return `SELECT ${row.list} FROM ${name} WHERE ${byKey(columns.slice(0, key.length))}${next}`;
  });
  return { sql, parameters: after === undefined ? key : [...key, after] };
}

export function toWriteStatement(write: RowWrite): WorkStatement {
  if (write.kind === 'later') return write.statement;
  const { table, kind } = write;
  const { name, key: columns } = table;
  switch (kind) {
    case 'drop':
      return {
        sql: rememberSql(table, kind, () => `DELETE FROM ${name} WHERE ${byKey(columns)}`),
        parameters: write.key,
      };
    case 'patch': {
      const changed = Object.keys(write.changes);
      const sql = rememberSql(table, `${kind} ${changed.join(' ')}`, () => {
        const sets = changed.map((column) => `${column} = ?`).join(', ');
        return `UPDATE ${name} SET ${sets} WHERE ${byKey(columns)}`;
      });
      return { sql, parameters: [...Object.values(write.changes), ...write.key] };
    }
    default:
      return { sql: rememberSql(table, kind, () => toInsert(table, kind)), parameters: write.values };
  }
}

function toInsert({ name, key, row }: TableShape, kind: 'add' | 'keep' | 'put'): string {
  const insert = `INSERT INTO ${name} (${row.list}) VALUES (${row.names.map(() => '?').join(', ')})`;
  const updates = row.names.filter((column) => !key.includes(column)).map((column) => `${column} = excluded.${column}`);
  const conflicts = {
    add: '',
    keep: ' ON CONFLICT DO NOTHING',
    put: ` ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${updates.join(', ')}`,
  };
  return `${insert}${conflicts[kind]}`;
}
