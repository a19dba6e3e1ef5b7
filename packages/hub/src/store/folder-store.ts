import { randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ModelError } from '@ogong/models/model-error';
import { withProcessLock } from '@ogong/models/process-lock';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { abortable } from '../abortable.ts';
import { BLOCK_BYTES } from '../block-size.ts';
import { computeBlockRoot, countBlocks, cutBlocks, encodeBlockList, hashBlock, parseBlockList } from '../blocks.ts';
import {
  assertBlobName,
  assertPutOptions,
  assertRange,
  type BlobId,
  type ByteRange,
  HubBlobError,
  type HubBlobStore,
  type PutOptions,
} from './blob-store.ts';
import { keepEvaluation, readKeptEvaluation } from './evaluation-folder.ts';
import { createFlusher } from './flusher.ts';
import { openUnfinished } from './unfinished.ts';

const READ_BYTES = 1 << 18;
/** Linux can take twice as long for a mebibyte at once, because it looks for as much memory in one piece. */
const WRITE_BYTES = 1 << 18;
const HASH_BYTES = 32;

/** A store in a folder of this machine. */
export interface FolderStore extends HubBlobStore {
  readonly directory: string;
  /** Returns the file of a blob, which nobody may change. @throws HubBlobError `not-found`. */
  pathOf(id: BlobId): Promise<string>;
  isPinned(id: BlobId): Promise<boolean>;
  /** Deletes what unfinished puts have kept and nobody has written to for so long. @returns the number of these puts. */
  removeUnfinished(olderThanMs: number): Promise<number>;
  /** Deletes what the unfinished put of a key has kept. Nobody may continue it meanwhile. */
  discard(key: string): Promise<void>;
}

/**
 * Opens a store. Its folder is a place of the hub (docs/spec/hub.md#places) with `unfinished/<key>.part` and `pins/<id>` beside it.
 * Processes may share it. A file gets its name under `blobs` when it is whole and on the disk, so a crash leaves nothing half there.
 */
export function openFolderStore(directory: string): FolderStore {
  const blobPath = (id: BlobId): string => {
    assertBlobName(id);
    return join(directory, 'blobs', id);
  };
  const listPath = (id: BlobId): string => join(directory, 'lists', id);
  const pinPath = (id: BlobId): string => {
    assertBlobName(id);
    return join(directory, 'pins', id);
  };
  const { partPath, begun, discard, removeUnfinished } = openUnfinished(directory);

  const pathOf = async (id: BlobId): Promise<string> => {
    const path = blobPath(id);
    if (!(await isThere(path))) throw new HubBlobError('not-found', `no blob ${id} in ${directory}`);
    return path;
  };

  async function* get(id: BlobId, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const handle = await open(await pathOf(id));
    try {
      const { size } = await handle.stat();
      const { from, to } = range ?? { from: 0, to: size };
      assertRange({ from, to }, size);
      for (let at = from; at < to; ) {
        if (signal?.aborted) throw new HubBlobError('cancelled', 'the reader ended the call', { cause: signal.reason });
        const piece = await readAt(handle, at, Math.min(READ_BYTES, to - at));
        yield piece;
        at += piece.length;
      }
    } finally {
      await handle.close();
    }
  }

  async function keepList(id: BlobId, list: Uint8Array): Promise<void> {
    await mkdir(dirname(listPath(id)), { recursive: true });
    await replaceFile(listPath(id), list);
  }

  /** Gives a whole file its name. The list goes first, because the blob makes both visible. */
  async function publish(part: string, hashes: readonly Uint8Array[], id: BlobId): Promise<void> {
    const path = blobPath(id);
    await keepList(id, encodeBlockList(hashes));
    await mkdir(dirname(path), { recursive: true });
    // A reader may have the file open under its name, so it is not replaced by an equal one.
    if (await isThere(path)) await rm(part, { force: true });
    else await rename(part, path);
    await syncFolder(dirname(path));
  }

  async function receive(
    stream: AsyncIterable<Uint8Array>,
    { bytes, id, resume, knownHashes, signal }: PutOptions,
  ): Promise<BlobId> {
    if (id !== undefined && (await isThere(blobPath(id)))) return id;
    const part = partPath(resume?.key ?? randomUUID());
    await mkdir(dirname(part), { recursive: true });
    const handle = await open(part, constants.O_RDWR | constants.O_CREAT);
    let isKept = resume !== undefined;
    try {
      const from = resume?.from ?? 0;
      const hashes = await hashKept(handle, from);
      let at = from;
      await handle.truncate(at);
      const flusher = createFlusher(handle);
      for await (const block of cutBlocks(abortable(stream, signal))) {
        if (at + block.length > bytes)
          throw new HubBlobError('too-long', `more than the ${bytes} bytes that were declared`);
        const written = writeAt(handle, block, at);
        hashes.push(knownHashes?.[hashes.length] ?? hashBlock(block));
        await written;
        at += block.length;
        flusher.add(block.length);
      }
      if (at < bytes) throw new HubBlobError('too-short', `the stream ended after ${at} of ${bytes} bytes`);
      const root = toHex(computeBlockRoot(hashes));
      if (id !== undefined && root !== id) throw new HubBlobError('wrong-content', `the content is ${root}, not ${id}`);
      await flusher.end();
      await publish(part, hashes, root);
      isKept = true;
      return root;
    } catch (error) {
      if (error instanceof HubBlobError && (error.code === 'too-long' || error.code === 'wrong-content'))
        isKept = false;
      throw error;
    } finally {
      await handle.close();
      if (!isKept) await rm(part, { force: true });
    }
  }

  return {
    directory,
    pathOf,
    get,
    has: async (id) => isThere(blobPath(id)),

    async put(stream, options) {
      assertPutOptions(options);
      const { resume, signal } = options;
      try {
        if (resume === undefined) return await receive(stream, options);
        const lock = join(directory, 'locks', `${resume.key}.lock`);
        await mkdir(dirname(lock), { recursive: true });
        return await withProcessLock(lock, () => receive(stream, options), signal);
      } catch (error) {
        throw toBlobError(error, signal);
      }
    },

    async listBlocks(id) {
      const path = await pathOf(id);
      const { size: sizeBytes } = await stat(path);
      const list = await readOfSize(listPath(id), HASH_BYTES * countBlocks(sizeBytes));
      try {
        parseBlockList(list, { sizeBytes, blockRoot: fromHex(id) });
        return new Uint8Array(list);
      } catch {
        // A power cut can lose the list. The blob has all that is needed for another one.
        const hashes: Uint8Array[] = [];
        for await (const block of cutBlocks(get(id))) hashes.push(hashBlock(block));
        if (toHex(computeBlockRoot(hashes)) !== id)
          throw new HubBlobError('wrong-content', `${path} is damaged; remove the blob and fetch it again`);
        const fresh = encodeBlockList(hashes);
        await keepList(id, fresh);
        return fresh;
      }
    },

    async pin(id) {
      await pathOf(id);
      await mkdir(dirname(pinPath(id)), { recursive: true });
      await writeFile(pinPath(id), '');
    },

    unpin: async (id) => rm(pinPath(id), { force: true }),

    isPinned: (id) => isThere(pinPath(id)),

    async remove(id) {
      const path = blobPath(id);
      if (await isThere(pinPath(id))) throw new HubBlobError('pinned', `${id} is pinned; unpin it first`);
      const isFound = await isThere(path);
      await rm(path, { force: true });
      await rm(listPath(id), { force: true });
      return isFound;
    },

    putEvaluation: (hash, path, signal) =>
      keepEvaluation(directory, { hash, stream: createReadStream(path, { ...(signal && { signal }) }) }),

    readEvaluation: (hash, signal) => readKeptEvaluation(directory, hash, signal),

    ...{ begun, discard, removeUnfinished },

    async freeBytes() {
      await mkdir(directory, { recursive: true });
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    },
  };
}

