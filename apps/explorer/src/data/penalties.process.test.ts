import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { afterAll, expect, it } from 'vitest';
import { readPenalties } from './penalties.ts';
import { createChainReader } from './rpc.ts';

let ledger: TestLedger | undefined;
afterAll(() => ledger?.stop());

it('shows amounts that the contracts took and gave back, and nothing else', async () => {
  ledger = await startTestLedger({ delays: { appeal: 3_600 }, blockTimeMs: 50 });
  const { chain, governor, deployment } = ledger;
  const validator = await ledger.createValidator();
  const [providerId, word] = [`0x${'22'.repeat(32)}`, `0x${'11'.repeat(32)}`] as const;
  const batch = {
    validator: validator.address,
    sequence: 1n,
    logHead: word,
    logLength: 1n,
    recordsRoot: word,
    replies: 0,
  };
  const call = { batch, debits: [], lines: [], ejections: [providerId], tallies: [] };
  const read = async () => {
    const block = await governor.transactor.client.getBlockNumber({ cacheTime: 0 });
    return readPenalties(createChainReader(chain.rpcUrl), deployment, { fromBlock: 0n, block });
  };
  expect(await read()).toEqual([]);
  await validator.client.settle(await ledger.signBatch(call, [validator.privateKey]));
  expect(await read()).toMatchObject([{ kind: 'Ejected', who: providerId, atomic: undefined }]);
  const { count } = await governor.ejectionOf(providerId);
  await governor.reinstate(providerId, [await ledger.signReinstatement(providerId, count, validator.privateKey)]);
  expect((await read()).map(({ kind }) => kind)).toEqual(['Reinstated', 'Ejected']);
});
