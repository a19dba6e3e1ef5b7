import { setImmediate as turn } from 'node:timers/promises';
import { type CommittedBlob, createBlobHasher } from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/** Bytes that are hashed in one turn of the event loop. */
const TURN_BYTES = 4 * 1024 * 1024;

/** Hashes a blob in turns of the event loop: one of 2^30 bytes takes seconds. @param blind of the answer, 32 bytes. */
export async function hashBlobInTurns(crypto: Crypto, blind: Uint8Array, bytes: Uint8Array): Promise<CommittedBlob> {
  const hasher = createBlobHasher(crypto, blind);
  for (let at = 0; at < bytes.length; at += TURN_BYTES) {
    hasher.push(bytes.subarray(at, at + TURN_BYTES));
    await turn();
  }
  return hasher.finish();
}
