import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { RELEASED, type ReleasedStore } from '@ogong/host/store/releases';
import { computeSchemaVersion, openStore, type Store } from '@ogong/host/store/store';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { VERDICT_ENTRY_TAG, verifyChain } from '@ogong/protocol/settlement/verdict-log';
import { EVIDENCE_TAG } from '@ogong/protocol/verdict/evidence';
import { countOpenReplies } from '@ogong/validator/store/batch-store';
import { createSettledEntries } from '@ogong/validator/store/replies/settled-entries';
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

/** As a program before version 6 wrote it. */
const EARLIER_LOG = JSON.parse(
  readFileSync(new URL('../../releases/verdict-log-v5.json', import.meta.url), 'utf8'),
) as Readonly<Record<'chainId' | 'validator' | 'genesis', string> & Record<'entries' | 'heads', readonly string[]>>;

const PRESENT_ENTRIES = `UPDATE log SET entry = CAST('${VERDICT_ENTRY_TAG}' || char(10) || position AS BLOB)`;
const UNSETTLED = 'DELETE FROM batch_signatures; DELETE FROM batches';
const basedOn = (tag: string): string => `UPDATE replies SET evidence = CAST('${tag}' || char(10) AS BLOB)`;
const asking = (state: string): string => `
  UPDATE replies SET state = '${state}' WHERE sequence = 1;
  INSERT INTO attempts (reply_id, attempt, sitting, round, verifier_id, nonce, outcome)
    SELECT reply_id, 0, 0, 0, x'01', x'02', 'asked' FROM replies WHERE sequence = 1`;

describe('a log in an earlier format', () => {
  const from = { length: 0n, head: fromHex(EARLIER_LOG.genesis) };
  const entries = EARLIER_LOG.entries.map((entry) => fromHex(entry));

  it('is read where it has settled, each credited report as one', () => {
    const { ok, position, entries: read } = verifyChain(nodeCrypto, { from, entries, areSettled: true });
    expect([ok, toHex(position.head)]).toEqual([true, EARLIER_LOG.heads.at(-1)]);
    const credits = read.flatMap(({ verifiers }) => verifiers.filter(({ outcome }) => outcome === 'credited'));
    expect(credits.length).toBeGreaterThan(0);
    for (const credit of credits) expect(credit).toMatchObject({ tokens: 1 });
    expect(read.flatMap(({ shards }) => shards)).toEqual([]);
  });

  it('is refused where it has yet to settle, and where a byte of it differs', () => {
    expect(verifyChain(nodeCrypto, { from, entries }).ok).toBe(false);
    const changed = entries.map((entry, i) => (i === 1 ? entry.with(-1, (entry.at(-1) as number) ^ 1) : entry));
    expect(verifyChain(nodeCrypto, { from, entries: changed, areSettled: true }).ok).toBe(false);
    const cut = entries.map((entry) => entry.subarray(0, -1));
    expect(verifyChain(nodeCrypto, { from, entries: cut, areSettled: true }).ok).toBe(false);
  });
});

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
      const old = released[name];
      const schema = PRESENT_SCHEMAS[name];
      const isKnown = RELEASED[name].some(({ from }) => from === computeSchemaVersion(old.schema));
      expect(isKnown, `host/src/store/releases.ts does not have ${name} of ${release}`).toBe(true);
      makeReleased(old);
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

  const { validator } = released;
  const openPresent = (): Store =>
    openStore(path(), { schema: PRESENT_SCHEMAS.validator, upgrades: RELEASED.validator });
  const changeReleased = (sql: string): void => {
    const store = openStore(path(), { schema: validator.schema });
    store.database.exec(`PRAGMA foreign_keys = OFF; ${sql}`);
    store.close();
  };

  it.runIf(hasForeignLog(validator))('keeps what has settled of a log in an earlier format, readable', () => {
    // The rows of the release have long values cut.
    makeReleased(validator);
    const old = openStore(path(), { schema: validator.schema });
    const put = old.database.prepare('UPDATE log SET entry = ? WHERE position = ?');
    for (const [position, entry] of EARLIER_LOG.entries.entries()) put.run(fromHex(entry), position);
    old.close();
    const store = openPresent();
    try {
      const find = createSettledEntries(store, nodeCrypto);
      const rows = store.database.prepare('SELECT entry, reply_id FROM log').all();
      expect(rows).toHaveLength(validator.tables.log?.length as number);
      for (const { entry, reply_id } of rows) expect(find(reply_id as Uint8Array)?.entry).toEqual(entry);
      // Nothing of it waits: a validator that drains would say so.
      expect(countOpenReplies(store)).toBe(0);
      store.database.exec("UPDATE batches SET state = 'proposed' WHERE sequence = 2");
      expect(countOpenReplies(store)).toBe(1);
      store.database.exec("UPDATE replies SET state = 'auditing' WHERE sequence = 1");
      expect(countOpenReplies(store)).toBe(2);
    } finally {
      store.close();
    }
  });

  it.runIf(hasForeignLog(validator))(
    'takes what is open over where no verifier was asked, on evidence of its own format',
    () => {
      makeReleased(validator);
      changeReleased([PRESENT_ENTRIES, UNSETTLED, basedOn(EVIDENCE_TAG)].join(';'));
      openPresent().close();
    },
  );

  it.runIf(hasForeignLog(validator)).each([
    ['that has not settled', "UPDATE batches SET state = 'proposed' WHERE sequence = 2"],
    ['in no batch', 'DELETE FROM batches WHERE sequence = 2'],
    [
      'of a format that nobody reads any more',
      "UPDATE log SET entry = CAST('ogong-verdict-v4' || char(10) || position AS BLOB)",
    ],
    [
      'of the present format in a proposed batch of an earlier one',
      `${PRESENT_ENTRIES}; ${basedOn(EVIDENCE_TAG)}; UPDATE batches SET state = 'proposed' WHERE sequence = 2`,
    ],
    [
      'of the present format that has not settled, on evidence of an earlier one',
      [PRESENT_ENTRIES, UNSETTLED, basedOn('ogong-evidence-v14')].join(';'),
    ],
    ['that is yet to come of an audit that has asked a verifier', asking('auditing')],
    ['that is yet to come of an audit between two sittings', asking('waiting')],
  ])('a validator with an entry %s is refused, and stays as it was', (_what, change) => {
    makeReleased(validator);
    changeReleased(change);
    const open = () => openPresent();
    expect(open).toThrow('its log has entries, or a batch, of an older version that have not settled');
    const kept = openStore(path(), { schema: validator.schema });
    expect(readRows(kept, 'log', ['position', 'reply_id'])).toHaveLength(validator.tables.log?.length as number);
    kept.close();
  });
});
