import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hex } from '@ogong/chain/hex';
import { EXIT } from '@ogong/host/log/errors';
import { createEarningsView } from '@ogong/host/views/earnings-view';
import { fromHex } from '@ogong/protocol/base/bytes';
import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { earningsCommand } from './earnings-command.ts';

const PERIOD = 100_000;
const ENTRANCE = 1_000n;
/** The provider's part of a fee of 100,000 without a router. */
const PART = 96_980n;
const providerId = 'ab'.repeat(32);
const payee = 'cd'.repeat(20);
const folder = mkdtempSync(join(tmpdir(), 'ogong-earnings-command-'));
const deployment = join(folder, 'deployment.json');
const keypair = join(folder, 'key');
let ledger: TestLedger;

beforeAll(async () => {
  ledger = await startTestLedger({ holding: { period: PERIOD, entrance: ENTRANCE } });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  const [validator, payer] = [await ledger.createValidator(), await ledger.createMember(100_000n)];
  writeFileSync(keypair, payer.privateKey.slice(2), { mode: 0o600 });
  await payer.client.deposit(100_000n);
  await payer.client.admit(validator.address, 100_000n);
  const word: Hex = `0x${'11'.repeat(32)}`;
  const batch = { validator: validator.address, sequence: 1n, logHead: word, logLength: 1n, recordsRoot: word };
  const call = await ledger.signBatch(
    {
      batch: { ...batch, replies: 1 },
      debits: [await ledger.signDebit(payer.privateKey, validator.address, 100_000n, 100_000n)],
      lines: [{ providerId: `0x${providerId}`, payee: `0x${payee}`, router: `0x${'00'.repeat(20)}`, gross: 100_000n }],
      ejections: [],
    },
    [validator.privateKey],
  );
  await validator.client.settle(call);
}, 60_000);
afterAll(async () => {
  await ledger.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(...more: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  const where = ['--deployment', deployment, '--provider', providerId, '--payee', payee];
  expect(await earningsCommand.run([...where, ...more], output)).toBe(EXIT.ok);
  return written.join('');
}

async function passPeriods(count: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [count * PERIOD] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

describe('ogong earnings', () => {
  it('shows what is held, and pays it once it has vested', async () => {
    const held = JSON.parse(await run('--json', '--keypair', keypair));
    expect(held).toMatchObject({ earned: `${PART}`, held: `${PART}`, withdrawable: '0', paidNow: '0' });
    const settled = await ledger.governor.transactor.client.getBlock();
    await passPeriods(3);
    expect(await run()).toContain(`withdrawable  ${PART - ENTRANCE} atomic units`);
    expect(await run('--keypair', keypair)).toContain(`(${PART - ENTRANCE} of it now)`);
    expect(await ledger.governor.balanceOf(`0x${payee}`)).toBe(PART - ENTRANCE);
    expect(JSON.parse(await run('--json', '--keypair', keypair))).toMatchObject({ withdrawable: '0', paidNow: '0' });

    const account = { providerId: fromHex(providerId), payee: fromHex(payee) };
    const { heldFor } = createEarningsView({ client: async () => ledger.governor });
    const settledMs = Number(settled.timestamp) * 1000;
    expect(await heldFor(account, settledMs)).toBe(0n);
    expect(await heldFor(account, settledMs + PERIOD * 1000)).toBe(PART - ENTRANCE);
    expect(await heldFor(account, settledMs + 2 * PERIOD * 1000)).toBe(0n);
    await expect(heldFor(account, settledMs + 9 * PERIOD * 1000)).rejects.toMatchObject({ code: 'reverted' });
  });
});
