import { createHash } from 'node:crypto';
import { createReadStream, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { waitOutTick } from '@ogong/models/file-hashes';
import { type FileStamp, formatStamp, isSameStamp, readFileStamp } from '@ogong/models/file-stamp';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_FILE_BYTES } from '../block-size.ts';
import { computeBlockRoot, cutBlocks, hashBlock } from '../blocks.ts';
import { checkContent, checkExternalFiles } from '../content/check-content.ts';
import { ContentError } from '../content/content-error.ts';
import { type FileFormat, hasNameOf, isFilePath } from '../file-format.ts';
import type { ManifestFile } from '../manifest.ts';
import { HubBlobError, type HubBlobStore } from '../store/blob-store.ts';
import { assertFree } from './free-room.ts';
import type { KnownFile, KnownFiles } from './known-files.ts';
import { createProgressMeter, type ProgressMeter, type TransferProgress } from './progress.ts';
import { TransferError } from './transfer-error.ts';

/** A file that a maker pushes. */
export interface PushedFile {
  /** Relative to the folder, with slashes; the path in the manifest. */
  readonly path: string;
  readonly format: FileFormat;
  /** Whether the file counts in the model root. */
  readonly isWeight: boolean;
}

export interface PushOptions {
  /** The folder of the model on this machine. */
  readonly folder: string;
  readonly files: readonly PushedFile[];
  readonly store: Pick<HubBlobStore, 'put' | 'begun' | 'has' | 'freeBytes'>;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hashes of earlier pushes. A known file that the store has is not read. */
  readonly known?: KnownFiles | undefined;
  /** A clock that never goes back, ms. */
  readonly now?: (() => number) | undefined;
}

/**
 * Puts the files of a model into a store. Each file is read once: its hashes are computed while it is written. A push that ends early
 * continues from its blocks when it is called again and the file has not changed.
 * @returns the files for a manifest, ascending by path.
 * @throws TransferError, HubBlobError
 */
export async function pushFiles({
  folder,
  files,
  store,
  onProgress,
  signal,
  known,
  now = () => performance.now(),
}: PushOptions): Promise<ManifestFile[]> {
  const found = files.map((file) => ({ file, place: join(folder, file.path), sizeBytes: measureFile(folder, file) }));
  const external = new Map<string, readonly string[]>();
  const pushed: ManifestFile[] = [];
  const meter = createProgressMeter(
    found.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    now,
  );
  await assertRoom(found, { store, known });
  try {
    for (const { file, place } of found) external.set(file.path, await checkContent(file, place));
    for (const { file, place, sizeBytes } of found)
      pushed.push({
        ...file,
        ...(await pushFile(place, { path: file.path, sizeBytes, store, meter, onProgress, signal, known })),
      });
    checkExternalFiles(pushed, external);
  } catch (error) {
    if (error instanceof ContentError) throw new TransferError('bad-content', error.message, { cause: error });
    if (error instanceof HubBlobError && error.code === 'cancelled')
      throw new TransferError('cancelled', 'the push was ended; its blocks are kept', { cause: error });
    throw error;
  }
  return pushed.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** @throws TransferError `no-room` before anything is written. */
async function assertRoom(
  found: readonly { readonly place: string; readonly sizeBytes: number }[],
  { store, known }: Pick<PushOptions, 'store' | 'known'>,
): Promise<void> {
  let neededBytes = 0;
  for (const { place, sizeBytes } of found) {
    const key = computeKey(readFileStamp(place));
    const earlier = await known?.find(key);
    if (earlier !== undefined && (await store.has(toHex(earlier.blockRoot)))) continue;
    neededBytes += sizeBytes - (await store.begun(key));
  }
  assertFree(neededBytes, await store.freeBytes());
}

/** @returns bytes of a plain file. @throws TransferError `bad-content`. */
function measureFile(folder: string, { path, format }: PushedFile): number {
  if (!isFilePath(path) || !hasNameOf(format, path))
    throw new TransferError('bad-content', `"${path}" is no name of a file in ${format}`);
  const stats = lstatSync(join(folder, path), { throwIfNoEntry: false });
  if (stats?.isFile() !== true) throw new TransferError('bad-content', `${join(folder, path)} is no plain file`);
  if (stats.size < 1 || stats.size > MAX_FILE_BYTES)
    throw new TransferError(
      'bad-content',
      `${join(folder, path)} has ${stats.size} bytes; it has 1 to ${MAX_FILE_BYTES}`,
    );
  return stats.size;
}

interface PushTask extends Pick<PushOptions, 'store' | 'onProgress' | 'signal' | 'known'> {
  readonly path: string;
  readonly sizeBytes: number;
  readonly meter: ProgressMeter;
}

async function pushFile(
  place: string,
  { path, sizeBytes, store, meter, onProgress, signal, known }: PushTask,
): Promise<KnownFile> {
  const stamp = readFileStamp(place);
  const key = computeKey(stamp);
  const earlier = await known?.find(key);
  if (earlier !== undefined && (await store.has(toHex(earlier.blockRoot)))) {
    meter.skip(sizeBytes);
    return earlier;
  }
  await waitOutTick(stamp);
  const from = await store.begun(key);
  meter.skip(from);
  const whole = createHash('sha256');
  const hashes: Uint8Array[] = [];
  /** Reads the whole file for its hashes, and passes on what the store does not have. */
  const read = async function* (): AsyncGenerator<Uint8Array> {
    let at = 0;
    for await (const block of cutBlocks(createReadStream(place, { highWaterMark: 1 << 20 }))) {
      whole.update(block);
      hashes.push(hashBlock(block));
      at += block.length;
      if (at <= from) continue;
      yield block;
      onProgress?.(meter.add(path, block.length));
    }
  };
  const id = await store.put(read(), { bytes: sizeBytes, resume: { key, from }, knownHashes: hashes, signal });
  const blockRoot = computeBlockRoot(hashes);
  if (!isSameStamp(stamp, readFileStamp(place)))
    throw new TransferError('changed', `${place} changed while it was pushed; try again once nobody writes to it`);
  if (id !== toHex(blockRoot))
    throw new TransferError('changed', `the store has ${id} in place of ${place}, ${toHex(blockRoot)}; try again`);
  const file = { sizeBytes, blockRoot, sha256: new Uint8Array(whole.digest()) };
  await known?.keep(key, file);
  return file;
}

/** Names the unfinished put of a file as it is now. */
const computeKey = (stamp: FileStamp): string =>
  createHash('sha256')
    .update(`ogong-hub-push\n${formatStamp(stamp)}`)
    .digest('hex');
