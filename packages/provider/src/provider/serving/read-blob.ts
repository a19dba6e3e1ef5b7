import { RateLimited, Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { toHex } from '@ogong/protocol/base/bytes';
import { type BlobChunk, countChunks, MAX_BLOB_CHUNKS } from '@ogong/protocol/commitment/blob';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type { GetBlobRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { BlobStore } from './blob-store.ts';
import { findReadable, type OpeningState } from './read-opening.ts';

export interface BlobState extends OpeningState {
  readonly blobs: Pick<BlobStore, 'open' | 'isOrderer'>;
}

type AskedChunks = Pick<GetBlobRequest, 'replyId' | 'root' | 'first' | 'count'>;

const ROOT_BYTES = 32;
/** Calls of one peer at a time. Each has a file open. A gateway checks many replies at once, one blob of each at a time. */
export const MAX_CALLS_PER_PEER = 64;

/**
 * Creates the reader of blobs. A blob is for the callers that may have the opening which names it, and for the orderer of a sealed reply.
 * The orderer has the root from the sealed opening. A carrier of the reply does not know it. All refusals but that of too many calls are
 * the same, so nobody else learns that there is such a reply.
 */
export function createBlobReader(state: BlobState) {
  const running = new Map<string, number>();
  return async function* readBlob(asked: AskedChunks, caller: PeerId): AsyncGenerator<BlobChunk> {
    assertInBounds(asked);
    const name = toHex(caller);
    const calls = running.get(name) ?? 0;
    if (calls >= MAX_CALLS_PER_PEER) throw new RateLimited('too many blobs at once');
    running.set(name, calls + 1);
    try {
      yield* readChunks(state, asked, caller);
    } finally {
      const left = (running.get(name) ?? 1) - 1;
      if (left > 0) running.set(name, left);
      else running.delete(name);
    }
  };
}

const createNotFound = (): Refusal => new Refusal('not-found', 'no blob of this reply for you');

function assertInBounds({ replyId, root, first, count }: AskedChunks): void {
  const isIdValid = replyId.length === REPLY_ID_BYTES && root.length === ROOT_BYTES;
  const isRangeValid = Number.isInteger(first) && first >= 0 && count >= 1 && count <= MAX_BLOB_CHUNKS;
  if (!isIdValid || !isRangeValid) throw createNotFound();
}

/** Reads one chunk at a time, when the caller has taken the one before. */
async function* readChunks(
  state: BlobState,
  { replyId, root, first, count }: AskedChunks,
  caller: PeerId,
): AsyncGenerator<BlobChunk> {
  const mayRead = state.blobs.isOrderer(replyId, caller) || (await findReadable(state, replyId, caller)) !== undefined;
  if (!mayRead) throw createNotFound();
  const blob = await state.blobs.open(replyId, root);
  if (blob === undefined) throw createNotFound();
  try {
    if (first + count > countChunks(blob.ref)) throw createNotFound();
    for (let index = first; index < first + count; index++) yield await blob.read(index);
  } finally {
    await blob.close();
  }
}
