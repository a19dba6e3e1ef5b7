import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Hex } from '@ogong/chain/hex';
import { type PinOffer, readOpenedPin } from '@ogong/chain/registry/pins';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { countBlocks } from '@ogong/hub/blocks';
import { computePinTree, type PinTree } from '@ogong/hub/pin-tree';
import { type FolderStore, openFolderStore } from '@ogong/hub/store/folder-store';
import { makePinProof } from '@ogong/hub/store/pin-proof';
import { fromHex } from '@ogong/protocol/base/bytes';
import { createStored } from '@ogong/storage/daemon/stored';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { startPlaceServer } from '@ogong/testing/hub/place-server';
import { findOutcome } from '../find-outcome.ts';
import { waitUntil } from '../polling.ts';
import type { PinnedRecord, PinsRecord } from './hub-record.ts';

const FEE_ATOMIC = 3n * 10n ** 15n;
const EPOCHS = 2;
/** The chain skips the rest of an epoch once its proofs are there. */
const EPOCH_BLOCKS = 250;
/** A busy machine has an epoch of so many blocks for a proof. */
const BLOCK_TIME_MS = 200;
/** A proof without the other blocks needs a chance of less than 4^-20. */
const KEPT_SHARE = 0.25;
const POLL_MS = 200;
const PATIENCE_MS = 45_000;

export interface KeepPins {
  readonly directory: string;
  /** Folder of the maker's store. */
  readonly origin: string;
  /** The file's block root, hex, and its size. */
  readonly file: { readonly id: string; readonly sizeBytes: number };
  readonly onProgress: (message: string) => void;
}

/** Pays two storage providers for a file on a chain of its own, whose blocks can be skipped. One of them drops blocks. */
export async function keepPins(options: KeepPins): Promise<PinsRecord> {
  const ledger = await startTestLedger({ pins: true, blockTimeMs: BLOCK_TIME_MS });
  const place = await startPlaceServer(options.origin);
  try {
    return await playEpochs(ledger, place.url, options);
  } finally {
    await place.close();
    await ledger.stop();
  }
}

async function playEpochs(
  ledger: TestLedger,
  place: string,
  { directory, origin, file, onProgress }: KeepPins,
): Promise<PinsRecord> {
  const store = openFolderStore(origin);
  const tree = await computePinTree(store.get(file.id));
  const payer = await ledger.createMember(100n * unit);
  const keepers = await Promise.all(
    ['keeper', 'dropper'].map((name) => startKeeper(ledger, { name, directory: join(directory, name), place, file })),
  );
  const [honest, cheat] = keepers as [Keeper, Keeper];
  try {
    const { client } = payer;
    const before = await readBalance(payer);
    const offer = { place: `hub+${place}`, blob: fromHex(file.id), pinRoot: tree.pinRoot, sizeBytes: file.sizeBytes };
    const pins = {
      honest: await openPin(payer, { ...offer, provider: honest.address }),
      cheat: await openPin(payer, { ...offer, provider: cheat.address }),
    };
    await waitForProof(client, pins.honest, 1);
    await waitForProof(client, pins.cheat, 1);
    onProgress(`${honest.name} and ${cheat.name} are paid for the first epoch; ${cheat.name} drops blocks`);
    const starts = [(await client.pinOf(pins.honest)).start ?? 0n, (await client.pinOf(pins.cheat)).start ?? 0n];
    const begin = starts.reduce((latest, start) => (start > latest ? start : latest));
    const droppedBlocks = await dropBlocks(cheat, file);
    await skipTo(ledger, begin + BigInt(EPOCH_BLOCKS));
    const shown = await proveFirstEpoch(cheat, { store, tree, pin: pins.cheat, id: file.id });
    const outcome = await findOutcome(() => cheat.client.provePin(pins.cheat, 1, shown));
    await waitForProof(client, pins.honest, EPOCHS);
    await skipTo(ledger, begin + BigInt(EPOCHS * EPOCH_BLOCKS + 1));
    const toRecord = async (one: Keeper, pin: bigint): Promise<PinnedRecord> => {
      await waitUntil(async () => (await client.pinCreditOf(one.address)) === 0n, PATIENCE_MS);
      const { proven } = await client.pinOf(pin);
      return { name: one.name, proven, missed: await client.missedEpochsOf(pin), paidAtomic: await readBalance(one) };
    };
    const ends = { honest: await toRecord(honest, pins.honest), cheat: await toRecord(cheat, pins.cheat) };
    const locked = await readBalance(payer);
    await client.returnMissedEpochs(pins.cheat);
    await client.claimPinCredit();
    const after = await readBalance(payer);
    return {
      ...{
        blocks: countBlocks(file.sizeBytes),
        droppedBlocks,
        feeAtomic: FEE_ATOMIC,
        epochs: EPOCHS,
        outcome,
        ...ends,
      },
      ...{ spentAtomic: before - after, returnedAtomic: after - locked },
    };
  } finally {
    await Promise.all(keepers.map((keeper) => keeper.stop()));
  }
}

