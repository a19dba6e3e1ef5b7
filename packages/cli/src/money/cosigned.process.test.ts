import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hex } from '@ogong/chain/hex';
import { EXIT } from '@ogong/host/log/errors';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimCommand } from './claim-command.ts';

const DAY = 86_400;
const folder = mkdtempSync(join(tmpdir(), 'ogong-cosigned-'));
let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startTestLedger();
  const where = JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl });
  writeFileSync(join(folder, 'deployment.json'), where);
}, 60_000);
afterAll(async () => {
  await ledger.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('ogong claim', () => {
  it('pays what was put aside for those who signed, from the day after on', async () => {
    const { address, client, privateKey } = await ledger.createValidator();
    const payer = await ledger.createMember(20n * unit);
    await payer.client.deposit(20n * unit);
    await payer.client.admit(address, 20n * unit);
    await ledger.governor.takeRoster([address]);
    const word: Hex = `0x${'22'.repeat(32)}`;
    const batch = { validator: address, sequence: 1n, logHead: word, logLength: 9n, recordsRoot: word, replies: 1 };
    const debits = [await ledger.signDebit(payer.privateKey, address, 10n * unit, 10n * unit)];
    const lines = [{ providerId: word, payee: payer.address, router: payer.address, gross: 10n * unit }];
    await client.settle(await ledger.signBatch({ batch, debits, lines, ejections: [], tallies: [] }, [privateKey]));

    const keypair = join(folder, 'key');
    writeFileSync(keypair, privateKey.slice(2), { mode: 0o600 });
    const claim = async (...argv: string[]) => {
      const written: string[] = [];
      const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
      const where = ['--deployment', join(folder, 'deployment.json'), '--keypair', keypair, '--json'];
      expect(await claimCommand.run([...where, ...argv], output)).toBe(EXIT.ok);
      return JSON.parse(written.join(''));
    };
    const listTodo = async (...argv: string[]): Promise<string[]> =>
      (await claim('--dry-run', ...argv)).transactions.map(({ what }: { what: string }) => what);
    // A tenth of a token is the validators', half of it the handling one's at once.
    expect(await client.creditOf(address)).toBe(unit / 20n);
    expect(await listTodo()).toEqual(['claim']);
    const running = { member: 0, signatures: 1n, amount: unit / 20n, isOver: false };
    expect(await client.cosignedParts(address)).toMatchObject([running]);
    expect(await client.cosignedParts(payer.address)).toEqual([]);

    const rpc = ledger.governor.transactor.client;
    await rpc.request({ method: 'evm_increaseTime', params: [DAY] } as never);
    await rpc.request({ method: 'evm_mine' } as never);
    expect(await listTodo()).toEqual(['claim what co-signers have', 'claim']);
    const before = await client.balanceOf(address);
    await claim();
    expect((await client.balanceOf(address)) - before).toBe(unit / 10n);
    expect(await client.cosignedParts(address)).toEqual([]);
    expect(await listTodo('--cosigned')).toEqual([]);
  }, 60_000);
});
