import { createChainClient } from '@ogong/chain/client';
import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Diagnosis } from './diagnosis.ts';
import { examineChain } from './examine-chain.ts';

const isThere = async (): Promise<boolean> => true;
let ledger: TestLedger;
let rpcUrl: string;

beforeAll(async () => {
  ledger = await startTestLedger({ limits: { withdrawalDelay: 0 }, delays: { notice: 3_600 } });
  ({ rpcUrl } = ledger.chain);
});
afterAll(() => ledger.stop());

/** By the chain's newest block: its time goes on while tests run. */
async function readNow(): Promise<number> {
  const client = await createChainClient({ rpcUrl, deployment: ledger.deployment });
  const { timestamp } = await client.transactor.read('block', (reader) => reader.getBlock());
  return Number(timestamp) * 1_000;
}

const byName = (findings: readonly Diagnosis[]): Readonly<Record<string, string>> =>
  Object.fromEntries(findings.map(({ about, status }) => [about, status]));

it('nothing settles without validators, or without two thirds of their stake in reach', async () => {
  const nowMs = await readNow();
  const findings = await examineChain({ rpcUrl, deployment: ledger.deployment }, { nowMs, isThere });
  expect(byName(findings)).toEqual({ chain: 'ok', clock: 'ok', contracts: 'ok', validators: 'problem' });
  expect(findings.at(-1)?.found).toBe('none is registered');
  await Promise.all([1, 2, 3].map(() => ledger.createValidator()));
  const place = { rpcUrl, deployment: ledger.deployment };
  const validatorsWith = async (reached: number): Promise<Diagnosis | undefined> => {
    let asked = 0;
    return (await examineChain(place, { nowMs, isThere: async () => asked++ < reached })).at(-1);
  };
  expect(await validatorsWith(3)).toMatchObject({ about: 'validators', status: 'ok', found: '3 of 3 answer' });
  expect(await validatorsWith(2)).toMatchObject({ status: 'problem', found: expect.stringContaining('2 of 3 answer') });
});

it('a late clock and an address without a contract are problems', async () => {
  const deployment = { ...ledger.deployment, models: `0x${'11'.repeat(20)}` as const };
  const findings = await examineChain({ rpcUrl, deployment }, { nowMs: (await readNow()) - 60_000, isThere });
  expect(byName(findings)).toMatchObject({ clock: 'problem', contracts: 'problem' });
  expect(findings.find(({ about }) => about === 'contracts')?.found).toBe('no code at models');
});

it('a missing chain, or another one, is reported at once', async () => {
  const { deployment } = ledger;
  const nowMs = await readNow();
  const absent = await examineChain({ rpcUrl: 'http://127.0.0.1:9', deployment }, { nowMs, isThere });
  expect(absent).toEqual([expect.objectContaining({ about: 'chain', status: 'problem' })]);
  const other = await examineChain({ rpcUrl, deployment: { ...deployment, chainId: 5 } }, { nowMs, isThere });
  expect(other[0]?.found).toContain('serves chain');
});
