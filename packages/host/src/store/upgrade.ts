import type { StatementSync } from 'node:sqlite';
import { StoreError } from './store-error.ts';

/** The calls to an open database that are used here. */
interface OpenDatabase {
  exec(sql: string): void;
  prepare(sql: string): StatementSync;
}

/** From the schema of an earlier release to the present one. */
export interface StoreUpgrade {
  /** Version of the released schema: a hash, see computeSchemaVersion. */
  readonly from: number;
  /** Tables, and columns as `table.column`, that the present schema does not have any more. */
  readonly drops?: readonly string[];
  /** A query for rows that the present program cannot read, and the message about them. */
  readonly unreadable?: { readonly rows: string; readonly why: string };
  /** SQL that runs once rows are taken over: where columns of the same name do not mean the same. */
  readonly finish?: string;
}

const OLD = 'released__';
const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Makes the present tables and moves the rows of the released ones into them, by the names of tables and columns. Call it within a
 * transaction, with foreign keys off. Nothing is left out that the upgrade does not name.
 * @throws StoreError where rows would be lost, or do not fit.
 */
export function moveRows(
  database: OpenDatabase,
  { path, schema, upgrade }: { readonly path: string; readonly schema: string; readonly upgrade: StoreUpgrade },
): void {
  const { unreadable } = upgrade;
  if (unreadable && database.prepare(unreadable.rows).get() !== undefined) {
    throw new StoreError('version', `the database ${path} cannot be upgraded: ${unreadable.why}. It stays as it was`);
  }
  const dropped = new Set(upgrade.drops ?? []);
  const parts = listParts(database);
  for (const { type, name } of parts) if (type !== 'table') database.exec(`DROP ${type} ${quote(name)}`);
  const tables = parts.filter(({ type }) => type === 'table').map(({ name }) => name);
  for (const table of tables) database.exec(`ALTER TABLE ${quote(table)} RENAME TO ${quote(OLD + table)}`);
  database.exec(schema);
  const present = new Set(listParts(database).map(({ name }) => name));
  for (const table of tables) {
    if (present.has(table)) moveTable(database, { path, table, dropped });
    else if (!dropped.has(table)) refuse(path, `the table ${table}`);
    database.exec(`DROP TABLE ${quote(OLD + table)}`);
  }
  if (upgrade.finish !== undefined) database.exec(upgrade.finish);
  if (database.prepare('PRAGMA foreign_key_check').get() !== undefined) refuse(path, 'a row that others refer to');
}

function moveTable(
  database: OpenDatabase,
  { path, table, dropped }: { readonly path: string; readonly table: string; readonly dropped: ReadonlySet<string> },
): void {
  const now = new Set(listColumns(database, table));
  const kept = listColumns(database, OLD + table).filter((column) => {
    if (!now.has(column) && !dropped.has(`${table}.${column}`)) refuse(path, `the column ${table}.${column}`);
    return now.has(column);
  });
  // A schema may put rows of its own into a new file; here they come from the released one, as they are by now.
  if (database.prepare(`SELECT 1 FROM ${quote(table)}`).get() !== undefined)
    database.exec(`DELETE FROM ${quote(table)}`);
  const columns = kept.map(quote).join(', ');
  // Constraints of the present table hold for each row, or nothing changes. Without rows, AUTOINCREMENT would note a number all the same.
  if (database.prepare(`SELECT 1 FROM ${quote(OLD + table)}`).get() !== undefined)
    database.exec(`INSERT INTO ${quote(table)} (${columns}) SELECT ${columns} FROM ${quote(OLD + table)}`);
  keepSequence(database, table);
}

/** Keeps numbers of AUTOINCREMENT unique, even if their row is gone. */
function keepSequence(database: OpenDatabase, table: string): void {
  if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").get() === undefined) return;
  const known = database.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').get(OLD + table);
  if (known === undefined) return;
  database.prepare('DELETE FROM sqlite_sequence WHERE name = ?').run(table);
  database.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)').run(table, known.seq as number);
}

function refuse(path: string, what: string): never {
  throw new StoreError('version', `the database ${path} cannot be upgraded: ${what} would be lost. It stays as it was`);
}

function listParts(database: OpenDatabase): { readonly type: string; readonly name: string }[] {
  const rows = database.prepare(
    "SELECT type, name FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'",
  );
  return rows.all().map(({ type, name }) => ({ type: String(type), name: String(name) }));
}

const listColumns = (database: OpenDatabase, table: string): string[] =>
  database
    .prepare(`SELECT name FROM pragma_table_info(?)`)
    .all(table)
    .map(({ name }) => String(name));
