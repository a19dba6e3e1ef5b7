import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RELEASED, type ReleasedStore } from '@ogong/host/store/releases';
import { computeSchemaVersion, openStore, type Store } from '@ogong/host/store/store';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { VERDICT_ENTRY_TAG } from '@ogong/protocol/settlement/verdict-log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  PRESENT_SCHEMAS,
  RELEASES,
  type ReleasedRows,
  type ReleasedStores,
  releaseFile,
  type StoredRow,
  type StoredValue,
} from '../store/released-stores.ts';
import { createTestDirectory, type TestDirectory } from '../store/test-directory.ts';

let directory: TestDirectory;
beforeEach(() => {
  directory = createTestDirectory('release');
});
afterEach(() => directory.remove());

const path = (): string => join(directory.path, 'role.db');
const toSql = (value: StoredValue) => (value !== null && typeof value === 'object' ? fromHex(value.hex) : value);
const toStored = (value: unknown): StoredValue =>
  value instanceof Uint8Array ? { hex: toHex(value) } : (value as string | number | null);

/** The file as a daemon of that release left it. */
function makeReleased({ schema, tables }: ReleasedRows): void {
  const store = openStore(path(), { schema });
  try {
    store.database.exec('PRAGMA foreign_keys = OFF');
    for (const [table, rows] of Object.entries(tables)) {
      // A schema may put rows of its own into a new file.
      if (store.database.prepare(`SELECT 1 FROM ${table}`).get() !== undefined)
        store.database.exec(`DELETE FROM ${table}`);
      for (const row of rows) {
        const slots = Object.keys(row).map(() => '?');
        const insert = `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${slots.join(', ')})`;
        store.database.prepare(insert).run(...Object.values(row).map(toSql));
      }
    }
  } finally {
    store.close();
  }
}

/** The rows of a table, in these columns, in no order. */
function readRows(store: Store, table: string, columns: readonly string[]): string[] {
  const rows = store.database.prepare(`SELECT ${columns.join(', ')} FROM ${table}`).all();
  return rows.map((row) => JSON.stringify(columns.map((column) => toStored(row[column])))).sort();
}
const toLines = (rows: readonly StoredRow[], columns: readonly string[]): string[] =>
  rows.map((row) => JSON.stringify(columns.map((column) => row[column]))).sort();

/** Whether its log begins as those of another version do. */
const hasForeignLog = ({ tables }: ReleasedRows): boolean =>
  (tables.log ?? []).some(({ entry }) => {
    const tag = new TextEncoder().encode(`${VERDICT_ENTRY_TAG}\n`);
    return !(entry as { readonly hex: string }).hex.startsWith(toHex(tag));
  });

const listColumns = (store: Store, table: string): string[] =>
  store.database
    .prepare('SELECT name FROM pragma_table_info(?)')
    .all(table)
    .map(({ name }) => String(name));

describe.each(RELEASES)('release %s', (release) => {
  const released: ReleasedStores = JSON.parse(readFileSync(releaseFile(release), 'utf8'));

  it('has the stores of all daemons, with rows of a network that has answered', () => {
    expect(Object.keys(released).sort()).toEqual(Object.keys(PRESENT_SCHEMAS).sort());
    const filled = Object.values(released).flatMap(({ tables }) =>
      Object.values(tables).filter((rows) => rows.length > 0),
    );
    expect(filled.length).toBeGreaterThan(25);
  });

  it.each(Object.keys(PRESENT_SCHEMAS) as ReleasedStore[])(
    '%s: no row is lost on the way to the present store',
    (name) => {
      let old = released[name];
      const schema = PRESENT_SCHEMAS[name];
      const isKnown = RELEASED[name].some(({ from }) => from === computeSchemaVersion(old.schema));
      expect(isKnown, `host/src/store/releases.ts does not have ${name} of ${release}`).toBe(true);
      makeReleased(old);
      // An older log than the program reads is refused, and stays.
      if (hasForeignLog(old)) {
        const open = () => openStore(path(), { schema, upgrades: RELEASED[name] });
        expect(open).toThrow('its log has entries of an older version');
        const released = openStore(path(), { schema: old.schema });
        released.database.exec('PRAGMA foreign_keys = OFF; DELETE FROM log');
        released.close();
        old = { ...old, tables: { ...old.tables, log: [] } };
      }
      // The second start finds a present store.
      for (let start = 0; start < 2; start++) {
        const store = openStore(path(), { schema, upgrades: RELEASED[name] });
        try {
          for (const [table, rows] of Object.entries(old.tables)) {
            const present = new Set(listColumns(store, table));
            const columns = Object.keys(rows[0] ?? {}).filter((column) => present.has(column));
            if (columns.length === 0) continue;
            const now = readRows(store, table, columns);
            // SQLite counts for itself, also for tables that have no row yet.
            const missing = toLines(rows, columns).filter((line) => !now.includes(line));
            expect([table, missing]).toEqual([table, []]);
            if (!table.startsWith('sqlite_')) expect([table, now.length]).toEqual([table, rows.length]);
          }
          expect(store.database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
          expect(store.database.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
          expect(store.database.prepare('PRAGMA foreign_keys').get()).toEqual({ foreign_keys: 1 });
        } finally {
          store.close();
        }
      }
    },
  );
});
