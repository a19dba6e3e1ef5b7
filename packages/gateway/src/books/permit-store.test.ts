import type { Hex } from '@ogong/chain/hex';
import { openStore } from '@ogong/host/store/store';
import { doWork } from '@ogong/host/store/work';
import { expect, it } from 'vitest';
import { endPermit, listUnsettledPermits, takePermit } from './permit-store.ts';
import { GATEWAY_SCHEMA } from './schema.ts';

it('reads no settled permits when a payment comes, when its request ends, and in each round', () => {
  const store = openStore(':memory:', { schema: GATEWAY_SCHEMA });
  const statements = new Set<string>();
  const seen = {
    prepare(sql: string) {
      statements.add(sql);
      return store.prepare(sql);
    },
  };
  const payer: Hex = `0x${'aa'.repeat(20)}`;
  const permit = { from: payer, to: payer, facilitator: payer, maximum: 9n, nonce: 1n, validAfter: 0n, deadline: 9n };
  const funds = { balanceAtomic: 9n, allowanceAtomic: 9n, approvalNonce: 0n };
  const terms = { fromBlock: 1n, madeMs: 1, neededAtomic: 5n, funds, mostUnsettledAtomic: 9n };
  const taken = doWork(seen, takePermit({ permit, signature: '0x', approval: undefined }, terms));
  doWork(seen, endPermit((taken as { account: string }).account));
  expect(doWork(seen, listUnsettledPermits(1))).toMatchObject([{ state: 'ended' }]);
  const plans = [...statements]
    .filter((sql) => /(?:FROM|UPDATE) permits\b/.test(sql))
    .map((sql) => {
      const slots = Array<null>(sql.split('?').length - 1).fill(null);
      return store.database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all(...slots)
        .map(({ detail }) => detail);
    });
  const lost = ['SCAN permits USING INDEX permits_lost'];
  const unsettled = ['SCAN permits USING INDEX permits_unsettled'];
  expect(plans).toEqual([lost, unsettled, unsettled, unsettled]);
  store.close();
});
