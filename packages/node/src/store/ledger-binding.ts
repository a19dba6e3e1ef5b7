import { equalBytes, toHex } from '@ogong/protocol/bytes';
import type { LedgerDomain } from '@ogong/protocol/order';
import { type Migration, runTransaction, type Store } from './store.ts';
import { StoreError } from './store-error.ts';

/**
 * A database that says whose contracts' orders it holds. One that holds some and does not say is from before orders named
 * payee and context, which other contracts read: it is refused, not migrated.
 * @param orders the table that has a row for each order.
 */
export const createLedgerMigration =
  (orders: string): Migration =>
  (database) => {
    if (database.prepare(`SELECT 1 FROM ${orders} LIMIT 1`).get() !== undefined) {
      throw new StoreError(
        'version',
        `the database ${database.location()} holds orders of version 1, which this program and its contracts do not read: ` +
          'let the program before this one settle them, then start with another --data-dir',
      );
    }
    database.exec(`
      CREATE TABLE ledger (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        chain_id TEXT NOT NULL,
        contract BLOB NOT NULL
      ) STRICT
    `);
  };

/**
 * The first call writes the contracts down, later ones hold the same against them: orders, vouchers and fees of one network
 * mean nothing to another.
 * @throws StoreError 'version' where the database is of others.
 */
export function bindLedger(store: Store, { chainId, verifyingContract }: LedgerDomain): void {
  const bound = runTransaction(store.database, () => {
    store
      .prepare('INSERT INTO ledger VALUES (0, ?, ?) ON CONFLICT DO NOTHING')
      .run(chainId.toString(), verifyingContract);
    return store.prepare('SELECT chain_id, contract FROM ledger').get();
  });
  const contract = bound?.contract as Uint8Array;
  if (bound?.chain_id === chainId.toString() && equalBytes(contract, verifyingContract)) return;
  throw new StoreError(
    'version',
    `the database ${store.path} is of the contracts 0x${toHex(contract)} on chain ${bound?.chain_id}, and this network's are ` +
      `0x${toHex(verifyingContract)} on chain ${chainId}: give each network its own --data-dir`,
  );
}
