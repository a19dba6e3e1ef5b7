import type { Hex } from '@ogong/chain/hex';
import { openStore } from '@ogong/host/store/store';
import { doWork } from '@ogong/host/store/work';
import { expect, it } from 'vitest';
import { addCredit, listCreditAccounts } from './credit-store.ts';
import { endPermit, listUnsettledPermits, takePermit } from './permit-store.ts';
import { GATEWAY_SCHEMA } from './schema.ts';

/** Opens a store that notes its statements. */
function openSeen() {
  const store = openStore(':memory:', { schema: GATEWAY_SCHEMA });
  const statements = new Set<string>();
  const seen = {
    prepare(sql: string) {
      statements.add(sql);
      return store.prepare(sql);
    },
  };
  /** Plans of the statements about a table, one for each. */
  const explain = (table: string) =>
    [...statements]
      .filter((sql) => new RegExp(`(?:FROM|UPDATE) ${table}\\b`).test(sql))
      .map((sql) => {
        const slots = Array<null>(sql.split('?').length - 1).fill(null);
        const steps = store.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...slots);
        return steps.map(({ detail }) => detail);
      });
  return { store, statements, seen, explain };
}

it('reads no settled permits when a payment comes, when its request ends, and in each round', () => {
  const { store, seen, explain } = openSeen();
  const payer: Hex = `0x${'aa'.repeat(20)}`;
  const permit = { from: payer, to: payer, facilitator: payer, maximum: 9n, nonce: 1n, validAfter: 0n, deadline: 9n };
  const funds = { balanceAtomic: 9n, allowanceAtomic: 9n, approvalNonce: 0n };
  const terms = { fromBlock: 1n, madeMs: 1, neededAtomic: 5n, funds, mostUnsettledAtomic: 9n };
  const taken = doWork(seen, takePermit({ permit, signature: '0x', approval: undefined }, terms));
  doWork(seen, endPermit((taken as { account: string }).account));
  expect(doWork(seen, listUnsettledPermits(1))).toMatchObject([{ state: 'ended' }]);
  const lost = ['SCAN permits USING INDEX permits_lost'];
  const unsettled = ['SCAN permits USING INDEX permits_unsettled'];
  expect(explain('permits')).toEqual([lost, unsettled, unsettled, unsettled]);
  store.close();
});

it('reads no accounts of permits to find the organisations with credit', () => {
  const { store, statements, seen, explain } = openSeen();
  for (const account of ['org:a', 'org:é', 'org;', 'pay:b', 'Org:a'])
    doWork(seen, addCredit({ id: account, account, amountAtomic: 1n, detail: '', madeMs: 1 }));
  statements.clear();
  expect(doWork(seen, listCreditAccounts('org:'))).toEqual(['org:a', 'org:é']);
  expect(explain('granted')).toEqual([['SEARCH granted USING PRIMARY KEY (account>? AND account<?)']]);
  store.close();
});
