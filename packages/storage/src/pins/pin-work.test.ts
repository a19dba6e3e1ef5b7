import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChainError } from '@ogong/chain/errors';
import type { Pin } from '@ogong/chain/registry/pins';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { computePinTree } from '@ogong/hub/pin-tree';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { breakAfter, createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPinMetrics } from './pin-metrics.ts';
import type { PinChain } from './pin-parts.ts';
import { openPinStore } from './pin-store.ts';
import { createPinTrees } from './pin-trees.ts';
import { createPinProver } from './prove-pins.ts';
import { reviewOffers } from './review-offers.ts';

const ACCOUNT = `0x${'11'.repeat(20)}` as const;
const SEED = `0x${'5e'.repeat(32)}` as const;
const blob = createTestBlob(3 * 2 ** 20);
const { signal } = new AbortController();

let directory: TestDirectory;
let pinRoot: `0x${string}`;
beforeAll(async () => {
  directory = createTestDirectory('pin-work');
  pinRoot = `0x${toHex((await computePinTree(blob.stream())).pinRoot)}`;
});
afterAll(() => directory.remove());

/** A chain with one offer, as the contract would answer. */
function createFakeChain(change: Partial<Pin>) {
  const state = { head: 10n, proofs: [] as [epoch: number, bytes: number][], claimed: 0n };
  let pin: Pin = {
    ...{ pin: 0n, payer: ACCOUNT, provider: ACCOUNT, blob: `0x${blob.id}`, pinRoot, sizeBytes: blob.bytes },
    ...{ feePerEpoch: 500n, epochs: 2, epochBlocks: 20, start: undefined, proven: 0, provenUntil: 0, returned: 0 },
    ...change,
  };
  const refused = (): never => {
    throw new ChainError('reverted', 'the contract refused');
  };
  const chain: PinChain = {
    headBlock: async () => state.head,
    blockHashOf: async () => SEED,
    listPins: async (_by, { from = 0n } = {}) => (from === 0n ? [{ pin: 0n, place: 'https://place.example/' }] : []),
    pinOf: async () => pin,
    acceptPin: async () => {
      if (pin.epochs === 0) refused();
      pin = { ...pin, start: state.head + 1n };
      return {} as never;
    },
    provePin: async (_pin, epoch, proof) => {
      state.proofs.push([epoch, proof.length]);
      pin = { ...pin, proven: pin.proven + 1, provenUntil: epoch + 1 };
      return {} as never;
    },
    pinCreditOf: async () => BigInt(pin.proven) * pin.feePerEpoch - state.claimed,
    claimPinCredit: async () => {
      state.claimed = BigInt(pin.proven) * pin.feePerEpoch;
      return {} as never;
    },
  };
  const cancel = (): void => {
    pin = { ...pin, epochs: 0 };
  };
  return { chain, state, pinOf: () => pin, cancel };
}

let number = 0;
function createWork(change: Partial<Pin> = {}, fetch?: (world: ReturnType<typeof createFakeChain>) => Promise<void>) {
  const folder = join(directory.path, String(number++));
  const store = openFolderStore(join(folder, 'store'));
  const world = createFakeChain(change);
  const settings = {
    account: ACCOUNT,
    terms: { pricePerGib: 1n, leastFee: 100n, maxEpochBlocks: 400, roomBytes: 2 ** 30 },
    claimLeast: 1_000n,
  };
  const trees = createPinTrees(join(folder, 'trees'), store, { nowMs: () => 0 });
  const pinStore = openPinStore(join(folder, 'pins.json'), 0n);
  const registered = createMetrics('stored');
  const parts = {
    ...{ crypto, chain: world.chain, store, trees, pinStore },
    log: createLogger({ name: 'test', level: 'silent' }),
    metrics: createPinMetrics(registered),
    readManifest: () => Promise.reject(new Error('no offer names one')),
    fetchBlob: async () => {
      await store.put(blob.stream(), { bytes: blob.bytes });
      await fetch?.(world);
    },
  };
  const review = () => reviewOffers(settings, parts, signal);
  /** Returns a metric without labels. */
  const measure = async (name: string, { registry } = registered) =>
    (await registry.getSingleMetric(`ogong_${name}`)?.get())?.values[0]?.value;
  /** Returns the missed epochs that another start of the daemon shows at once. */
  const measureAgain = () => {
    const fresh = createMetrics('stored');
    createPinProver(settings, { ...parts, metrics: createPinMetrics(fresh) });
    return measure('pin_epochs_missed_total', fresh);
  };
  return { ...world, store, pinStore, review, measure, measureAgain, prover: createPinProver(settings, parts) };
}

