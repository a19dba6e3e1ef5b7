import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { afterAll, expect, it } from 'vitest';
import { readEarnings } from './ledger.ts';
import { createChainReader } from './rpc.ts';

let ledger: TestLedger | undefined;
afterAll(() => ledger?.stop());

it('reads what the chain holds for a key, and says where it cannot', async () => {
  ledger = await startTestLedger({ blockTimeMs: 50 });
  const { chain, deployment } = ledger;
  const key = { providerId: `0x${'22'.repeat(32)}`, payee: `0x${'33'.repeat(20)}` } as const;
  const nothing = { held: 0n, withdrawable: 0n, paid: 0n };
  expect(await readEarnings(createChainReader(chain.rpcUrl), deployment, key)).toEqual(nothing);
  const elsewhere = { ...deployment, earnings: deployment.escrow };
  await expect(readEarnings(createChainReader(chain.rpcUrl), elsewhere, key)).rejects.toThrow('reverted');
});
