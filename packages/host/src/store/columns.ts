import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Address, Hex } from '@ogong/chain/hex';
import type { Store } from './store.ts';
import { StoreError } from './store-error.ts';

/** How a value is stored in one column. Files outlive programs, so every value is checked when it is read. */
export interface Column<T> {
  /** Default: the field's name in snake case. */
  readonly name?: string;
  /** Completes the sentence "the column holds ..., expected ...". */
  readonly expected: string;
  matches(value: SQLOutputValue): boolean;
  /** Only of values that match. */
  read(value: SQLOutputValue): T;
  write(value: T): SQLInputValue;
}

const isString = (value: SQLOutputValue): value is string => typeof value === 'string';
const isNumber = (value: SQLOutputValue): value is number => typeof value === 'number';
const isInteger = (value: SQLOutputValue): value is number => isNumber(value) && Number.isSafeInteger(value);

function define<T extends SQLInputValue>(
  expected: string,
  matches: (value: SQLOutputValue) => value is SQLOutputValue & T,
): Column<T> {
  return { expected, matches, read: (value) => value as T, write: (value) => value };
}

/** BLOB */
export const bytes = define<Uint8Array>(
  'bytes',
  (value): value is Uint8Array<ArrayBuffer> => value instanceof Uint8Array,
);
/** TEXT */
export const text = define<string>('text', isString);
/** REAL; an integer is one, too. */
export const real = define<number>('a number', isNumber);
/** INTEGER, at most 2^53 - 1 either way. */
export const integer = define<number>('a whole number', isInteger);

/** Another value in the same column. @param read throws if the column's value is invalid. */
export function mapped<T, U>(column: Column<T>, read: (value: T) => U, write: (value: U) => T): Column<U> {
  return { ...column, read: (value) => read(column.read(value)), write: (value) => column.write(write(value)) };
}

/** INTEGER, 0 or 1. */
export const flag: Column<boolean> = {
  ...mapped(integer, Boolean, Number),
  expected: '0 or 1',
  matches: (value) => value === 0 || value === 1,
};

/** INTEGER as a bigint: counts of the protocol, such as epochs. */
export const bigInteger: Column<bigint> = {
  ...integer,
  read: (value) => BigInt(value as number),
  write: (value) => value,
};

/** TEXT, decimal: an amount has 128 bits, SQLite's integers 64. */
export const amount: Column<bigint> = {
  ...mapped(text, BigInt, String),
  expected: 'a decimal whole number as text',
  matches: (value) => isString(value) && /^-?\d{1,40}$/.test(value),
};

/** TEXT, hex with 0x in lower case, as `@ogong/chain` hands it out. */
export const hexText = define<Hex>(
  'hex with 0x',
  (value): value is Hex => isString(value) && /^0x(?:[0-9a-f]{2})*$/.test(value),
);
export const addressText: Column<Address> = {
  ...hexText,
  expected: 'an address: 20 bytes in hex with 0x',
  matches: (value) => isString(value) && /^0x[0-9a-f]{40}$/.test(value),
};

/** TEXT, one of a few values. */
export function oneOf<const W extends string>(words: readonly W[]): Column<W> {
  const matches = (value: SQLOutputValue): boolean => words.some((word) => word === value);
  return { expected: `one of ${words.join(', ')}`, matches, read: (value) => value as W, write: (value) => value };
}

/** TEXT, a JSON list of numbers. */
export const numbers: Column<readonly number[]> = {
  expected: 'a JSON list of numbers',
  matches: (value) => isString(value) && isNumberList(value),
  read: (value) => JSON.parse(value as string),
  write: (value) => JSON.stringify(value),
};

function isNumberList(value: string): boolean {
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) && list.every((each) => typeof each === 'number');
  } catch {
    return false;
  }
}

/** NULL is undefined. */
export const optional = <T>(column: Column<T>): Column<T | undefined> => ({
  ...column,
  expected: `${column.expected}, or NULL`,
  matches: (value) => value === null || column.matches(value),
  read: (value) => (value === null ? undefined : column.read(value)),
  write: (value) => (value === undefined ? null : column.write(value)),
});

export const named = <T>(name: string, column: Column<T>): Column<T> => ({ ...column, name });

