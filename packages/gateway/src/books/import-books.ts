import { createHash } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore, type Store } from '@ogong/host/store/store';
import { StoreError } from '@ogong/host/store/store-error';
import type { Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { ACCOUNTS_SCHEMA } from './accounts-schema.ts';
import { ACCOUNTS_FILE, BOOKS_FILE, MOVED } from './open-books.ts';
import { GATEWAY_SCHEMA } from './schema.ts';

/** Counts of one imported table: rows, and the sum of each column of money. */
export interface ImportedTable {
  readonly table: string;
  readonly rows: number;
  readonly sums: Readonly<Record<string, string>>;
}

export interface ImportedBooks {
  /** `unchanged` if the same files were imported before. */
  readonly outcome: 'added' | 'unchanged';
  readonly tables: readonly ImportedTable[];
}

type SqlRow = Readonly<Record<string, SQLOutputValue>>;

/** Totals of a table's rows in any order. No row is kept in memory. */
interface TableTotals {
  readonly rows: number;
  readonly digest: string;
  readonly sums: Readonly<Record<string, string>>;
}

interface SourceTable extends TableTotals {
  readonly name: string;
  readonly columns: readonly string[];
  /** Reads the rows one by one, in the order in which they were added. */
  readonly read: () => Iterable<SqlRow>;
  readonly newest: SqlRow | undefined;
}

/** Columns of money, as decimal text. Their sums are printed. */
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
const ROWS_READ_AT_ONCE = 1_000;
const FACT = 'imported';

/**
 * Brings the two files of a gateway into the database that takes their place, all or nothing, and reads everything back before it
 * is committed. The files are renamed then, so that no gateway goes on with them. Said again it changes nothing.
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
    const digest = digestAll(tables.map((table) => `${table.name} ${table.digest}`));
    const outcome = await books.write(() => fillTables(tables, digest, books.path));
    const shown = tables.map(({ name, rows, sums }) => ({ table: name, rows, sums }));
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

/** Upgrades a file to the present schema and locks it. @throws StoreError `busy` if another process has it open. */
function holdFile(path: string, areBooks: boolean): Store {
  const schema = areBooks ? GATEWAY_SCHEMA : ACCOUNTS_SCHEMA;
  const upgrades = areBooks ? RELEASED.gateway : RELEASED.accounts;
  const store = openStore(path, { schema, upgrades, busyTimeoutMs: 100 });
  try {
    // SQLite drops its log only for the sole user of the file.
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
    const all = `SELECT ${columns.join(', ')} FROM ${name} ORDER BY ${added}`;
    const read = () => file.prepare(all).iterate() as Iterable<SqlRow>;
    const totals = createTotals(String(name), columns);
    let newest: SqlRow | undefined;
    for (const row of read()) {
      totals.add(row);
      newest = row;
    }
    return { name: String(name), columns, read, newest, ...totals.read() };
  });
}

const toText = (value: SQLOutputValue | undefined): string =>
  value instanceof Uint8Array ? `x${Buffer.from(value).toString('hex')}` : JSON.stringify(value ?? null);

/** Text of PostgreSQL has no NUL, see postgres-statements.ts. */
const toStored = (value: SQLOutputValue | undefined): SQLOutputValue =>
  typeof value === 'string' ? value.replaceAll('\0', '\ufffd') : (value ?? null);

const DIGESTS = 1n << 256n;

/** Starts the totals. The digest is the sum of the hashes of all rows, so it does not depend on their order. */
function createTotals(table: string, columns: readonly string[]) {
  const money = MONEY[table] ?? [];
  const sums = money.map(() => 0n);
  let rows = 0;
  let digest = 0n;
  return {
    add(row: SqlRow): void {
      const line = columns.map((column) => toText(toStored(row[column]))).join(',');
      rows++;
      digest = (digest + BigInt(`0x${createHash('sha256').update(line).digest('hex')}`)) % DIGESTS;
      for (const [i, column] of money.entries()) sums[i] = (sums[i] as bigint) + BigInt((row[column] as string) ?? 0);
    },
    read: (): TableTotals => ({
      ...{ rows, digest: digest.toString(16) },
      sums: Object.fromEntries(money.map((column, i) => [column, `${sums[i]}`])),
    }),
  };
}

