import { toHex } from '@ogong/protocol/base/bytes';
import { BLOB_CHUNK_BYTES, countChunks, createBlobHasher } from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/** Byte i of each blob is (31 i + floor(i / 256)) mod 256. */
const fill = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8)) & 255);

/** Creates blobs around the size of a chunk, with the proof of each chunk. */
export function createBlobVectors(crypto: Crypto) {
  const blind = new Uint8Array(32).fill(7);
  const sizes = [1, BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES + 1, 5 * BLOB_CHUNK_BYTES + 9];
  const blobs = sizes.map((bytes) => {
    const hasher = createBlobHasher(crypto, blind);
    hasher.push(fill(bytes));
    const { ref, prove } = hasher.finish();
    const proofs = Array.from({ length: countChunks(ref) }, (_, index) => prove(index).map((node) => toHex(node)));
    return { blind: toHex(blind), bytes, root: toHex(ref.root), proofs };
  });
  return { blobs };
}
