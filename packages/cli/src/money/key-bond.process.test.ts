import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { noDelays } from '@ogong/chain/deploy/deploy';
import { deployContracts } from '@ogong/chain/deploy/deploy-contracts';
import type { Hex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { createEarningsView } from '@ogong/host/views/earnings-view';
import { computeAuditRate, SOUNDNESS_PPM } from '@ogong/protocol/audit/audit-rate';
import { fromHex } from '@ogong/protocol/base/bytes';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { earningsCommand } from './earnings-command.ts';
import { migrateCommand } from './migrate-command.ts';
import { bondCommand } from './stake-command.ts';

const PERIOD = 86_400;
const APPEAL = 3_600;
const holding = { period: PERIOD, entrance: 1_000n, growth: 2_000_000 };
const folder = mkdtempSync(join(tmpdir(), 'ogong-key-bond-'));
const deployment = join(folder, 'deployment.json');
let ledger: TestLedger;
type Member = Awaited<ReturnType<TestLedger['createMember']>>;

beforeAll(async () => {
  ledger = await startTestLedger({ holding, delays: { appeal: APPEAL }, blockTimeMs: 50 });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
});
afterAll(async () => {
  await ledger?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(command: Command, ...argv: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  expect(await command.run(argv, output)).toBe(EXIT.ok);
  return written.join('');
}

function keypair({ address, privateKey }: Member): string {
  const path = join(folder, address);
  writeFileSync(path, privateKey.slice(2), { mode: 0o600 });
  return path;
}

async function pass(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

const now = async (): Promise<number> => {
  const block = await ledger.governor.transactor.read('the time', (client) => client.getBlock());
  return Number(block.timestamp) * 1_000;
};

describe('the bond of a key', () => {
  it('is put down by its payee, lowers the audit rate from the next period on, and an ejection that is final takes it', async () => {
    const [payee, validator] = await Promise.all([ledger.createMember(100n * unit), ledger.createValidator()]);
    const providerId: Hex = `0x${'ab'.repeat(32)}`;
    const account = { providerId: fromHex(providerId.slice(2)), payee: fromHex(payee.address.slice(2)) };
    const by = ['--provider', providerId.slice(2), '--keypair', keypair(payee), '--deployment', deployment];
    const { heldFor } = createEarningsView({ client: async () => ledger.governor });
    const rateAt = async (timeMs: number): Promise<number> => {
      const heldAtomic = (await heldFor(account, timeMs)) ?? 0n;
      return computeAuditRate({ feeAtomic: unit, heldAtomic, soundnessPpm: SOUNDNESS_PPM, basePpm: 20_000 });
    };

    // A bond put down now is read before the period is over.
    if (((await now()) / 1_000) % PERIOD > PERIOD - 600) await pass(600);
    expect(await run(bondCommand, 'add', '--amount', '80', ...by, '--dry-run')).toContain(
      `add 80 OGONG to the bond of the key ${providerId}`,
    );
    await run(bondCommand, 'add', '--amount', '80', ...by);
    expect(await rateAt(await now())).toBe(1_000_000);
    await pass(PERIOD);
    expect(await rateAt(await now())).toBe(20_000);
    const shown = ['--provider', providerId.slice(2), '--payee', payee.address.slice(2), '--deployment', deployment];
    expect(JSON.parse(await run(earningsCommand, ...shown, '--json'))).toMatchObject({ bonded: `${80n * unit}` });

    await run(bondCommand, 'remove', '--amount', '30', ...by);
    await expect(run(bondCommand, 'finish', ...by)).rejects.toThrow('TooEarly');
    const word: Hex = `0x${'11'.repeat(32)}`;
    const batch = { validator: validator.address, sequence: 1n, logHead: word, logLength: 1n, recordsRoot: word };
    const call = await ledger.signBatch(
      { batch: { ...batch, replies: 0 }, debits: [], lines: [], ejections: [providerId], tallies: [] },
      [validator.privateKey],
    );
    await validator.client.settle(call);
    await expect(run(bondCommand, 'add', '--amount', '1', ...by)).rejects.toThrow('EjectedAlready');
    await pass(APPEAL);
    expect(await run(earningsCommand, ...shown)).toContain('forfeited     80 OGONG');
    const before = await ledger.governor.balanceOf(ledger.treasury);
    await validator.client.forfeitKeyBond(providerId, payee.address);
    expect((await ledger.governor.balanceOf(ledger.treasury)) - before).toBe(80n * unit);
    await pass(40 * PERIOD);
    await expect(run(bondCommand, 'finish', ...by)).rejects.toThrow('NothingToUnbond');
  });

  it('moves to succeeding contracts unchanged', async () => {
    const { rpcUrl, chainId } = ledger.chain;
    const privateKey = generatePrivateKey();
    await ledger.chain.setBalance(computeAddress(privateKey), 1_000n * unit);
    const recipients = { verification: ledger.treasury, treasury: ledger.treasury, license: ledger.treasury };
    const limits = { minimumValidatorBond: 100n * unit };
    const plan = { rpcUrl, chainId, privateKey, recipients, delays: noDelays, holding, limits };
    const next = await deployContracts({ ...plan, token: ledger.deployment.token });
    const path = join(folder, 'next.json');
    writeFileSync(path, JSON.stringify({ ...next, rpcUrl }));
    const payee = await ledger.createMember(5n * unit);
    const providerId: Hex = `0x${'cd'.repeat(32)}`;
    await payee.client.bondKey(providerId, 5n * unit);
    const migrate = async (...more: string[]) => {
      const where = ['--from', deployment, '--deployment', path, '--keypair', keypair(payee), ...more];
      return JSON.parse(await run(migrateCommand, ...where, '--provider', providerId.slice(2), '--json'));
    };
    expect((await migrate()).waiting).toMatchObject([
      { what: "bond of the provider's key", amount: `${5n * unit}`, until: expect.any(Number) },
    ]);
    await pass(40 * PERIOD);
    // The contract already has an allowance, so only the money is missing.
    const there = await createChainClient({ rpcUrl, deployment: next, privateKey: payee.privateKey });
    await ledger.governor.transfer(payee.address, unit);
    await there.bondKey(providerId, unit);
    const planned = await migrate('--dry-run');
    expect(planned.waiting).toEqual([]);
    expect(planned.transactions.map(({ what }: { what: string }) => what)).toEqual([
      ...['finish unbond of a key', 'bond of a key'],
    ]);
    expect((await migrate()).moved).toMatchObject({ keyBond: `${5n * unit}`, stake: '0' });
    const reader = await createChainClient({ rpcUrl, deployment: next });
    expect(await reader.keyBondOf(providerId, payee.address)).toMatchObject({ amount: 6n * unit, leaving: 0n });
  });
});
