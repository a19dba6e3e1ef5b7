import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pinsCommand } from './pins-command.ts';

const blob = createTestBlob(2 ** 20 + 9);
let ledger: TestLedger;
let directory: TestDirectory;
beforeAll(async () => {
  ledger = await startTestLedger({ pins: true });
  directory = createTestDirectory('pins-command');
  const deployment = { ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl };
  writeFileSync(join(directory.path, 'deployment.json'), JSON.stringify(deployment));
  writeFileSync(join(directory.path, 'weights.gguf'), Buffer.concat([blob.block(0), blob.block(1)]));
});
afterAll(async () => {
  await ledger?.stop();
  directory?.remove();
});

async function run(command: Command, ...argv: string[]): Promise<Record<string, unknown>> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  const where = ['--deployment', join(directory.path, 'deployment.json'), '--json'];
  expect(await command.run([...argv, ...where], output)).toBe(EXIT.ok);
  return JSON.parse(written.join('')) as Record<string, unknown>;
}

it('ogong pins offers a file, shows it, takes it back, and collects the fees', async () => {
  const payer = await ledger.createMember(10n * unit);
  const provider = await ledger.createMember();
  const keypair = join(directory.path, 'payer.key');
  writeFileSync(keypair, payer.privateKey.slice(2), { mode: 0o600 });
  const by = ['--keypair', keypair];
  const offer = ['offer', join(directory.path, 'weights.gguf'), '--with', provider.address.slice(2), '--fee', '0.5'];
  const terms = ['--epochs', '4', '--epoch-blocks', '100', '--place', 'https://mirror.example/'];
  const dry = await run(pinsCommand, ...offer, ...terms, ...by, '--dry-run');
  expect(dry).toMatchObject({ dryRun: true, blob: blob.id });
  expect(await payer.client.balanceOf(payer.address)).toBe(10n * unit);
  for (const pin of ['0', '1']) expect(await run(pinsCommand, ...offer, ...terms, ...by)).toMatchObject({ pin });
  await provider.client.acceptPin(1n);
  const { pins } = await run(pinsCommand, 'list', '--payer', payer.address.slice(2));
  expect(pins).toMatchObject([
    { pin: '0', state: 'offered', blob: `0x${blob.id}`, sizeBytes: blob.bytes, start: null },
    { pin: '1', state: 'accepted', provider: provider.address, feePerEpoch: `${unit / 2n}`, proven: 0 },
  ]);
  await run(pinsCommand, 'end', '--pin', '0', ...by);
  await run(pinsCommand, 'end', '--pin', '1', ...by);
  // Four epochs of the offer, and the last two of the pin that ends with one epoch of notice.
  expect(await run(pinsCommand, 'collect', ...by)).toMatchObject({ amount: `${3n * unit}` });
  expect(await payer.client.balanceOf(payer.address)).toBe(9n * unit);
  const stranger = join(directory.path, 'provider.key');
  writeFileSync(stranger, provider.privateKey.slice(2), { mode: 0o600 });
  await expect(run(pinsCommand, 'end', '--pin', '1', '--keypair', stranger)).rejects.toThrow('--pin');
});
