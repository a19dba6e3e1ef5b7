import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, expect, it } from 'vitest';
import { readEarnings, readLedger, readMaker, readPots } from './ledger.ts';
import { createChainReader } from './rpc.ts';

let ledger: TestLedger | undefined;
afterAll(() => ledger?.stop());

it('reads the held earnings of a key, and reports a failed read', async () => {
  ledger = await startTestLedger({ blockTimeMs: 50 });
  const { chain, deployment } = ledger;
  const key = { providerId: `0x${'22'.repeat(32)}`, payee: `0x${'33'.repeat(20)}` } as const;
  const nothing = { held: 0n, withdrawable: 0n, paid: 0n };
  expect(await readEarnings(createChainReader(chain.rpcUrl), deployment, key)).toEqual(nothing);
  const elsewhere = { ...deployment, earnings: deployment.escrow };
  await expect(readEarnings(createChainReader(chain.rpcUrl), elsewhere, key)).rejects.toThrow('reverted');

  const reader = createChainReader(chain.rpcUrl);
  const { address, client, privateKey } = await ledger.createValidator();
  const payer = await ledger.createMember(20n * unit);
  await payer.client.deposit(20n * unit);
  await payer.client.admit(address, 20n * unit);
  // Amounts settled now are read before the day is over.
  const rpc = ledger.governor.transactor.client;
  if (Number((await rpc.getBlock()).timestamp) % 86_400 > 85_800) {
    await rpc.request({ method: 'evm_increaseTime', params: [600] } as never);
    await rpc.request({ method: 'evm_mine' } as never);
  }
  await ledger.governor.takeRoster([address]);
  const word = key.providerId;
  const batch = { validator: address, sequence: 1n, logHead: word, logLength: 9n, recordsRoot: word, replies: 1 };
  const debits = [await ledger.signDebit(payer.privateKey, address, 10n * unit, 10n * unit)];
  const lines = [{ providerId: word, payee: payer.address, router: payer.address, gross: 10n * unit }];
  await client.settle(await ledger.signBatch({ batch, debits, lines, ejections: [], tallies: [] }, [privateKey]));
  const { potsAtomic, fromBlock } = await readLedger(reader, deployment);
  expect(potsAtomic).toBe(unit / 20n);
  const pots = await readPots(reader, deployment, { account: address, fromBlock });
  expect(pots).toEqual({ claimable: 0n, running: unit / 20n });
  const others = await readPots(reader, deployment, { account: payer.address, fromBlock });
  expect(others).toEqual({ claimable: 0n, running: 0n });
  expect(await readMaker(reader, deployment, word)).toBeUndefined();
});
