import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { computePinTree } from '@ogong/hub/pin-tree';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { createStored } from '@ogong/storage/daemon/stored';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { breakAfter } from '@ogong/testing/hub/blob-bytes';
import { createSafetensors } from '@ogong/testing/hub/hub-model';
import { type PlaceServer, startPlaceServer } from '@ogong/testing/hub/place-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { hubCommand } from '../hub-command.ts';
import { pinsCommand } from './pins-command.ts';

const MODEL = 'acme/small@1.0.0';
const README = '# Small\n';
const weights = createSafetensors(2 ** 20 + 9);

let directory: TestDirectory;
let ledger: TestLedger;
let place: PlaceServer;
/** Changes the bytes of blobs that the place sends. */
let isPoisoned = false;
/** Ends each answer of the place before its first byte. */
let isGone = false;
const at = (...parts: string[]): string => join(directory.path, ...parts);

beforeAll(async () => {
  directory = createTestDirectory('pinned-model');
  ledger = await startTestLedger({ pins: true, delays: { notice: 0 } });
  writeFileSync(at('deployment.json'), JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  mkdirSync(at('small'));
  writeFileSync(at('small', 'model.safetensors'), weights);
  writeFileSync(at('small', 'README.md'), README);
  const maker = await ledger.createMember(2_000n * unit);
  writeFileSync(at('maker.key'), maker.privateKey.slice(2), { mode: 0o600 });
  place = await startPlaceServer(at('maker', 'hub'), {
    change: (path, pieces) =>
      isGone ? breakAfter(pieces, 0) : isPoisoned && path.startsWith('/blobs/') ? flip(pieces) : pieces,
  });
  const signing = ['--licence', 'MIT', '--keypair', at('maker.key'), '--claim', '--place', place.url];
  await run('maker', hubCommand, 'push', MODEL, at('small'), ...signing);
});
afterAll(async () => {
  await place?.close();
  await ledger?.stop();
  directory?.remove();
});

/** @param machine folder of one machine's models. */
async function run(machine: string, command: Command, ...argv: string[]) {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  const where = ['--deployment', at('deployment.json'), '--json'];
  // `collect` reads no model.
  const models = argv[0] === 'collect' ? [] : ['--models-dir', at(machine)];
  expect(await command.run([...argv, ...where, ...models], output)).toBe(EXIT.ok);
  return JSON.parse(written.join(''));
}

async function* flip(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    piece[0] = (piece[0] as number) ^ 1;
    yield piece;
  }
}

it('pins all files of a model by its name, once, and ends them by its name', async () => {
  const payer = await ledger.createMember(10n * unit);
  const provider = await ledger.createMember();
  writeFileSync(at('payer.key'), payer.privateKey.slice(2), { mode: 0o600 });
  const by = ['--keypair', at('payer.key')];
  const terms = ['--budget', '4', '--least', '0.1', '--epochs', '4', '--epoch-blocks', '100'];
  const offer = ['offer-model', MODEL, '--with', provider.address.slice(2), ...terms, ...by];
  const balance = () => payer.client.balanceOf(payer.address);

  const listBlobs = () => place.asked.filter((path) => path.startsWith('/blobs/'));
  const asked = listBlobs();
  const firstPin = await payer.client.pinCount();
  const pin = (index: bigint) => String(firstPin + index);

  const dry = await run('payer', pinsCommand, ...offer, '--dry-run');
  expect(dry.files).toMatchObject([
    { path: 'README.md', state: 'missing', feePerEpoch: `${unit / 10n}` },
    { path: 'model.safetensors', state: 'missing', feePerEpoch: `${(unit * 9n) / 10n}`, fees: `${(unit * 36n) / 10n}` },
  ]);
  expect(listBlobs()).toEqual(asked);
  expect(await balance()).toBe(10n * unit);

  isPoisoned = true;
  await expect(run('payer', pinsCommand, ...offer)).rejects.toMatchObject({ code: 'no-source' });
  isPoisoned = false;
  expect(await payer.client.pinCount()).toBe(firstPin);
  const tooLittle = offer.map((word) => (word === '0.1' ? '0.6' : word));
  await expect(run('payer', pinsCommand, ...tooLittle)).rejects.toThrow('--budget');

  const { files } = await run('payer', pinsCommand, ...offer);
  expect(files).toMatchObject([
    { state: 'opened', pin: pin(0n) },
    { state: 'opened', pin: pin(1n) },
  ]);
  expect(await balance()).toBe(6n * unit);
  const { pinRoot } = await computePinTree(openFolderStore(at('maker', 'hub')).get(files[1].blob));
  expect(await payer.client.pinOf(firstPin + 1n)).toMatchObject({
    pinRoot: `0x${toHex(pinRoot)}`,
    sizeBytes: weights.length,
  });
  const offered = { place: expect.stringMatching(`^hub:[0-9a-f]{64} hub\\+${place.url}$`) };
  expect(await payer.client.listPins({ provider: provider.address })).toMatchObject([offered, offered]);
  const again = await run('payer', pinsCommand, ...offer);
  expect(again).toMatchObject({ transactions: [], files: [{ state: 'running' }, { state: 'running' }] });

  await provider.client.acceptPin(firstPin + 1n);
  const listed = await run('reader', pinsCommand, 'list', MODEL, '--payer', payer.address.slice(2));
  expect(listed.files).toMatchObject([
    { path: 'README.md', sizeBytes: README.length, pins: [{ pin: pin(0n), state: 'offered', payer: payer.address }] },
    { path: 'model.safetensors', pins: [{ state: 'accepted', provider: provider.address, proven: 0, missed: 0 }] },
  ]);
  const { pins } = await run('payer', pinsCommand, 'end', MODEL, ...by);
  expect(pins).toEqual([pin(0n), pin(1n)]);
  // The whole offer, and the last two of four epochs of the accepted pin.
  expect(await run('payer', pinsCommand, 'collect', ...by)).toMatchObject({ amount: `${(unit * 22n) / 10n}` });
  expect(await run('payer', pinsCommand, 'end', MODEL, ...by)).toMatchObject({ pins: [], transactions: [] });
  // The accepted pin runs on for its notice, so the offer that was taken back is missing alone.
  const renewed = await run('payer', pinsCommand, ...offer);
  expect(renewed.files).toMatchObject([{ state: 'opened', pin: pin(2n) }, { state: 'running' }]);
  const stranger = ['list', MODEL, '--payer', provider.address.slice(2)];
  expect((await run('reader', pinsCommand, ...stranger)).files).toMatchObject([{ pins: [] }, { pins: [] }]);
});

