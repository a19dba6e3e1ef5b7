import { createHash } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore, type Store } from '@ogong/host/store/store';
import { StoreError } from '@ogong/host/store/store-error';
import type { Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { ACCOUNTS_SCHEMA } from './accounts-schema.ts';
import { ACCOUNTS_FILE, BOOKS_FILE, MOVED } from './open-books.ts';
import { GATEWAY_SCHEMA } from './schema.ts';

/** What one table brought: rows, and of each column of money the sum. */
export interface ImportedTable {
  readonly table: string;
  readonly rows: number;
  readonly sums: Readonly<Record<string, string>>;
}

export interface ImportedBooks {
  /** `unchanged` where the same files were brought over before. */
  readonly outcome: 'added' | 'unchanged';
  readonly tables: readonly ImportedTable[];
}

type SqlRow = Readonly<Record<string, SQLOutputValue>>;

interface SourceTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** What rows are sorted by in both: the same bytes come out of it. */
  readonly order: string;
  /** In the order in which they were added. */
  readonly rows: readonly SqlRow[];
}

/** Columns whose sums people look at; all of them are decimal text. */
const MONEY: Readonly<Record<string, readonly string[]>> = {
  channels: ['cumulative', 'owed', 'outstanding'],
  spending: ['spent', 'reserved'],
  usage: ['cost', 'reserved'],
  orders: ['max_fee', 'fee'],
  credits: ['amount'],
  granted: ['amount'],
  held: ['held'],
  holds: ['held'],
};
const ROWS_PER_STATEMENT = 200;
const FACT = 'imported';

/**
 * Brings the two files of a gateway into the database that takes their place, all or nothing, and reads everything back before it is
 * committed. The files are renamed then, so that no gateway goes on with them. Said again it changes nothing.
 * @param books the database. @throws StoreError where a gateway has the files open, or the database has books of its own.
 */
export async function importBooks(
  books: WorkStore,
  {
    dataDir,
    accounts = join(dataDir, ACCOUNTS_FILE),
  }: { readonly dataDir: string; readonly accounts?: string | undefined },
): Promise<ImportedBooks> {
  const paths = [join(dataDir, BOOKS_FILE), accounts];
  const missing = paths.find((path) => !existsSync(path));
  if (missing !== undefined) {
    const isMoved = paths.every((path) => existsSync(path) || existsSync(`${path}${MOVED}`));
    if (isMoved && (await findImported(books)) !== undefined) {
      moveAway(paths);
      return { outcome: 'unchanged', tables: [] };
    }
    throw new StoreError('io', `there is no file ${missing} to bring over`);
  }
  const files = paths.map((path, index) => holdFile(path, index === 0));
  try {
    const tables = files.flatMap(readTables);
    const digest = digestAll(tables.map(digestTable));
    const outcome = await books.write(() => fillTables(tables, digest, books.path));
    const shown = tables.map(({ name, rows }) => ({ table: name, rows: rows.length, sums: sumMoney(name, rows) }));
    for (const file of files) file.close();
    moveAway(paths);
    return { outcome, tables: shown };
  } finally {
    for (const file of files) file.close();
  }
}

function moveAway(paths: readonly string[]): void {
  for (const path of paths) if (existsSync(path)) renameSync(path, `${path}${MOVED}`);
}

/** Brings it to the present schema and locks it against everybody else. @throws StoreError `busy` where somebody has it open. */
function holdFile(path: string, areBooks: boolean): Store {
  const schema = areBooks ? GATEWAY_SCHEMA : ACCOUNTS_SCHEMA;
  const upgrades = areBooks ? RELEASED.gateway : RELEASED.accounts;
  const store = openStore(path, { schema, upgrades, busyTimeoutMs: 100 });
  try {
    // SQLite leaves its log only for whoever is alone with the file.
    store.database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    return store;
  } catch (cause) {
    store.close();
    throw new StoreError('busy', `the file ${path} is open elsewhere: stop its gateway first`, { cause });
  }
}

function readTables({ database: file }: Store): SourceTable[] {
  const found = file
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
  return found.map(({ name, sql }): SourceTable => {
    const parts = file.prepare('SELECT name, pk FROM pragma_table_info(?) ORDER BY cid').all(String(name));
    const columns = parts.map((part) => String(part.name));
    const keys = parts.filter(({ pk }) => Number(pk) > 0).sort((one, other) => Number(one.pk) - Number(other.pk));
    const order = (keys.length > 0 ? keys.map((part) => String(part.name)) : columns).join(', ');
    const added = String(sql).includes('WITHOUT ROWID') ? order : 'rowid';
    const rows = file.prepare(`SELECT ${columns.join(', ')} FROM ${name} ORDER BY ${added}`).all();
    return { name: String(name), columns, order, rows: rows as unknown as readonly SqlRow[] };
  });
}

