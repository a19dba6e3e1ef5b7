import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { EXIT } from '@ogong/host/log/errors';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { encodeCohortAgreement, parseCohortAgreement } from '@ogong/protocol/settlement/cohort-agreement';
import { afterAll, describe, expect, it } from 'vitest';
import { openCohorts, readCohortFile } from '../provider/orders/cohorts.ts';
import { cohortCommand } from './cohort-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-cohort-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const escrow = 'ab'.repeat(20);
const root = '0c'.repeat(32);
const deployment = join(folder, 'deployment.json');
const names = ['token', 'parameters', 'staking', 'registry', 'escrow', 'settlement', 'earnings', 'models'];
const places = [...names, 'cases', 'hearings', 'equivocation'].map((name) => [name, `0x${escrow}`]);
writeFileSync(
  deployment,
  JSON.stringify({ chainId: 31_337, rpcUrl: 'http://127.0.0.1:1', block: 0, ...Object.fromEntries(places) }),
);

function openMember(name: string) {
  const dataDir = join(folder, name);
  const { hybridSeed, ledgerKey } = createOrLoadKeys(dataDir);
  const providerId = hashHybridKey(crypto, createNodeHybridSigner(hybridSeed.reveal()).publicKey);
  return { dataDir, providerId, payee: createNodeLedgerSigner(ledgerKey.reveal()).address };
}

async function run(...argv: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  expect(await cohortCommand.run(argv, output)).toBe(EXIT.ok);
  return written.join('');
}

describe('ogong-provider cohort', () => {
  const [lead, other] = [openMember('lead'), openMember('other')];
  const file = join(folder, 'cohort');
  const shard = ({ providerId, payee }: typeof lead, layers: number) =>
    `${toHex(providerId)}:0x${toHex(payee)}:${layers}`;
  const ledger = { chainId: 31_337n, verifyingContract: fromHex(escrow) };
  const warned: unknown[] = [];
  const log = { warn: (...said: unknown[]) => void warned.push(said) };
  const own = () => ({ log, crypto, ledger, providerId: lead.providerId, payee: lead.payee, nowMs: Date.now() });
  const draft = (...more: string[]) => run('draft', '--model-root', root, '--deployment', deployment, ...more);

  it('is drafted, signed by each on its own machine, and then served', async () => {
    await expect(draft('--out', file, '--shard', shard(lead, 0))).rejects.toThrow('--shard: ');
    await expect(draft('--out', file, '--shard', shard(lead, 3), '--shard', shard(lead, 5))).rejects.toThrow(
      'two shards',
    );
    await draft('--out', file, '--shard', shard(lead, 3), '--shard', shard(other, 5));
    await expect(draft('--out', file, '--shard', shard(lead, 8))).rejects.toThrow('such a file already');
    expect(await run('show', '--file', file)).toContain('layers 3 to 7: 5 of 8 parts of each fee (has not signed)');
    const signed = await run('sign', '--file', file, '--data-dir', lead.dataDir, '--json');
    expect(JSON.parse(signed)).toEqual({ path: file, shard: 0, missing: 1 });
    expect(await run('sign', '--file', file, '--data-dir', lead.dataDir)).toContain('1 are missing');
    expect(() => openCohorts('x', [readCohortFile('x', file)], own())).toThrow('another key');
    await expect(run('sign', '--file', file, '--data-dir', openMember('stranger').dataDir)).rejects.toThrow(
      'does not name',
    );
    await expect(run('sign', '--file', file, '--data-dir', join(folder, 'nobody'))).rejects.toThrow(
      'no provider has run',
    );
    expect(await run('sign', '--file', file, '--data-dir', other.dataDir)).toContain('everybody has signed');
    const shown = JSON.parse(await run('show', '--file', file, '--json'));
    expect(shown).toMatchObject({
      modelRoot: root,
      shards: [
        { layers: 3, isSigned: true },
        { layers: 5, isSigned: true },
      ],
    });

    const cohorts = openCohorts('x', [readCohortFile('x', file)], own());
    const order = { modelRoot: fromHex(root), expiresAtMs: BigInt(Date.now() + 60_000) };
    expect(cohorts.wordFor(order)).toEqual(new Uint8Array(readFileSync(file)));
    expect(cohorts.wordFor({ ...order, modelRoot: new Uint8Array(32) })).toHaveLength(0);
    expect(cohorts.wordFor({ ...order, expiresAtMs: order.expiresAtMs + 8n * 86_400_000n })).toHaveLength(0);
    expect(() => openCohorts('x', [readCohortFile('x', file)], { ...own(), payee: other.payee })).toThrow('leads');

    // Once it has ended the provider still starts, says so, and takes no order of the model for itself alone.
    expect([cohorts.isOver(order), cohorts.isOver({ ...order, modelRoot: new Uint8Array(32) })]).toEqual([
      false,
      false,
    ]);
    expect(warned).toEqual([]);
    const later = Date.now() + 8 * 86_400_000;
    const ended = openCohorts('x', [readCohortFile('x', file)], { ...own(), nowMs: later });
    expect(warned).toHaveLength(1);
    expect(ended.isOver({ ...order, expiresAtMs: BigInt(later) })).toBe(true);
    expect(warned).toHaveLength(1);
  });

  it('has its signatures void once anything of it is changed', async () => {
    const changed = join(folder, 'changed');
    await draft('--out', changed, '--shard', shard(lead, 3), '--shard', shard(other, 5));
    for (const { dataDir } of [lead, other]) await run('sign', '--file', changed, '--data-dir', dataDir);
    const { terms, signatures } = parseCohortAgreement(new Uint8Array(readFileSync(changed)));
    expect(await run('show', '--file', changed)).not.toContain('has not signed');
    const shards = terms.shards.map((one, i) => ({ ...one, firstLayer: i * 4, layers: 4 }));
    writeFileSync(changed, encodeCohortAgreement({ terms: { ...terms, shards }, signatures }));
    expect((await run('show', '--file', changed)).match(/has not signed/g)).toHaveLength(2);
    writeFileSync(changed, 'something else');
    await expect(run('show', '--file', changed)).rejects.toThrow('holds no cohort');
  });
});
