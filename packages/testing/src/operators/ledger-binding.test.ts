import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import { bindLedger } from '@ogong/host/store/ledger-binding';
import { openStore } from '@ogong/host/store/store';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(1) };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-ledger-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe.each([
  { role: 'validator', schema: VALIDATOR_SCHEMA },
  { role: 'gateway', schema: GATEWAY_SCHEMA },
])("a $role's database", ({ schema }) => {
  const open = () => openStore(join(directory, 'role.db'), { schema });

  it('belongs for good to the contracts of its first use', () => {
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
});

it("a role does not open another role's database", () => {
  openStore(join(directory, 'role.db'), { schema: GATEWAY_SCHEMA }).close();
  const open = () => openStore(join(directory, 'role.db'), { schema: VALIDATOR_SCHEMA });
  expect(open).toThrow(expect.objectContaining({ code: 'version' }));
});
