import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { afterAll, expect, it } from 'vitest';
import { readDriftAnchor } from './drift-anchor.ts';
import { createChainReader } from './rpc.ts';

let ledger: TestLedger | undefined;
afterAll(() => ledger?.stop());

it('reads which drift table the chain names, and that it names none', async () => {
  ledger = await startTestLedger({ blockTimeMs: 50 });
  const { chain, governor, deployment } = ledger;
  const read = () => readDriftAnchor(createChainReader(chain.rpcUrl), deployment);
  expect(await read()).toBeUndefined();
  await governor.setDriftTable({ hash: `0x${'AB'.repeat(32)}`, version: 1n });
  expect(await read()).toBe('ab'.repeat(32));
});
