import type { Client } from '@connectrpc/connect';
import {
  BLOB_CHUNK_BYTES,
  type BlobRef,
  countChunks,
  MAX_BLOB_CHUNKS,
  verifyChunk,
} from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { BlobChunk, ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { LinkError } from '../link/link-error.ts';
import { monotonicClock } from '../time/clock.ts';
import { BlobError } from './blob-error.ts';

export type BlobLink = Pick<Client<typeof ProviderService>, 'getBlob'>;

/** A blob of a reply. */
export interface WantedBlob {
  readonly replyId: Uint8Array;
  readonly ref: BlobRef;
  /** Blind of the answer, from its opening, 32 bytes. */
  readonly blind: Uint8Array;
}

export interface FetchBlobOptions {
  readonly crypto: Crypto;
  /** The largest blob that the reader takes, bytes. */
  readonly maxBytes: number;
  /** Time for all of it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches a blob from its provider, in calls of MAX_BLOB_CHUNKS chunks. Each chunk is checked as it arrives, and the first wrong one
 * ends the call. No memory is taken for a blob before its first chunk is proved.
 * @throws BlobError; LinkError `canceled` if the caller's own signal ends it.
 */
export async function fetchBlob(link: BlobLink, wanted: WantedBlob, options: FetchBlobOptions): Promise<Uint8Array> {
  const { ref } = wanted;
  if (ref.bytes > options.maxBytes) {
    throw new BlobError('too-large', `a blob of ${ref.bytes} bytes, at most ${options.maxBytes} are taken`);
  }
  const endMs = monotonicClock.nowMs() + options.timeoutMs;
  const size = countChunks(ref);
  let bytes: Uint8Array | undefined;
  for (let first = 0; first < size; first += MAX_BLOB_CHUNKS) {
    const range = { first, count: Math.min(MAX_BLOB_CHUNKS, size - first) };
    const timeoutMs = Math.max(1, endMs - monotonicClock.nowMs());
    for await (const { index, data } of readRange(link, { ...wanted, ...range }, { ...options, timeoutMs })) {
      bytes ??= new Uint8Array(ref.bytes);
      bytes.set(data, index * BLOB_CHUNK_BYTES);
    }
  }
  if (bytes === undefined) throw new BlobError('withheld', 'the provider sent no chunk of the blob');
  return bytes;
}

interface WantedRange extends WantedBlob {
  readonly first: number;
  readonly count: number;
}

/** Yields the chunks of one call, checked. @throws BlobError */
async function* readRange(
  link: BlobLink,
  { replyId, ref, blind, first, count }: WantedRange,
  { crypto, timeoutMs, signal }: FetchBlobOptions,
): AsyncGenerator<BlobChunk> {
  let next = first;
  try {
    const call = { timeoutMs, ...(signal && { signal }) };
    for await (const chunk of link.getBlob({ replyId, root: ref.root, first, count }, call)) {
      const isWanted = next < first + count && chunk.index === next && verifyChunk(crypto, { ref, blind }, chunk);
      if (!isWanted) throw new BlobError('wrong-chunk', `chunk ${next} of the blob came wrong`);
      next++;
      yield chunk;
    }
  } catch (cause) {
    if (!(cause instanceof LinkError) || (cause.code === 'canceled' && signal?.aborted)) throw cause;
    const message = `the provider does not send the blob: ${cause.message}`;
    throw new BlobError('withheld', message, { cause, retryable: cause.retryable });
  }
  if (next < first + count) throw new BlobError('withheld', `the provider sent ${next - first} of ${count} chunks`);
}
