import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Address, Hex } from '@ogong/chain/hex';
import { readOpenedPin } from '@ogong/chain/registry/pins';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { computePinTree, type PinTree } from '@ogong/hub/pin-tree';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createStored } from './stored.ts';

const PROGRAM = findProgram(new URL('../bin/ogong-stored.ts', import.meta.url));
const FEE = 3n * 10n ** 15n;
const EPOCHS = 3;
/** As long as the window, so a busy machine has time for a proof. The test jumps to the next epoch. */
const EPOCH_BLOCKS = 250;
const WAIT = { timeout: 60_000, interval: 100 };

const blob = createTestBlob(3 * 2 ** 20 + 77);
let ledger: TestLedger;
let directory: TestDirectory;
let tree: PinTree;
let payer: Awaited<ReturnType<TestLedger['createMember']>>;
beforeAll(async () => {
  ledger = await startTestLedger({ pins: true });
  directory = createTestDirectory('stored');
  writeFileSync(join(directory.path, 'deployment.json'), JSON.stringify(ledger.deployment));
  tree = await computePinTree(blob.stream());
  payer = await ledger.createMember(100n * unit);
});
afterAll(async () => {
  await ledger?.stop();
  directory?.remove();
});

const quiet = () => ({
  crypto,
  log: createLogger({ name: 'test', level: 'silent' }),
  metrics: createMetrics('stored'),
});
const shared = {
  bind: { host: '127.0.0.1', port: 0 },
  ...{ maxConnections: 16, maxConnectionsPerAddress: 16, bytesPerSecond: 2 ** 30 },
};

/** A place that has the blob, and no pins. */
async function startPlace() {
  const dataDir = join(directory.path, 'place');
  await openFolderStore(join(dataDir, 'store')).put(blob.stream(), { bytes: blob.bytes });
  const place = createStored({ ...shared, dataDir }, quiet());
  await place.start();
  return { url: `http://127.0.0.1:${place.address().port}/`, stop: place.stop };
}

interface Program {
  readonly account: Address;
  stop(): Promise<number>;
}

/** Starts the daemon as a process, and waits until it serves. */
async function startProgram(dataDir: string, place: string): Promise<Program> {
  const pins = ['--pin-price', '1', '--pin-least', '1', '--claim-least', '1', '--pin-place', place, '--poll', '200ms'];
  const chain = ['--deployment', join(directory.path, 'deployment.json'), '--rpc-url', ledger.chain.rpcUrl];
  const flags = ['--data-dir', dataDir, '--bind', '127.0.0.1:0', '--log-level', 'warn', ...chain, ...pins];
  const child: ChildProcess = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string];
  return {
    account: (JSON.parse(line) as { account: Address }).account,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      return (await ended)[0] as number;
    },
  };
}

const openPin = async (provider: Address, place: string): Promise<bigint> =>
  readOpenedPin(
    await payer.client.openPin({
      ...{ provider, place, blob: blob.root, pinRoot: tree.pinRoot, sizeBytes: blob.bytes },
      ...{ feePerEpoch: FEE, epochs: EPOCHS, epochBlocks: EPOCH_BLOCKS },
    }),
  );

const waitForStart = async (pin: bigint): Promise<bigint> =>
  vi.waitUntil(async () => (await payer.client.pinOf(pin)).start ?? false, WAIT);

/** Makes blocks at once until one is reached. */
async function jumpTo(block: bigint): Promise<void> {
  const missing = block - (await payer.client.headBlock());
  if (missing <= 0n) return;
  const params = [`0x${missing.toString(16)}` as Hex];
  await payer.client.transactor.client.request({ method: 'anvil_mine' as never, params: params as never });
}

it('a provider that has the blob is paid for each epoch, also after a restart', async () => {
  const dataDir = join(directory.path, 'honest');
  mkdirSync(dataDir, { mode: 0o700 });
  createOrLoadKeys(dataDir);
  const place = await startPlace();
  let program = await startProgram(dataDir, place.url);
  await ledger.chain.setBalance(program.account, unit);
  const pin = await openPin(program.account, `hub+${place.url}`);
  const start = await waitForStart(pin);
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    await jumpTo(start + BigInt(epoch * EPOCH_BLOCKS));
    await vi.waitUntil(async () => (await payer.client.pinOf(pin)).proven === epoch + 1, WAIT);
    if (epoch > 0) continue;
    expect(await program.stop()).toBe(0);
    program = await startProgram(dataDir, place.url);
  }
  const paid = FEE * BigInt(EPOCHS);
  await vi.waitUntil(async () => (await payer.client.balanceOf(program.account)) === paid, WAIT);
  expect(await payer.client.missedEpochsOf(pin)).toBe(0);
  const store = openFolderStore(join(dataDir, 'store'));
  // The pin is over, and the blob came for it alone.
  await vi.waitUntil(async () => !(await store.has(blob.id)), WAIT);
  expect(await program.stop()).toBe(0);
  await place.stop();
});

it('a provider that drops blocks is not paid, and the payer gets the fees back', async () => {
  const { client, address } = await ledger.createMember();
  const dataDir = join(directory.path, 'cheat');
  const store = openFolderStore(join(dataDir, 'store'));
  await store.put(blob.stream(), { bytes: blob.bytes });
  const parts = quiet();
  const terms = { pricePerGib: 1n, leastFee: 1n, maxEpochBlocks: EPOCH_BLOCKS, roomBytes: blob.bytes };
  const chain = { account: address, chain: client, firstBlock: 0n, places: [], env: {}, pollMs: 100 };
  const pins = { ...chain, dialPolicy: 'any' as const, terms, claimLeast: 1n };
  const stored = createStored({ ...shared, dataDir, pins }, parts);
  await stored.start();
  const pin = await openPin(address, 'https://place.invalid/');
  const start = await waitForStart(pin);
  // One of four blocks is left: a proof without the others needs a chance of 4^-20.
  truncateSync(await store.pathOf(blob.id), 2 ** 20);
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    await jumpTo(start + BigInt(epoch * EPOCH_BLOCKS));
    await vi.waitUntil(async () => {
      const { values } = (await parts.metrics.registry.getSingleMetric('ogong_pin_proofs_total')?.get()) ?? {
        values: [],
      };
      return values.some(({ labels, value }) => labels.outcome === 'damaged' && value > epoch);
    }, WAIT);
  }
  // Other bytes do not pass either.
  await expect(client.provePin(pin, EPOCHS - 1, new Uint8Array(40_000))).rejects.toThrow('BadProof');
  await jumpTo(start + BigInt(EPOCHS * EPOCH_BLOCKS + 1));
  expect(await payer.client.missedEpochsOf(pin)).toBe(EPOCHS);
  // The provider counts as the contract does.
  const counted = () => parts.metrics.registry.getSingleMetric('ogong_pin_epochs_missed_total')?.get();
  await vi.waitUntil(async () => (await counted())?.values[0]?.value === EPOCHS, WAIT);
  const before = await payer.client.balanceOf(payer.address);
  await payer.client.returnMissedEpochs(pin);
  await payer.client.claimPinCredit();
  expect((await payer.client.balanceOf(payer.address)) - before).toBe(FEE * BigInt(EPOCHS));
  expect(await payer.client.balanceOf(address)).toBe(0n);
  await stored.stop();
});