describe('the work of a storage provider', () => {
  it('brings the blob, accepts, proves each epoch once, claims, and removes the blob at the end', async () => {
    const { chain, state, store, pinStore, review, prover } = createWork();
    await review();
    expect(pinStore.kept()).toMatchObject([{ pin: 0n, blob: blob.id, isFetched: true }]);
    for (state.head = 10n; state.head < 60n; state.head++) await prover.proveDue(signal);
    expect(state.proofs.map(([epoch]) => epoch)).toEqual([0, 1]);
    expect(state.claimed).toBe(1_000n);
    expect(await chain.pinCreditOf(ACCOUNT)).toBe(0n);
    expect([pinStore.kept(), await store.has(blob.id)]).toEqual([[], false]);
  });

  it('keeps a blob that was there before the pin', async () => {
    const { store, state, review, prover } = createWork();
    await store.put(blob.stream(), { bytes: blob.bytes });
    await review();
    for (state.head = 10n; state.head < 60n; state.head++) await prover.proveDue(signal);
    expect(await store.has(blob.id)).toBe(true);
  });

  it('refuses another pin root, and leaves nothing of it', async () => {
    const { store, pinStore, pinOf, review } = createWork({ pinRoot: SEED });
    await review();
    expect([pinOf().start, pinStore.offers(), pinStore.kept()]).toEqual([undefined, [], []]);
    expect(await store.has(blob.id)).toBe(false);
  });

  it('leaves an offer that is cancelled while its blob is fetched', async () => {
    const { store, pinStore, review } = createWork({}, async ({ cancel }) => cancel());
    await review();
    expect(pinStore.offers()).toHaveLength(1);
    await review();
    expect([pinStore.offers(), await store.has(blob.id)]).toEqual([[], false]);
  });

  it.each([
    ['another pin root', { pinRoot: SEED }],
    ['a low fee', { feePerEpoch: 1n }],
  ])('keeps a blob and its protection that were there before an offer with %s', async (_, change) => {
    const { store, pinStore, review } = createWork(change);
    await store.put(blob.stream(), { bytes: blob.bytes });
    await store.pin(blob.id);
    await review();
    expect([pinStore.offers(), await store.has(blob.id), await store.isPinned(blob.id)]).toEqual([[], true, true]);
  });

  it('leaves an offer and its blocks after three attempts to fetch its blob', async () => {
    let calls = 0;
    const { pinStore, store, review } = createWork({}, async () => {
      calls++;
      await store.remove(blob.id);
      const broken = breakAfter(blob.stream(), 2 ** 21);
      await store.put(broken, { bytes: blob.bytes, id: blob.id, resume: { key: blob.id, from: 0 } });
    });
    for (let i = 0; i < 2; i++) await review();
    expect([pinStore.offers().length, await store.begun(blob.id)]).toEqual([1, 2 ** 21]);
    for (let i = 0; i < 2; i++) await review();
    expect([calls, pinStore.offers(), await store.begun(blob.id)]).toEqual([3, [], 0]);
  });

  it('continues after a crash between the transaction and its record', async () => {
    const { pinStore, review } = createWork({ start: 5n });
    await review();
    expect(pinStore.kept()).toHaveLength(1);
  });

  it('sends no proof of a damaged blob, and shows it until the blob is repaired', async () => {
    const { state, store, review, prover, measure, measureAgain } = createWork({ epochs: 3 });
    await review();
    const path = await store.pathOf(blob.id);
    const content = readFileSync(path);
    truncateSync(path, 5);
    for (state.head = 10n; state.head < 32n; state.head++) await prover.proveDue(signal);
    expect([state.proofs, await measure('damaged_pins'), await measure('pin_epochs_missed_total')]).toEqual([[], 1, 1]);
    writeFileSync(path, content);
    for (; state.head < 60n; state.head++) await prover.proveDue(signal);
    // The second epoch was given up while the blob was damaged, so the third one is proven.
    expect(state.proofs.map(([epoch]) => epoch)).toEqual([2]);
    expect([await measure('damaged_pins'), await measure('pin_epochs_missed_total')]).toEqual([0, 2]);
    expect(await measureAgain()).toBe(2);
  });

  it('continues with other offers and pins after one that the chain does not know', async () => {
    const { chain, state, pinStore, review, prover } = createWork();
    const pinOf = chain.pinOf;
    Object.assign(chain, {
      pinOf: (pin: bigint) => (pin === 9n ? Promise.reject(new ChainError('reverted', 'NoPin')) : pinOf(pin)),
    });
    pinStore.keep({ pin: 9n, blob: 'ab'.repeat(32), sizeBytes: 5, isFetched: true, missed: 0 });
    state.head = 3_000n;
    await review();
    pinStore.addOffers([{ pin: 9n, place: 'https://place.example/' }], 4_000n);
    for (let i = 0; i < 3; i++) await review();
    expect([pinStore.offers(), pinStore.kept().map(({ pin }) => pin)]).toEqual([[], [9n, 0n]]);
    state.head = 3_001n;
    await prover.proveDue(signal);
    expect(state.proofs).toHaveLength(1);
  });
});