const digestAll = (parts: readonly string[]): string =>
  createHash('sha256')
    .update([...parts].sort().join('\n'))
    .digest('hex');

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
  yield* assertOwner(tables, path);
  // Importing years of data takes longer than a statement of a running gateway may. No other process uses this database yet.
  for (const setting of ['statement_timeout', 'idle_in_transaction_session_timeout'])
    yield { sql: `SET LOCAL ${setting} = 0`, parameters: [] };
  for (const table of tables) {
    yield* fillTable(table);
    const { name, rows, digest: own, sums } = table;
    const stored = yield* readBack(table);
    if (stored.rows !== rows || stored.digest !== own || JSON.stringify(stored.sums) !== JSON.stringify(sums))
      throw new StoreError(
        'corrupt',
        `the table ${name} reads otherwise in the database ${path}; nothing was brought over`,
      );
  }
  yield { sql: 'INSERT INTO ogong_facts VALUES (?, ?)', parameters: [FACT, digest] };
  return 'added';
}

/** Reads the rows of a table back from the database, one after the other. */
function* readBack({ name, columns }: SourceTable): Work<TableTotals> {
  const cursor = `ogong_import_${name}`;
  const totals = createTotals(name, columns);
  yield { sql: `DECLARE ${cursor} NO SCROLL CURSOR FOR SELECT ${columns.join(', ')} FROM ${name}`, parameters: [] };
  for (let count = ROWS_READ_AT_ONCE; count === ROWS_READ_AT_ONCE; ) {
    const { rows } = yield { sql: `FETCH ${ROWS_READ_AT_ONCE} FROM ${cursor}`, parameters: [] };
    for (const row of rows) totals.add(row);
    count = rows.length;
  }
  yield { sql: `CLOSE ${cursor}`, parameters: [] };
  return totals.read();
}

/** Refuses a database that a gateway of another network, or of another payer, has opened. */
function* assertOwner(tables: readonly SourceTable[], path: string): Work<void> {
  const own = { network: findNetwork(tables), payer: findPayer(tables) };
  for (const [name, value] of Object.entries(own)) {
    if (value === undefined) continue;
    const { rows } = yield { sql: 'SELECT value FROM ogong_facts WHERE name = ?', parameters: [name] };
    const known = rows[0]?.value;
    if (known === undefined) yield { sql: 'INSERT INTO ogong_facts VALUES (?, ?)', parameters: [name, value] };
    else if (known !== value)
      throw new StoreError(
        'version',
        `the database ${path} belongs to the ${name} ${known}, and the data directory to ${value}`,
      );
  }
}

function findNetwork(tables: readonly SourceTable[]): string | undefined {
  const ledger = findNewest(tables, 'ledger');
  return ledger && `0x${Buffer.from(ledger.contract as Uint8Array).toString('hex')} on chain ${ledger.chain_id}`;
}

/** Finds the signer of the newest order; undefined if there is none, or none in the present format. */
function findPayer(tables: readonly SourceTable[]): string | undefined {
  const newest = findNewest(tables, 'orders');
  try {
    return newest && `0x${toHex(parseOrder(newest.order_bytes as Uint8Array).payer)}`;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

const findNewest = (tables: readonly SourceTable[], wanted: string): SqlRow | undefined =>
  tables.find(({ name }) => name === wanted)?.newest;

function* fillTable({ name, columns, read }: SourceTable): Work<void> {
  const slots = `(${columns.map(() => '?').join(', ')})`;
  const insert = (some: readonly SqlRow[]) => ({
    sql: `INSERT INTO ${name} (${columns.join(', ')}) VALUES ${some.map(() => slots).join(', ')}`,
    parameters: some.flatMap((row) => columns.map((column) => (row[column] ?? null) as SQLInputValue)),
  });
  let some: SqlRow[] = [];
  let hasNumbers = false;
  for (const row of read()) {
    hasNumbers ||= typeof row.id === 'number';
    some.push(row);
    if (some.length < ROWS_PER_STATEMENT) continue;
    yield insert(some);
    some = [];
  }
  if (some.length > 0) yield insert(some);
  // Continue the numbers, so that none is used twice.
  if (hasNumbers && name !== 'ledger') {
    const sql = `SELECT setval(pg_get_serial_sequence('${name}', 'id'), (SELECT max(id) FROM ${name}))`;
    yield { sql, parameters: [] };
  }
}