type LedgerMember = Awaited<ReturnType<TestLedger['createMember']>>;

const readBalance = ({ client, address }: LedgerMember): Promise<bigint> => client.balanceOf(address);

/** @returns the number of the pin. */
async function openPin(
  { client }: LedgerMember,
  offer: Pick<PinOffer, 'provider' | 'place' | 'blob' | 'pinRoot' | 'sizeBytes'>,
): Promise<bigint> {
  const terms = { feePerEpoch: FEE_ATOMIC, epochs: EPOCHS, epochBlocks: EPOCH_BLOCKS };
  return readOpenedPin(await client.openPin({ ...offer, ...terms }));
}

const waitForProof = (client: LedgerMember['client'], pin: bigint, proven: number): Promise<boolean> =>
  waitUntil(async () => (await client.pinOf(pin)).proven >= proven, PATIENCE_MS);

/** Cuts the file in the cheat's store. @returns the number of dropped blocks. */
async function dropBlocks({ store }: Keeper, { id, sizeBytes }: KeepPins['file']): Promise<number> {
  const blocks = countBlocks(sizeBytes);
  const kept = Math.floor(blocks * KEPT_SHARE);
  truncateSync(await store.pathOf(id), kept * BLOCK_BYTES);
  return blocks - kept;
}

interface Keeper extends LedgerMember {
  readonly name: string;
  readonly store: FolderStore;
  stop(): Promise<void>;
}

interface KeeperOptions extends Pick<KeepPins, 'directory' | 'file'> {
  readonly name: string;
  readonly place: string;
}

/** Starts the daemon of a storage provider. */
async function startKeeper(
  ledger: TestLedger,
  { name, directory, place, file: { sizeBytes } }: KeeperOptions,
): Promise<Keeper> {
  const member = await ledger.createMember();
  const terms = { pricePerGib: 1n, leastFee: 1n, maxEpochBlocks: EPOCH_BLOCKS, roomBytes: sizeBytes };
  const stored = createStored(
    {
      ...{ bind: { host: '127.0.0.1', port: 0 }, dataDir: directory, bytesPerSecond: 2 ** 30 },
      ...{ maxConnections: 16, maxConnectionsPerAddress: 16 },
      pins: {
        ...{ account: member.address, chain: member.client, terms, claimLeast: 1n, firstBlock: 0n },
        ...{ places: [place], env: {}, dialPolicy: 'any', pollMs: POLL_MS },
      },
    },
    { crypto, log: createLogger({ name, level: 'silent' }), metrics: createMetrics('stored') },
  );
  await stored.start();
  return { ...member, name, store: openFolderStore(join(directory, 'store')), stop: stored.stop };
}

/** Makes the proof of the first epoch, whose chunks the cheat has shown already. */
async function proveFirstEpoch(
  { client }: Keeper,
  held: { readonly store: FolderStore; readonly tree: PinTree; readonly pin: bigint; readonly id: string },
): Promise<Uint8Array> {
  const { start = 0n } = await client.pinOf(held.pin);
  const seed = fromHex((await client.blockHashOf(start)).slice(2));
  return makePinProof(crypto, held, { seed, pin: held.pin });
}

/** Makes blocks at once until one is reached. */
async function skipTo({ governor }: TestLedger, block: bigint): Promise<void> {
  const missing = block - (await governor.headBlock());
  if (missing <= 0n) return;
  const params = [`0x${missing.toString(16)}` as Hex];
  await governor.transactor.client.request({ method: 'anvil_mine' as never, params: params as never });
}
