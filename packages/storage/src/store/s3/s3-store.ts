import { randomBytes } from 'node:crypto';
import { abortable } from '@ogong/hub/abortable';
import { BLOCK_BYTES, MAX_FILE_BYTES } from '@ogong/hub/block-size';
import { computeBlockRoot, cutBlocks, encodeBlockList, hashBlock, parseBlockList } from '@ogong/hub/blocks';
import {
  assertBlobName,
  assertPutOptions,
  assertRange,
  type BlobId,
  HubBlobError,
  type HubBlobStore,
  type PutOptions,
} from '@ogong/hub/store/blob-store';
import { measureEvaluation } from '@ogong/hub/store/evaluation-folder';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createKeyTurns } from '../key-turns.ts';
import { assertManifestSize } from '../manifest-size.ts';
import { PLACE_FOLDERS, type PlaceStore } from '../place-store.ts';
import { openBucket, type S3Place } from './bucket.ts';
import {
  discardUpload,
  MIN_PART_BLOCKS,
  measureUpload,
  openPartUpload,
  type PartUpload,
  sizeOfPart,
} from './part-upload.ts';

const MAX_LIST_BYTES = (MAX_FILE_BYTES / BLOCK_BYTES) * 32;
/** The largest object that S3 copies in one call. */
const MAX_COPY_BYTES = 5 * 2 ** 30;

/** Stores of one process that name the same bucket share their turns. */
const turns = createKeyTurns();

/**
 * Opens a store in a bucket: `blobs/<id>`, `lists/<id>`, `manifests/<hash>`, `evaluations/<hash>`, `pins/<id>`, `unfinished/<key>/…`. A put sends parts of at
 * least 5 MiB and keeps whole parts. Two processes with one key can end each other's put, but never change its content.
 * @param minPartBlocks fewer are for tests alone, whose server takes small parts.
 */
