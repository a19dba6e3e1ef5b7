import type { FileHandle } from 'node:fs/promises';
import { openToRead, writePrivateParts } from '@ogong/host/files/private-files';
import { createReader, createWriter, equalBytes } from '@ogong/protocol/base/bytes';
import {
  BLOB_CHUNK_BYTES,
  type BlobChunk,
  type BlobRef,
  countChunks,
  MAX_BLOB_BYTES,
  sizeOfChunk,
} from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createMerkleLevels } from '@ogong/protocol/crypto/merkle-levels';
import { hashBlobInTurns } from '../../modality/hash-blob.ts';
import type { KeptBlob } from '../../modality/order-job.ts';

/** A blob on the disk. It is read chunk by chunk. */
export interface StoredBlob {
  readonly ref: BlobRef;
  /** @throws RangeError if there is no such chunk. */
  read(index: number): Promise<BlobChunk>;
  close(): Promise<void>;
}

const HASH_BYTES = 32;
const HEAD_BYTES = 8;

const findDataOffset = (ref: Pick<BlobRef, 'bytes'>): number => HEAD_BYTES + HASH_BYTES * countChunks(ref);

/** Computes the bytes of a file: the length of the blob, the leaf hashes of its chunks, and the blob. */
export const computeFileBytes = (ref: Pick<BlobRef, 'bytes'>): number => findDataOffset(ref) + ref.bytes;

/**
 * Writes a blob to a new file. On the disk when it resolves.
 * @param blind of the answer. @throws Error if the bytes are not those of the reference.
 */
export async function writeBlobFile(
  crypto: Crypto,
  path: string,
  { ref, bytes, blind }: KeptBlob & { readonly blind: Uint8Array },
): Promise<void> {
  const { ref: actual, leaves } = await hashBlobInTurns(crypto, blind, bytes);
  const isSame = actual.bytes === ref.bytes && equalBytes(actual.root, ref.root);
  if (!isSame) throw new Error('the bytes of a blob are not those of its reference');
  await writePrivateParts(path, [createWriter(HEAD_BYTES).u64(BigInt(ref.bytes)).finish(), ...leaves, bytes]);
}

/** @returns undefined if there is no such file. @throws Error if the file is not the blob of this root. */
export async function openBlobFile(crypto: Crypto, path: string, root: Uint8Array): Promise<StoredBlob | undefined> {
  const file = await openToRead(path);
  if (file === undefined) return undefined;
  try {
    return await readBlobFile(crypto, file, root);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readBlobFile(crypto: Crypto, file: FileHandle, root: Uint8Array): Promise<StoredBlob> {
  const bytes = Number(createReader(await readAt(file, 0, HEAD_BYTES)).u64());
  if (bytes < 1 || bytes > MAX_BLOB_BYTES) throw new Error(`a stored blob claims ${bytes} bytes`);
  const ref = { bytes, root };
  const hashes = await readAt(file, HEAD_BYTES, HASH_BYTES * countChunks(ref));
  const leaves = Array.from({ length: countChunks(ref) }, (_, i) =>
    hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
  const levels = createMerkleLevels(crypto, leaves);
  if (!equalBytes(levels.root, root)) throw new Error('a stored blob has another root than its name');
  return {
    ref,
    async read(index) {
      const proof = levels.prove(index);
      const data = await readAt(file, findDataOffset(ref) + index * BLOB_CHUNK_BYTES, sizeOfChunk(ref, index));
      return { index, data, proof };
    },
    close: () => file.close(),
  };
}

/** @throws Error if the file ends before. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(buffer, at, length - at, position + at);
    if (bytesRead === 0) throw new Error('a stored blob is cut off');
    at += bytesRead;
  }
  return buffer;
}
