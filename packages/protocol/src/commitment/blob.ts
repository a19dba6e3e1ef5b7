import { createWriter, ProtocolError } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { type Codec, hash, safeInteger, struct, within } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { hashLeaf, verifyInclusion } from '../crypto/merkle.ts';
import { createMerkleLevels } from '../crypto/merkle-levels.ts';

/** Bytes of a chunk. The last chunk of a blob may have fewer, and none is empty. */
export const BLOB_CHUNK_BYTES = 65_536;
/** The largest blob: 16,384 chunks. */
export const MAX_BLOB_BYTES = 2 ** 30;
/** The most chunks of one GetBlob call. */
export const MAX_BLOB_CHUNKS = 256;

const DOMAIN = encodeDomain('ogong-blob-chunk-v1');

/**
 * A name of bytes that are too large for a part of an opening, such as a latent (docs/spec/blob.md). It stands in a signed leaf. The
 * bytes travel apart, chunk by chunk.
 */
export interface BlobRef {
  /** 1..MAX_BLOB_BYTES. */
  readonly bytes: number;
  /** Root of the tree over the chunks, 32 bytes. */
  readonly root: Uint8Array;
}

/** Encoding of a reference, 40 bytes. Leaves of pictures name blobs by their roots alone. */
export const blobRefCodec: Codec<BlobRef> = struct({ bytes: within(safeInteger, 1, MAX_BLOB_BYTES), root: hash });

/** One chunk of a blob with its proof. */
export interface BlobChunk {
  readonly index: number;
  readonly data: Uint8Array;
  /** Siblings from the leaf up, 32 bytes each. */
  readonly proof: readonly Uint8Array[];
}

export const countChunks = ({ bytes }: Pick<BlobRef, 'bytes'>): number => Math.ceil(bytes / BLOB_CHUNK_BYTES);

/** Returns the number of bytes of a chunk: full, but for the last one. */
export function sizeOfChunk({ bytes }: Pick<BlobRef, 'bytes'>, index: number): number {
  return Math.min(BLOB_CHUNK_BYTES, bytes - index * BLOB_CHUNK_BYTES);
}

/** Hashes a chunk. Without the blind nobody can test a guess of the content against a root that co-signers see. */
function hashChunk(crypto: Pick<Crypto, 'sha256'>, blind: Uint8Array, index: number, data: Uint8Array): Uint8Array {
  const head = createWriter(DOMAIN.length + 36)
    .bytes(DOMAIN)
    .bytes(blind, 32)
    .u32(index)
    .finish();
  return hashLeaf(crypto, crypto.sha256(head, data));
}

/** A blob of which only hashes are kept: 64 bytes for each chunk. */
export interface CommittedBlob {
  readonly ref: BlobRef;
  /** Leaf hashes, 32 bytes each. With them, proofs need no chunk (createMerkleLevels). */
  readonly leaves: readonly Uint8Array[];
  /** Returns the proof of a chunk. @throws RangeError if there is no such chunk. */
  prove(index: number): Uint8Array[];
}

/** Commits to bytes that arrive in pieces of any size. It copies at most one chunk. */
export interface BlobHasher {
  /** @throws ProtocolError `too-large` above MAX_BLOB_BYTES. */
  push(piece: Uint8Array): void;
  /** @throws ProtocolError `malformed` if no byte has come. */
  finish(): CommittedBlob;
}

/** @param blind of the answer, 32 bytes (blinds.ts). */
export function createBlobHasher(crypto: Pick<Crypto, 'sha256'>, blind: Uint8Array): BlobHasher {
  const leaves: Uint8Array[] = [];
  /** The begun chunk, and how many of its bytes are there. */
  const begun = new Uint8Array(BLOB_CHUNK_BYTES);
  let held = 0;
  let total = 0;
  const add = (data: Uint8Array): void => void leaves.push(hashChunk(crypto, blind, leaves.length, data));
  return {
    push(piece) {
      total += piece.length;
      if (total > MAX_BLOB_BYTES) throw new ProtocolError('too-large', `a blob of more than ${MAX_BLOB_BYTES} bytes`);
      for (let at = 0; at < piece.length; ) {
        if (held === 0 && piece.length - at >= BLOB_CHUNK_BYTES) {
          add(piece.subarray(at, at + BLOB_CHUNK_BYTES));
          at += BLOB_CHUNK_BYTES;
          continue;
        }
        const part = piece.subarray(at, at + BLOB_CHUNK_BYTES - held);
        begun.set(part, held);
        held += part.length;
        at += part.length;
        if (held < BLOB_CHUNK_BYTES) continue;
        add(begun);
        held = 0;
      }
    },
    finish() {
      if (total === 0) throw new ProtocolError('malformed', 'a blob without bytes');
      if (held > 0) add(begun.subarray(0, held));
      held = 0;
      const { root, prove } = createMerkleLevels(crypto, leaves);
      return { ref: { bytes: total, root }, leaves, prove };
    },
  };
}

/** Computes the root of a blob whose bytes are at hand. @throws ProtocolError like a BlobHasher. */
export function computeBlobRoot(crypto: Crypto, blind: Uint8Array, bytes: Uint8Array): Uint8Array {
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(bytes);
  return hasher.finish().ref.root;
}

/**
 * Returns whether a chunk is the one that the reference names. Its size is checked before anything is hashed.
 */
export function verifyChunk(
  crypto: Crypto,
  { ref, blind }: { readonly ref: BlobRef; readonly blind: Uint8Array },
  { index, data, proof }: BlobChunk,
): boolean {
  const size = countChunks(ref);
  if (!Number.isInteger(index) || index < 0 || index >= size) return false;
  if (data.length !== sizeOfChunk(ref, index)) return false;
  return verifyInclusion(crypto, { leaf: hashChunk(crypto, blind, index, data), index, size, proof, root: ref.root });
}
