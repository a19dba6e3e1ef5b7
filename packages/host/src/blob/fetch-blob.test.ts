import { create } from '@bufbuild/protobuf';
import { BLOB_CHUNK_BYTES, countChunks, createBlobHasher, MAX_BLOB_CHUNKS } from '@ogong/protocol/commitment/blob';
import { type BlobChunk, BlobChunkSchema, type GetBlobRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../crypto/node-crypto.ts';
import { LinkError } from '../link/link-error.ts';
import { type BlobLink, type FetchBlobOptions, fetchBlob } from './fetch-blob.ts';

const blind = new Uint8Array(32).fill(7);
const replyId = new Uint8Array(16).fill(1);
const bytes = Uint8Array.from({ length: 3 * BLOB_CHUNK_BYTES + 5 }, (_, i) => (i * 31) & 255);
const options = { crypto, maxBytes: 1e9, timeoutMs: 10_000 };

function commit(blob: Uint8Array) {
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(blob);
  const { ref, prove } = hasher.finish();
  const chunkAt = (index: number): BlobChunk =>
    create(BlobChunkSchema, {
      index,
      data: blob.subarray(index * BLOB_CHUNK_BYTES, (index + 1) * BLOB_CHUNK_BYTES),
      proof: prove(index),
    });
  return { ref, chunkAt };
}

const { ref, chunkAt } = commit(bytes);
type Asked = Pick<GetBlobRequest, 'first' | 'count'>;
type Answer = (asked: Asked) => Iterable<BlobChunk> | AsyncIterable<BlobChunk>;

const answerHonestly: Answer = function* ({ first, count }) {
  for (let index = first; index < first + count; index++) yield chunkAt(index);
};

const createLink = (answer: Answer): BlobLink => ({
  async *getBlob(asked) {
    yield* answer(asked as Asked);
  },
});

const fetchFrom = (answer: Answer, bend: Partial<FetchBlobOptions> = {}) =>
  fetchBlob(createLink(answer), { replyId, ref, blind }, { ...options, ...bend });

const change =
  (at: number, bend: (chunk: BlobChunk) => BlobChunk): Answer =>
  ({ first, count }) =>
    Array.from({ length: count }, (_, i) => chunkAt(first + i)).map((chunk, i) => (i === at ? bend(chunk) : chunk));
const flip = (data: Uint8Array): Uint8Array => data.map((byte, i) => (i === 0 ? byte ^ 1 : byte));

describe('a blob from its provider', () => {
  it('is put together from its chunks', async () => {
    expect(await fetchFrom(answerHonestly)).toEqual(bytes);
  });

  it('of many chunks comes in several calls', async () => {
    const large = commit(new Uint8Array((MAX_BLOB_CHUNKS + 3) * BLOB_CHUNK_BYTES).fill(9));
    const asked: Asked[] = [];
    const link = createLink(function* ({ first, count }) {
      asked.push({ first, count });
      for (let index = first; index < first + count; index++) yield large.chunkAt(index);
    });
    const found = await fetchBlob(link, { replyId, ref: large.ref, blind }, options);
    expect(found.length).toBe(large.ref.bytes);
    expect(found.every((byte) => byte === 9)).toBe(true);
    expect(asked.map(({ first, count }) => [first, count])).toEqual([
      [0, MAX_BLOB_CHUNKS],
      [MAX_BLOB_CHUNKS, countChunks(large.ref) - MAX_BLOB_CHUNKS],
    ]);
  });

  it.each<[string, Answer]>([
    ['with other bytes', change(2, (chunk) => ({ ...chunk, data: flip(chunk.data) }))],
    ['with another proof', change(1, (chunk) => ({ ...chunk, proof: chunk.proof.map(flip) }))],
    ['without a proof', change(0, (chunk) => ({ ...chunk, proof: [] }))],
    ['that is cut', change(3, (chunk) => ({ ...chunk, data: chunk.data.subarray(1) }))],
    ['that is empty', change(0, (chunk) => ({ ...chunk, data: new Uint8Array() }))],
    ['out of its order', change(1, () => chunkAt(2))],
    ['a second time', change(1, () => chunkAt(0))],
    ['beyond the last one', ({ count }) => [...Array(count).keys(), 0].map(chunkAt)],
    [
      'without an end',
      function* () {
        for (let index = 0; ; index = (index + 1) % 4) yield chunkAt(index);
      },
    ],
  ])('that sends a chunk %s is a typed error', async (_what, answer) => {
    await expect(fetchFrom(answer)).rejects.toMatchObject({ name: 'BlobError', code: 'wrong-chunk', retryable: false });
  });

  it.each<[string, Answer, boolean]>([
    ['no chunk', () => [], false],
    ['too few chunks', ({ count }) => [...Array(count - 1).keys()].map(chunkAt), false],
    [
      'a refusal',
      createThrower(new LinkError('remote', 'no blob of this reply for you', { refusal: 'not-found' })),
      false,
    ],
    ['nothing in time', createThrower(new LinkError('timeout', 'the operation timed out')), true],
    ['a broken connection', createThrower(new LinkError('unreachable', 'the connection was lost'), 2), true],
  ])('that answers with %s withholds it', async (_what, answer, retryable) => {
    await expect(fetchFrom(answer)).rejects.toMatchObject({ name: 'BlobError', code: 'withheld', retryable });
  });

  it('larger than the reader takes is not asked for', async () => {
    await expect(fetchFrom(() => expect.unreachable(), { maxBytes: bytes.length - 1 })).rejects.toMatchObject({
      code: 'too-large',
    });
  });

  it('that its reader no longer wants is not withheld', async () => {
    const stopping = new AbortController();
    stopping.abort();
    const answer = createThrower(new LinkError('canceled', 'the call was canceled'));
    await expect(fetchFrom(answer, { signal: stopping.signal })).rejects.toMatchObject({ code: 'canceled' });
  });

  it('gets no more time for its later calls than is left', async () => {
    const large = commit(new Uint8Array((MAX_BLOB_CHUNKS + 1) * BLOB_CHUNK_BYTES));
    const timeouts: number[] = [];
    const link: BlobLink = {
      async *getBlob(asked, call) {
        timeouts.push(call?.timeoutMs ?? 0);
        const { first, count } = asked as Asked;
        for (let index = first; index < first + count; index++) yield large.chunkAt(index);
      },
    };
    await fetchBlob(link, { replyId, ref: large.ref, blind }, options);
    expect(timeouts[1]).toBeLessThan(timeouts[0] as number);
  });
});

/** @param after so many chunks. */
function createThrower(error: LinkError, after = 0): Answer {
  return function* () {
    for (let index = 0; index < after; index++) yield chunkAt(index);
    throw error;
  };
}