/** Returns whether a plain file is there. Another kind, such as a pipe, could stop a reader for good. */
const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

/** Reads a small file; empty if it is missing or has another size. */
async function readOfSize(path: string, sizeBytes: number): Promise<Uint8Array> {
  const found = await stat(path).catch(() => undefined);
  return found?.size === sizeBytes ? readFile(path).catch(() => new Uint8Array()) : new Uint8Array();
}

/** Hashes the blocks before a byte again, because a power cut may have changed them. @throws HubBlobError `wrong-offset`. */
async function hashKept(handle: FileHandle, from: number): Promise<Uint8Array[]> {
  const { size } = await handle.stat();
  if (from > size)
    throw new HubBlobError('wrong-offset', `the put has kept ${size} bytes and cannot go on at byte ${from}`);
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < from; at += BLOCK_BYTES)
    hashes.push(hashBlock(await readAt(handle, at, Math.min(BLOCK_BYTES, from - at))));
  return hashes;
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const piece = new Uint8Array(length);
  for (let held = 0; held < length; ) {
    const { bytesRead } = await handle.read(piece, held, length - held, position + held);
    if (bytesRead === 0) throw new HubBlobError('not-found', 'the file of the blob became shorter');
    held += bytesRead;
  }
  return piece;
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const length = Math.min(WRITE_BYTES, bytes.length - written);
    const { bytesWritten } = await handle.write(bytes, written, length, position + written);
    written += bytesWritten;
  }
}

/** Writes a file under another name first, so its name never has half of it. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, bytes, { flush: true });
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Puts new names on the disk. Some systems cannot do that for a folder. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path).catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function toBlobError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof HubBlobError) return error;
  const isCancelled = signal?.aborted === true || (error instanceof ModelError && error.code === 'cancelled');
  if (isCancelled) return new HubBlobError('cancelled', 'the put was ended; its blocks are kept', { cause: error });
  return (error as NodeJS.ErrnoException).code === 'ENOSPC'
    ? new HubBlobError('no-room', 'no room on the disk; free some space and put again', { cause: error })
    : error;
}
