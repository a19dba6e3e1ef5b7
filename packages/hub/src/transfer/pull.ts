import { createHash } from 'node:crypto';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { BLOCK_BYTES } from '../block-size.ts';
import { assertHead, checkContent, checkExternalFiles } from '../content/check-content.ts';
import { ContentError } from '../content/content-error.ts';
import type { HubManifest, ManifestFile } from '../manifest.ts';
import { type RegistryFacts, type SignedManifest, verifySignedManifest } from '../signed-manifest.ts';
import { HubBlobError } from '../store/blob-store.ts';
import type { FolderStore } from '../store/folder-store.ts';
import type { BlockSource } from './block-source.ts';
import { type FetchLimits, fetchBlocks } from './fetch-blocks.ts';
import { fetchBlockList } from './fetch-list.ts';
import { createFileDigest } from './file-digest.ts';
import { assertFree } from './free-room.ts';
import { createProgressMeter, type ProgressMeter, type TransferProgress } from './progress.ts';
import { createSourcePool, type DroppedSource, type SourcePool } from './source-pool.ts';
import { TransferError } from './transfer-error.ts';

export type PullEvent =
  | ({ readonly kind: 'progress' } & TransferProgress)
  /** A source is asked no more, for the reason. */
  | ({ readonly kind: 'source-dropped' } & DroppedSource)
  /** A file is here, and its blocks are those of the manifest. */
  | { readonly kind: 'file'; readonly path: string };

export interface PullLimits extends FetchLimits {
  /** Failures of a source in a row after which it is dropped. */
  readonly maxFailures: number;
  /** First pause after a failure; it doubles. */
  readonly pauseMs: number;
}

export const PULL_LIMITS: PullLimits = {
  ...{ windowBlocks: 32, runBlocks: 8, requests: 2 },
  ...{ idleMs: 60_000, slowMs: 5_000, maxFailures: 6, pauseMs: 500 },
};

