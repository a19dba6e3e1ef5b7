import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GATEWAY_MIGRATIONS } from '../roles/gateway/schema.ts';
import { migrations as VALIDATOR_MIGRATIONS } from '../roles/validator/store/schema.ts';
import { bindLedger } from '../store/ledger-binding.ts';
import { type Migration, openStore, type Store } from '../store/store.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(1) };

const SOME_ORDER = utf8Encode('ogong-order-v2\n...');

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-ledger-'));
  path = join(directory, 'role.db');
});
afterEach(() => rmSync(directory, { recursive: true }));

const COLUMNS: Readonly<Record<string, string>> = { BLOB: "x'01'", TEXT: "'1'", INTEGER: '1' };

/** A row of whatever, since all that is asked is whether there is one. */
function insert(store: Store, table: string, orderBytes: Uint8Array): void {
  const columns = store.prepare(`SELECT name, type, "notnull" AS needed FROM pragma_table_info('${table}')`).all();
  const needed = columns.filter(({ name, needed }) => needed === 1 || name === 'reply_id' || name === 'sequence');
  store.database.exec('PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF');
  const names = needed.map(({ name }) => name);
  const values = needed.map(({ name, type }) => (name === 'order_bytes' ? '?' : COLUMNS[String(type)]));
  const statement = store.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${values.join(', ')})`);
  if (names.includes('order_bytes')) statement.run(orderBytes);
  else statement.run();
}

const isBinding = (one: Migration): boolean =>
  typeof one === 'function' && one.toString().includes('CREATE TABLE ledger');

describe.each([
  {
    role: 'validator',
    migrations: VALIDATOR_MIGRATIONS,
    orders: 'replies',
    others: ['cosigned', 'beacons', 'beacon_vote'],
  },
  { role: 'gateway', migrations: GATEWAY_MIGRATIONS, orders: 'orders', others: ['channels', 'complaints'] },
])("a $role's database", ({ migrations, orders, others }) => {
  const before = migrations.slice(0, migrations.findIndex(isBinding));
  const open = (known = migrations) => openStore(path, { migrations: known });

  it('is of the contracts that it was first used with, for good', () => {
    for (let i = 0; i < 2; i++) {
      const store = open();
      bindLedger(store, ledger);
      bindLedger(store, ledger);
      store.close();
    }
    for (const other of [
      { ...ledger, chainId: 1n },
      { ...ledger, verifyingContract: new Uint8Array(20).fill(2) },
    ]) {
      const store = open();
      expect(() => bindLedger(store, other)).toThrow(/is of the contracts 0x(01){20} on chain 31337,.*--data-dir/s);
      expect(() => store.read((db) => db.prepare('SELECT 1'))).toThrow();
    }
    const store = open();
    bindLedger(store, ledger);
    store.close();
  });

  it.each([orders, ...others])('is refused with what another network left in %s, and stays as it was', (table) => {
    const old = open(before);
    insert(old, table, utf8Encode('ogong-order-v1\n...'));
    old.close();
    for (let i = 0; i < 2; i++) expect(() => open()).toThrow(/orders of version 1.*hybrid\.key/);
    const same = open(before);
    expect(same.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n).toBe(1);
    same.close();
  });

  it('goes on where all of its orders are of this version', () => {
    const old = open(before);
    for (const table of others) insert(old, table, new Uint8Array(0));
    insert(old, orders, SOME_ORDER);
    old.close();
    const store = open();
    bindLedger(store, ledger);
    expect(store.prepare(`SELECT count(*) AS n FROM ${orders}`).get()?.n).toBe(1);
    store.close();
  });
});
