import { equalBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { Migration, Store } from './store.ts';
import { StoreError } from './store-error.ts';

/** What signed orders of this version begin with. */
const ORDER = utf8Encode('ogong-order-v2\n');
const ADVICE =
  'let the program that wrote it settle what is open, then start with another --data-dir that has copies of hybrid.key, ledger.key and link.key';

/**
 * A database says whose contracts' orders it holds. One that is of nobody yet is refused, not migrated, where it holds what only
 * other contracts can have left there: orders of version 1, which named neither payee nor context, or without any of version 2
 * what comes of orders.
 * @param tables `orders` has their bytes as `order_bytes`; each of `others` has rows only after a network was joined.
 */
export const createLedgerMigration =
  ({ orders, others }: { readonly orders: string; readonly others: readonly string[] }): Migration =>
  (database) => {
    const has = (table: string): boolean => database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() !== undefined;
    const isOld = has(orders)
      ? database
          .prepare(`SELECT 1 FROM ${orders} WHERE substr(order_bytes, 1, ?) <> ? LIMIT 1`)
          .get(ORDER.length, ORDER) !== undefined
      : others.some(has);
    if (isOld) {
      throw new StoreError(
        'version',
        `the database ${database.location()} is of contracts that read orders of version 1, which this program does not: ${ADVICE}`,
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
 * mean nothing to another. Closes a store that is of others.
 * @throws StoreError 'version' where the database is of others.
 */
export function bindLedger(store: Store, { chainId, verifyingContract }: LedgerDomain): void {
  const bound = store.transact(() => {
    store
      .prepare('INSERT INTO ledger VALUES (0, ?, ?) ON CONFLICT DO NOTHING')
      .run(chainId.toString(), verifyingContract);
    return store.prepare('SELECT chain_id, contract FROM ledger').get();
  });
  const contract = bound?.contract as Uint8Array;
  if (bound?.chain_id === chainId.toString() && equalBytes(contract, verifyingContract)) return;
  store.close();
  throw new StoreError(
    'version',
    `the database ${store.path} is of the contracts 0x${toHex(contract)} on chain ${bound?.chain_id}, and this network's are ` +
      `0x${toHex(verifyingContract)} on chain ${chainId}: ${ADVICE}`,
  );
}