export interface PullFilesOptions {
  readonly sources: readonly BlockSource[];
  readonly store: FolderStore;
  readonly onEvent?: ((event: PullEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly limits?: Partial<PullLimits> | undefined;
  /** A clock that never goes back, ms. */
  readonly now?: (() => number) | undefined;
}

export interface PullModelOptions extends PullFilesOptions {
  readonly signed: SignedManifest;
  /** Facts of the registry, which decide whether the manifest is believed. */
  readonly facts: RegistryFacts;
}

export interface PulledModel {
  /** 32 bytes, computed from the content that is here. */
  readonly modelRoot: Uint8Array;
  /** Places of the files by their paths in the manifest. */
  readonly places: ReadonlyMap<string, string>;
}

/**
 * Brings all files of a signed manifest into a store. Every block is checked when it arrives. A pull that ends early continues from its
 * blocks when it is called again.
 * @throws TransferError, HubBlobError
 */
export async function pullModel(crypto: Crypto, options: PullModelOptions): Promise<PulledModel> {
  const { signed, facts } = options;
  const { manifest } = signed;
  const { ok, checks } = verifySignedManifest(crypto, signed, facts);
  const failed = checks.find(({ status }) => status === 'fail');
  if (!ok)
    throw new TransferError('bad-manifest', `the manifest is refused: ${failed?.detail ?? 'nothing was checked'}`);
  await pullFiles(manifest.files, options);
  try {
    return { modelRoot: manifest.modelRoot, places: await checkFiles(manifest, options.store) };
  } catch (error) {
    throw toTransferError(error);
  }
}

/**
 * Brings some files of a manifest into a store. The caller has verified the manifest.
 * @throws TransferError, HubBlobError
 */
export async function pullFiles(
  chosen: readonly ManifestFile[],
  { sources, store, onEvent, signal, limits: given, now = () => performance.now() }: PullFilesOptions,
): Promise<void> {
  const limits = { ...PULL_LIMITS, ...given };
  const pool = createSourcePool(sources, {
    ...{ maxFailures: limits.maxFailures, pauseMs: limits.pauseMs },
    onDropped: (dropped) => onEvent?.({ kind: 'source-dropped', ...dropped }),
  });
  const meter = createProgressMeter(sumBytes(chosen), now);
  await assertRoom(chosen, store);
  // Small files come first, so a wrong one is noticed before gigabytes are fetched.
  const files = chosen.toSorted((a, b) => a.sizeBytes - b.sizeBytes);
  const task = { pool, limits, store, meter, onEvent, signal };
  try {
    for (const file of files) {
      await pullFile(file, task);
      onEvent?.({ kind: 'file', path: file.path });
    }
  } catch (error) {
    throw toTransferError(error);
  }
}

const sumBytes = (files: readonly ManifestFile[]): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/** @throws TransferError `no-room` before anything is fetched. */
async function assertRoom(files: readonly ManifestFile[], store: FolderStore): Promise<void> {
  const needed = new Map<string, number>();
  for (const { blockRoot, sizeBytes } of files) {
    const id = toHex(blockRoot);
    if (!(await store.has(id))) needed.set(id, sizeBytes - (await store.begun(id)));
  }
  const neededBytes = [...needed.values()].reduce((sum, bytes) => sum + bytes, 0);
  assertFree(neededBytes, await store.freeBytes());
}

interface PullTask {
  readonly pool: SourcePool;
  readonly limits: PullLimits;
  readonly store: FolderStore;
  readonly meter: ProgressMeter;
  readonly onEvent: ((event: PullEvent) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Brings one file and checks its SHA-256. The hash is computed on the way, or by a reading if a part was here before. */
async function pullFile(file: ManifestFile, task: PullTask): Promise<void> {
  const { path, sizeBytes, blockRoot, sha256 } = file;
  const { store, pool, limits, meter, signal } = task;
  const id = toHex(blockRoot);
  const wasHere = await store.has(id);
  let hashed: Uint8Array | undefined;
  if (wasHere) meter.skip(sizeBytes);
  else {
    const hashes = await fetchBlockList(file, { pool, timeoutMs: limits.idleMs, signal });
    const from = await store.begun(id);
    hashed = await receiveFile(file, { ...task, hashes, from }).catch((error: unknown) => {
      // Each new block was checked, so the disk changed what an earlier pull had kept. All blocks are fetched again.
      if (from === 0 || !(error instanceof HubBlobError && error.code === 'wrong-content')) throw error;
      meter.skip(-sizeBytes);
      return receiveFile(file, { ...task, hashes, from: 0 });
    });
  }
  hashed ??= await hashBlob(store, id, signal);
  if (equalBytes(hashed, sha256)) return;
  if (!wasHere) await store.remove(id);
  throw new TransferError(
    'wrong-hash',
    `${path} has SHA-256 ${toHex(hashed)}, the manifest names ${toHex(sha256)}; the maker signed another file than its blocks`,
  );
}

interface ReceiveTask extends PullTask {
  readonly hashes: readonly Uint8Array[];
  /** The first byte that is fetched. */
  readonly from: number;
}

/** @returns the SHA-256 of the file if all of it passed here. */
async function receiveFile(
  file: ManifestFile,
  { pool, limits, store, meter, onEvent, signal, hashes, from }: ReceiveTask,
): Promise<Uint8Array | undefined> {
  const id = toHex(file.blockRoot);
  const first = from / BLOCK_BYTES;
  // The hash of a part is of no use.
  const hash = first === 0 ? createFileDigest(file.sizeBytes) : undefined;
  meter.skip(from);
  const watch = async function* (): AsyncGenerator<Uint8Array> {
    let index = first;
    for await (const block of fetchBlocks({ file, hashes, first, pool, limits, signal })) {
      if (index === 0) assertHead(file, block);
      const hashed = hash?.update(block);
      yield block;
      await hashed;
      index++;
      onEvent?.({ kind: 'progress', ...meter.add(file.path, block.length) });
    }
  };
  try {
    await store.put(watch(), { bytes: file.sizeBytes, id, resume: { key: id, from }, knownHashes: hashes, signal });
    return await hash?.digest();
  } finally {
    await hash?.close();
  }
}

async function hashBlob(store: FolderStore, id: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of store.get(id, undefined, signal)) hash.update(piece);
  return new Uint8Array(hash.digest());
}

/** Checks the content of whole files. @returns the places of the files. @throws ContentError */
async function checkFiles({ files }: HubManifest, store: FolderStore): Promise<ReadonlyMap<string, string>> {
  const places = new Map<string, string>();
  const external = new Map<string, readonly string[]>();
  for (const file of files) {
    const place = await store.pathOf(toHex(file.blockRoot));
    external.set(file.path, await checkContent(file, place));
    places.set(file.path, place);
  }
  checkExternalFiles(files, external);
  return places;
}

function toTransferError(error: unknown): unknown {
  if (error instanceof ContentError)
    return new TransferError('bad-content', `${error.message}; do not use this model`, { cause: error });
  if (!(error instanceof HubBlobError)) return error;
  if (error.code === 'cancelled')
    return new TransferError('cancelled', 'the pull was ended; its blocks are kept', { cause: error });
  return error.code === 'no-room' ? new TransferError('no-room', error.message, { cause: error }) : error;
}
