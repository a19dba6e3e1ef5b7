import { expect, it } from 'vitest';
import type { Transactor } from '../transactor.ts';
import { createAuthorizationReads } from './authorizations.ts';

const readsAt = (block: bigint) => {
  const read = ((_what, call) => call({ getBlockNumber: async () => block } as never)) as Transactor['read'];
  return createAuthorizationReads({ read }, `0x${'11'.repeat(20)}`);
};

it('a block that no store could give back is not taken for the newest one', async () => {
  expect(await readsAt(2n ** 53n - 1n).blockNumber()).toBe(2n ** 53n - 1n);
  await expect(readsAt(2n ** 53n).blockNumber()).rejects.toMatchObject({ code: 'rpc-unreachable' });
});
