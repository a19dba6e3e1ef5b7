import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { amount, bytes, columns } from './columns.ts';
import type { Store } from './store.ts';
import { StoreError } from './store-error.ts';

/** Part of the schema of every store with orders: the contracts that they are for. */
export const LEDGER_TABLE = `
  CREATE TABLE ledger (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    chain_id TEXT NOT NULL,
    contract BLOB NOT NULL
  ) STRICT;
`;

const binding = columns({ chainId: amount, contract: bytes });

/**
 * The first call stores the contracts; later calls compare with them, since orders, vouchers and fees of one network mean
 * nothing to another. Closes a store that belongs to other contracts.
 * @throws StoreError 'version' if the database belongs to other contracts.
 */
export function bindLedger(store: Store, { chainId, verifyingContract }: LedgerDomain): void {
  const bound = store.transact(() => {
    store
      .prepare('INSERT INTO ledger VALUES (0, ?, ?) ON CONFLICT DO NOTHING')
      .run(chainId.toString(), verifyingContract);
    return binding.get(store.prepare(`SELECT ${binding.list} FROM ledger`));
  });
  if (bound?.chainId === chainId && equalBytes(bound.contract, verifyingContract)) return;
  store.close();
  const other = bound && `the contracts 0x${toHex(bound.contract)} on chain ${bound.chainId}`;
  throw new StoreError(
    'version',
    `the database ${store.path} is of ${other ?? 'no contracts'}, and this network's are ` +
      `0x${toHex(verifyingContract)} on chain ${chainId}. Let the program that wrote it settle open orders. ` +
      'Then start with another --data-dir that has copies of hybrid.key, ledger.key and link.key',
  );
}
