import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hex } from '@ogong/chain/hex';
import { EXIT } from '@ogong/host/log/errors';
import { keepChainFresh } from '@ogong/testing/chain/fresh-chain';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimCommand } from './claim-command.ts';
import { earningsCommand } from './earnings-command.ts';

const DAY = 86_400;
const folder = mkdtempSync(join(tmpdir(), 'ogong-cosigned-'));
let ledger: TestLedger;
let first: Awaited<ReturnType<TestLedger['createValidator']>>;
beforeAll(async () => {
  ledger = await startTestLedger();
  first = await ledger.createValidator();
  const where = JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl });
  writeFileSync(join(folder, 'deployment.json'), where);
});
afterAll(async () => {
  await ledger.stop();
  rmSync(folder, { recursive: true, force: true });
});

keepChainFresh(() => ledger);

describe('ogong claim', () => {
  it('pays signers their rewards, from the next day on', async () => {
    const { address, client, privateKey } = first;
    const rpc = ledger.governor.transactor.client;
    const pass = async (seconds: number): Promise<void> => {
      await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
      await rpc.request({ method: 'evm_mine' } as never);
    };
    // Amounts settled now are read before the day is over.
    const { timestamp } = await rpc.getBlock();
    if (Number(timestamp) % DAY > DAY - 600) await pass(600);
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

    const showParts = async () => {
      const written: string[] = [];
      const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
      const whose = ['--provider', word.slice(2), '--payee', address.slice(2).toLowerCase()];
      const where = ['--deployment', join(folder, 'deployment.json'), '--parts', '--json'];
      expect(await earningsCommand.run([...whose, ...where], output)).toBe(EXIT.ok);
      const { cosignedClaimable, cosignedRunning, cosignedClaimed, makerPaid } = JSON.parse(written.join(''));
      return [cosignedClaimable, cosignedRunning, cosignedClaimed, makerPaid].map(BigInt);
    };
    expect(await showParts()).toEqual([0n, unit / 20n, 0n, 0n]);

    await pass(DAY);
    expect(await listTodo()).toEqual(['claim what co-signers have', 'claim']);
    expect(await showParts()).toEqual([unit / 20n, 0n, 0n, 0n]);
    const before = await client.balanceOf(address);
    await claim();
    expect((await client.balanceOf(address)) - before).toBe(unit / 10n);
    expect(await client.cosignedParts(address)).toEqual([]);
    expect(await listTodo('--cosigned')).toEqual([]);
    expect(await showParts()).toEqual([0n, 0n, unit / 20n, 0n]);
  });

  it("pays a maker its share of its model's earnings, once governance gives makers one", async () => {
    const handler = await ledger.createValidator();
    const maker = await ledger.createMember(2_000n * unit);
    const payer = await ledger.createMember(20n * unit);
    await payer.client.deposit(20n * unit);
    await payer.client.admit(handler.address, 20n * unit);
    const modelRoot: Hex = `0x${'77'.repeat(32)}`;
    await maker.client.claimMaker('acme');
    const weights = { modelRoot, tokenizerHash: modelRoot, licence: 'MIT', sources: ['https://acme.example'] };
    await maker.client.claimWeights('acme', weights.modelRoot);
    await maker.client.publishModel({ maker: 'acme', model: 'one' }, { ...weights, adapterRoots: [] });
    const before = await maker.client.balanceOf(maker.address);
    const { shares, recipients } = await ledger.governor.parameters();
    await ledger.governor.setDistribution({ shares: { ...shares, maker: 300 }, recipients });
    const word: Hex = `0x${'33'.repeat(32)}`;
    const batch = { validator: handler.address, sequence: 1n, logHead: word, logLength: 1n, recordsRoot: word };
    const debits = [await ledger.signDebit(payer.privateKey, handler.address, 10n * unit, 10n * unit)];
    const lines = [{ providerId: word, payee: payer.address, router: payer.address, gross: 10n * unit, modelRoot }];
    const call = { batch: { ...batch, replies: 1 }, debits, lines, ejections: [], tallies: [] };
    const keys = [first.privateKey, handler.privateKey];
    await handler.client.settle(await ledger.signBatch(call, keys));
    const keypair = join(folder, 'maker');
    writeFileSync(keypair, maker.privateKey.slice(2), { mode: 0o600 });
    const own = (10n * unit * 3n) / 100n;
    expect(await maker.client.creditOf(maker.address)).toBe(own);
    expect(await maker.client.partsPaid(maker.address)).toEqual({ makerAtomic: own, cosignerAtomic: 0n });
    const where = ['--deployment', join(folder, 'deployment.json'), '--keypair', keypair, '--json'];
    expect(await claimCommand.run(where, { write: () => {}, writeError: () => {} })).toBe(EXIT.ok);
    expect((await maker.client.balanceOf(maker.address)) - before).toBe(own);
  });
});
