import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GATEWAY_MIGRATIONS } from '../roles/gateway/schema.ts';
import { migrations as VALIDATOR_MIGRATIONS } from '../roles/validator/schema.ts';
import { bindLedger } from './ledger-binding.ts';
import { openStore } from './store.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(1) };

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-ledger-'));
  path = join(directory, 'role.db');
});
afterEach(() => rmSync(directory, { recursive: true }));

describe.each([
  { role: 'validator', migrations: VALIDATOR_MIGRATIONS, orders: 'replies' },
  { role: 'gateway', migrations: GATEWAY_MIGRATIONS, orders: 'orders' },
])("a $role's database", ({ migrations, orders }) => {
  const open = (known = migrations) => openStore(path, { migrations: known });

  it('is of the contracts that it was first used with, for good', () => {
    for (let i = 0; i < 2; i++) {
      const store = open();
      bindLedger(store, ledger);
      bindLedger(store, ledger);
      store.close();
    }
    const store = open();
    for (const other of [
      { ...ledger, chainId: 1n },
      { ...ledger, verifyingContract: new Uint8Array(20).fill(2) },
    ]) {
      expect(() => bindLedger(store, other)).toThrow(/is of the contracts 0x01{0,}.* on chain 31337.*--data-dir/s);
    }
    bindLedger(store, ledger);
    store.close();
  });

  it('is refused where it holds orders of version 1, and stays as it was', () => {
    const before = migrations.slice(0, -1);
    const old = open(before);
    old.close();
    open().close();
    rmSync(path);
    const held = open(before);
    const columns = held.prepare(`SELECT name, type, "notnull" AS needed FROM pragma_table_info('${orders}')`).all();
    const needed = columns.filter((column) => column.needed === 1 || column.name === 'reply_id');
    const value = (type: unknown) => (type === 'BLOB' ? "x'01'" : type === 'TEXT' ? "'1'" : '1');
    held.database.exec('PRAGMA ignore_check_constraints = ON');
    held
      .prepare(
        `INSERT INTO ${orders} (${needed.map(({ name }) => name).join(', ')})
         VALUES (${needed.map(({ type }) => value(type)).join(', ')})`,
      )
      .run();
    held.close();
    for (let i = 0; i < 2; i++) expect(() => open()).toThrow('orders of version 1');
    const same = open(before);
    expect(same.prepare(`SELECT count(*) AS n FROM ${orders}`).get()?.n).toBe(1);
    same.close();
  });
});