export type ColumnFields = Readonly<Record<string, Column<unknown> | Columns<unknown>>>;
type ValueOf<C> = C extends Columns<infer T> ? T : C extends Column<infer T> ? T : never;
export type RowOf<F extends ColumnFields> = { readonly [K in keyof F]: ValueOf<F[K]> };
export type SqlRow = Readonly<Record<string, SQLOutputValue>>;

/** Columns that are read and written together, as one value. */
export interface Columns<T> {
  /** Their names in SQL. */
  readonly names: readonly string[];
  /** The same for `SELECT ... FROM`. */
  readonly list: string;
  /** @throws StoreError 'corrupt' naming the column with an invalid value. */
  read(row: SqlRow): T;
  /** In the order of the names. */
  write(value: T): SQLInputValue[];
  get(statement: StatementSync, ...parameters: SQLInputValue[]): T | undefined;
  all(statement: StatementSync, ...parameters: SQLInputValue[]): T[];
  /**
   * @param into such as `INSERT INTO orders`. @param conflict such as `ON CONFLICT DO NOTHING`.
   * @returns whether a row was written.
   */
  insert(store: Pick<Store, 'prepare'>, into: string, value: T, conflict?: string): boolean;
}

const toSnakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const isGroup = (field: ColumnFields[string]): field is Columns<unknown> => 'names' in field;

/** @param fields the row as we know it; a nested group is a value of its own. */
export function columns<const F extends ColumnFields>(fields: F): Columns<RowOf<F>> {
  const parts = Object.entries(fields).map(([key, field]) => {
    if (isGroup(field)) {
      const append = (into: SQLInputValue[], value: unknown): unknown => into.push(...field.write(value));
      return { key, names: field.names, read: field.read, append };
    }
    const name = field.name ?? toSnakeCase(key);
    const read = (row: SqlRow): unknown => readColumn(name, field, row[name]);
    const append = (into: SQLInputValue[], value: unknown): unknown => into.push(field.write(value));
    return { key, names: [name], read, append };
  });
  // Busy daemons read and write thousands of rows a second: no list of pairs for each.
  const read = (row: SqlRow) => {
    const value: Record<string, unknown> = {};
    for (const part of parts) value[part.key] = part.read(row);
    return value as RowOf<F>;
  };
  const write = (value: RowOf<F>) => {
    const values: SQLInputValue[] = [];
    for (const part of parts) part.append(values, value[part.key]);
    return values;
  };
  return createColumns(
    parts.flatMap(({ names }) => names),
    read,
    write,
  );
}

/** A group of columns that is present as a whole, or NULL as a whole. */
export function optionalColumns<const F extends ColumnFields>(fields: F): Columns<RowOf<F> | undefined> {
  const group = columns(fields);
  const nothing = group.names.map(() => null);
  return createColumns<RowOf<F> | undefined>(
    group.names,
    (row) => (group.names.every((name) => row[name] === null) ? undefined : group.read(row)),
    (value) => (value === undefined ? nothing : group.write(value)),
  );
}

function createColumns<T>(
  names: readonly string[],
  read: (row: SqlRow) => T,
  write: (value: T) => SQLInputValue[],
): Columns<T> {
  const list = names.join(', ');
  const slots = names.map(() => '?').join(', ');
  return {
    names,
    list,
    read,
    write,
    get(statement, ...parameters) {
      const row = statement.get(...parameters);
      return row && read(row);
    },
    all: (statement, ...parameters) => statement.all(...parameters).map(read),
    insert: (store, into, value, conflict = '') =>
      store.prepare(`${into} (${list}) VALUES (${slots}) ${conflict}`).run(...write(value)).changes > 0,
  };
}

function readColumn<T>(name: string, column: Column<T>, value: SQLOutputValue | undefined): T {
  if (value === undefined) throw new Error(`the query does not select the column ${name}`);
  if (column.matches(value)) {
    try {
      return column.read(value);
    } catch (cause) {
      throw new StoreError('corrupt', `the column ${name} of a database does not parse`, { cause });
    }
  }
  const found = value === null ? 'NULL' : value instanceof Uint8Array ? 'bytes' : JSON.stringify(value).slice(0, 40);
  throw new StoreError('corrupt', `the column ${name} of a database holds ${found}, expected ${column.expected}`);
}