export function openS3Store(place: S3Place, minPartBlocks = MIN_PART_BLOCKS): PlaceStore {
  const bucket = openBucket(place);
  const nameOf = (folder: string, id: BlobId): string => {
    assertBlobName(id);
    return `${folder}/${id}`;
  };
  const blobName = (id: BlobId): string => nameOf(PLACE_FOLDERS.blob, id);
  const listName = (id: BlobId): string => nameOf(PLACE_FOLDERS.list, id);
  const has = async (id: BlobId): Promise<boolean> => (await bucket.measure(blobName(id))) !== undefined;
  const expectSize = async (id: BlobId): Promise<number> => {
    const size = await bucket.measure(blobName(id));
    if (size === undefined) throw new HubBlobError('not-found', `no blob ${id} in ${bucket.name}`);
    return size;
  };

  async function receive(stream: AsyncIterable<Uint8Array>, key: string, options: PutOptions): Promise<BlobId> {
    const { bytes, id, resume, signal } = options;
    if (id !== undefined && (await has(id))) {
      if (resume !== undefined) await discardUpload(bucket, key);
      return id;
    }
    const partBytes = sizeOfPart(bytes, minPartBlocks);
    if (id === undefined && bytes > MAX_COPY_BYTES)
      throw new HubBlobError('bad-size', `a blob of ${bytes} bytes whose id is not known yet; give its id`);
    const staged = `unfinished/${key}/data`;
    const target = id === undefined ? staged : blobName(id);
    signal?.throwIfAborted();
    const upload = await openPartUpload(bucket, { key, target, partBytes, from: resume?.from ?? 0, signal });
    const { hashes, last } = await sendParts(abortable(stream, signal), upload, { ...options, partBytes });
    const root = toHex(computeBlockRoot(hashes));
    if (id !== undefined && root !== id) throw new HubBlobError('wrong-content', `the content is ${root}, not ${id}`);
    await bucket.put(listName(root), encodeBlockList(hashes), signal);
    await upload.finish(last);
    if (id === undefined) await bucket.copy(staged, blobName(root));
    if (id === undefined) await bucket.remove(staged);
    await discardUpload(bucket, key);
    return root;
  }

  const store: HubBlobStore = {
    has,

    async put(stream, options) {
      assertPutOptions(options);
      const { resume, signal } = options;
      const key = resume?.key ?? randomBytes(32).toString('hex');
      return await turns.run(`${bucket.name}#${key}`, async () => {
        try {
          return await receive(stream, key, options);
        } catch (error) {
          const isWrong =
            error instanceof HubBlobError && (error.code === 'too-long' || error.code === 'wrong-content');
          if (resume === undefined || isWrong) await discardUpload(bucket, key);
          if (signal?.aborted !== true || error instanceof HubBlobError) throw error;
          throw new HubBlobError('cancelled', 'the put was ended; its whole parts are kept', { cause: error });
        }
      });
    },

    async begun(key) {
      assertBlobName(key);
      return await measureUpload(bucket, key);
    },

    async *get(id, range, signal) {
      if (range !== undefined) assertRange(range, MAX_FILE_BYTES);
      const asked = range === undefined ? undefined : `bytes=${range.from}-${range.to - 1}`;
      try {
        signal?.throwIfAborted();
        const { Body, ContentLength, ContentRange } = await bucket.open(blobName(id), asked, signal);
        const [, first, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? '') ?? [];
        if (range !== undefined) assertRange(range, Number(size ?? 0));
        if (range !== undefined && Number(first) !== range.from) throw new Error(`${bucket.name} sent another range`);
        let left = range === undefined ? (ContentLength ?? 0) : range.to - range.from;
        for await (const piece of (Body ?? []) as AsyncIterable<Uint8Array>) {
          signal?.throwIfAborted();
          const part = piece.subarray(0, left);
          left -= part.length;
          yield part;
          // Some services send more than they were asked for.
          if (part.length < piece.length) break;
        }
        if (left !== 0) throw new Error(`${bucket.name} sent ${id} with ${left} bytes too few`);
      } catch (error) {
        if (signal?.aborted !== true) throw error;
        throw new HubBlobError('cancelled', 'the reader ended the call', { cause: error });
      }
    },

    async listBlocks(id) {
      const sizeBytes = await expectSize(id);
      const list = (await bucket.read(listName(id), MAX_LIST_BYTES)) ?? new Uint8Array();
      try {
        parseBlockList(list, { sizeBytes, blockRoot: fromHex(id) });
      } catch (cause) {
        throw new HubBlobError('wrong-content', `the list of ${id} is damaged; remove the blob and put it again`, {
          cause,
        });
      }
      return list;
    },

    async pin(id) {
      await expectSize(id);
      await bucket.put(nameOf('pins', id), new Uint8Array());
    },

    unpin: (id) => bucket.remove(nameOf('pins', id)),

    async remove(id) {
      if ((await bucket.measure(nameOf('pins', id))) !== undefined)
        throw new HubBlobError('pinned', `${id} is pinned; unpin it first`);
      const isFound = await has(id);
      await bucket.remove(blobName(id));
      await bucket.remove(listName(id));
      return isFound;
    },

    async putEvaluation(hash, path, signal) {
      const bytes = await measureEvaluation(path, hash);
      await bucket.putFile(nameOf(PLACE_FOLDERS.evaluation, hash), { path, bytes }, signal);
    },

    async *readEvaluation(hash, signal) {
      const { Body } = await bucket.open(nameOf(PLACE_FOLDERS.evaluation, hash), undefined, signal);
      yield* (Body ?? []) as AsyncIterable<Uint8Array>;
    },

    freeBytes: async () => Number.POSITIVE_INFINITY,
  };

  return {
    ...store,
    async putManifest(hash, signed) {
      assertManifestSize(signed);
      await bucket.put(nameOf(PLACE_FOLDERS.manifest, hash), signed);
    },
    publish: async () => `s3://${[place.bucket, place.prefix].filter((part) => part !== '').join('/')}`,
    close: async () => bucket.close(),
  };
}

interface PartSending extends Pick<PutOptions, 'bytes' | 'resume'> {
  readonly partBytes: number;
}

/** Sends the full parts of a stream. @returns the hashes of all blocks, and the bytes after the full parts. */
async function sendParts(
  stream: AsyncIterable<Uint8Array>,
  upload: PartUpload,
  { bytes, resume, partBytes }: PartSending,
): Promise<{ hashes: Uint8Array[]; last: Uint8Array | undefined }> {
  const hashes = upload.hashes();
  let at = resume?.from ?? 0;
  let sentHashes = hashes.length;
  const part = new Uint8Array(Math.min(partBytes, bytes));
  let held = 0;
  for await (const block of cutBlocks(stream)) {
    if (at + block.length > bytes)
      throw new HubBlobError('too-long', `more than the ${bytes} bytes that were declared`);
    part.set(block, held);
    held += block.length;
    at += block.length;
    hashes.push(hashBlock(block));
    // A blob of one part is one plain object.
    if (held < partBytes || bytes === partBytes) continue;
    await upload.add(part, hashes.slice(sentHashes));
    sentHashes = hashes.length;
    held = 0;
  }
  if (at < bytes) throw new HubBlobError('too-short', `the stream ended after ${at} of ${bytes} bytes`);
  return { hashes, last: held === 0 ? undefined : part.subarray(0, held) };
}
