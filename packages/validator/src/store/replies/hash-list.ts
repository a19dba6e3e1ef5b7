import { bytes, type Column, mapped } from '@ogong/host/store/columns';
import { concatBytes } from '@ogong/protocol/base/bytes';

const HASH_BYTES = 32;

/** The 32-byte hashes of a proof, one after another. */
export const hashList: Column<readonly Uint8Array[]> = {
  ...mapped(bytes, splitHashes, (hashes) => concatBytes(...hashes)),
  matches: (value) => value instanceof Uint8Array && value.length % HASH_BYTES === 0,
  expected: 'bytes, 32 a hash',
};

function splitHashes(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) => bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}