it('a provider that is paid for the files serves the model by its name alone', async () => {
  const payer = await ledger.createMember(10n * unit);
  const provider = await ledger.createMember();
  writeFileSync(at('second.key'), payer.privateKey.slice(2), { mode: 0o600 });
  const stored = createStored(
    {
      ...{ bind: { host: '127.0.0.1', port: 0 }, dataDir: at('stored'), bytesPerSecond: 2 ** 30 },
      ...{ maxConnections: 16, maxConnectionsPerAddress: 16 },
      pins: {
        terms: { pricePerGib: 1n, leastFee: 1n, maxEpochBlocks: 250, roomBytes: 2 ** 30 },
        ...{ account: provider.address, chain: provider.client, firstBlock: 0n, claimLeast: unit },
        ...{ places: [place.url], env: {}, dialPolicy: 'any', pollMs: 50 },
      },
    },
    { crypto, log: createLogger({ name: 'test', level: 'silent' }), metrics: createMetrics('stored') },
  );
  await stored.start();
  const terms = ['--with', provider.address.slice(2), '--budget', '4', '--epochs', '4', '--epoch-blocks', '250'];
  await run('second', pinsCommand, 'offer-model', MODEL, ...terms, '--keypair', at('second.key'));
  const listFiles = async () =>
    (await run('reader', pinsCommand, 'list', MODEL, '--payer', payer.address.slice(2))).files;
  const isPaid = (file: { readonly pins: readonly { readonly proven: number }[] }) => file.pins[0]?.proven === 1;
  await vi.waitUntil(async () => (await listFiles()).every(isPaid), { timeout: 60_000, interval: 200 });
  isGone = true;
  const url = `http://127.0.0.1:${stored.address().port}/`;
  const pulled = await run('loner', hubCommand, 'pull', MODEL, '--from', url);
  expect(readFileSync(pulled.path).equals(weights)).toBe(true);
  isGone = false;
  await stored.stop();
});

it('shows the cost before it locks anything, as a table', async () => {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  const terms = [
    '--with',
    '11'.repeat(20),
    '--budget',
    '4',
    '--epochs',
    '4',
    '--keypair',
    at('maker.key'),
    '--dry-run',
  ];
  const where = ['--deployment', at('deployment.json'), '--models-dir', at('maker')];
  expect(await pinsCommand.run(['offer-model', MODEL, ...terms, ...where], output)).toBe(EXIT.ok);
  expect(written.join('')).toMatch(/^README\.md +0\.0 kB +0\.001 OGONG +0\.004 OGONG$/m);
  expect(written.join('')).toMatch(/^all +4 OGONG$/m);
});