const toText = (value: SQLOutputValue | undefined): string =>
  value instanceof Uint8Array ? `x${Buffer.from(value).toString('hex')}` : JSON.stringify(value ?? null);

/** Text of PostgreSQL has no NUL, see postgres-books.ts. */
const toStored = (value: SQLOutputValue | undefined): SQLOutputValue =>
  typeof value === 'string' ? value.replaceAll('\0', '\ufffd') : (value ?? null);

/** Of all rows, whatever their order. */
function digestRows(columns: readonly string[], rows: readonly SqlRow[]): string {
  const lines = rows.map((row) => columns.map((column) => toText(toStored(row[column]))).join(','));
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}
const digestTable = ({ name, columns, rows }: SourceTable): string => `${name} ${digestRows(columns, rows)}`;
const digestAll = (parts: readonly string[]): string =>
  createHash('sha256')
    .update([...parts].sort().join('\n'))
    .digest('hex');

function sumMoney(table: string, rows: readonly SqlRow[]): Record<string, string> {
  const sums = (MONEY[table] ?? []).map((column) => {
    const sum = rows.reduce((total, row) => total + BigInt((row[column] as string | null) ?? 0), 0n);
    return [column, `${sum}`] as const;
  });
  return Object.fromEntries(sums);
}

async function findImported(books: WorkStore): Promise<string | undefined> {
  return books.read(readImported);
}

function* readImported(): Work<string | undefined> {
  const { rows } = yield { sql: 'SELECT value FROM ogong_facts WHERE name = ?', parameters: [FACT] };
  return rows[0] && String(rows[0].value);
}

function* fillTables(tables: readonly SourceTable[], digest: string, path: string): Work<'added' | 'unchanged'> {
  const known = yield* readImported();
  if (known === digest) return 'unchanged';
  if (known !== undefined) throw new StoreError('version', `other books were brought into the database ${path} before`);
  for (const { name } of tables) {
    const { rows } = yield { sql: `SELECT 1 AS one FROM ${name} LIMIT 1`, parameters: [] };
    if (rows.length > 0)
      throw new StoreError(
        'version',
        `the database ${path} has books of its own (${name}): bring them into an empty one`,
      );
  }
  yield* assertNetwork(tables, path);
  for (const table of tables) {
    yield* fillTable(table);
    const { name, columns, order, rows } = table;
    const { rows: stored } = yield {
      sql: `SELECT ${columns.join(', ')} FROM ${name} ORDER BY ${order}`,
      parameters: [],
    };
    const [here, there] = [sumMoney(name, rows), sumMoney(name, stored)].map((sums) => JSON.stringify(sums));
    const isSame = stored.length === rows.length && here === there;
    if (!isSame || digestRows(columns, rows) !== digestRows(columns, stored))
      throw new StoreError(
        'corrupt',
        `the table ${name} reads otherwise in the database ${path}; nothing was brought over`,
      );
  }
  yield { sql: 'INSERT INTO ogong_facts VALUES (?, ?)', parameters: [FACT, digest] };
  return 'added';
}

/** A database that a gateway of another network has opened is no place for them. */
function* assertNetwork(tables: readonly SourceTable[], path: string): Work<void> {
  const ledger = tables.find(({ name }) => name === 'ledger')?.rows[0];
  const { rows } = yield { sql: "SELECT value FROM ogong_facts WHERE name = 'network'", parameters: [] };
  const known = rows[0]?.value;
  if (ledger === undefined) return;
  const own = `0x${Buffer.from(ledger.contract as Uint8Array).toString('hex')} on chain ${ledger.chain_id}`;
  if (known === undefined) yield { sql: "INSERT INTO ogong_facts VALUES ('network', ?)", parameters: [own] };
  else if (known !== own)
    throw new StoreError('version', `the database ${path} belongs to the network ${known}, and the books to ${own}`);
}

function* fillTable({ name, columns, rows }: SourceTable): Work<void> {
  for (let begin = 0; begin < rows.length; begin += ROWS_PER_STATEMENT) {
    const some = rows.slice(begin, begin + ROWS_PER_STATEMENT);
    const slots = `(${columns.map(() => '?').join(', ')})`;
    const sql = `INSERT INTO ${name} (${columns.join(', ')}) VALUES ${some.map(() => slots).join(', ')}`;
    yield { sql, parameters: some.flatMap((row) => columns.map((column) => (row[column] ?? null) as SQLInputValue)) };
  }
  // Numbers that were given are not given again.
  if (columns.includes('id') && rows.some(({ id }) => typeof id === 'number') && name !== 'ledger') {
    const sql = `SELECT setval(pg_get_serial_sequence('${name}', 'id'), (SELECT max(id) FROM ${name}))`;
    yield { sql, parameters: [] };
  }
}
