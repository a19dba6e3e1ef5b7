import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { countBlocks } from '@ogong/hub/blocks';
import { HubBlobError } from '@ogong/hub/store/blob-store';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { z } from 'zod';
import { isUploadGone, type S3Bucket, type SentPart } from './bucket.ts';

/** S3 takes no smaller parts, but for the last one. */
export const MIN_PART_BLOCKS = 5;
const MAX_PARTS = 10_000;
/** Parts whose hashes share one object, so that a part costs one small request more. */
const GROUP_PARTS = 64;
const MAX_STATE_BYTES = 1 << 20;

const uploadState = z.object({
  uploadId: z.string().min(1).max(2_048),
  target: z.string().max(256),
  partBytes: z.int().positive(),
});
type UploadState = z.infer<typeof uploadState>;

const groupState = z
  .array(
    z.object({
      etag: z.string().max(256),
      hashes: z.array(z.string().regex(/^[0-9a-f]{64}$/)).min(1),
    }),
  )
  .max(GROUP_PARTS);
type KeptPart = z.infer<typeof groupState>[number];

/** Returns the bytes of a part of a blob: so many that 10,000 parts are enough. */
export const sizeOfPart = (bytes: number, minBlocks: number): number =>
  Math.max(minBlocks, Math.ceil(countBlocks(bytes) / MAX_PARTS)) * BLOCK_BYTES;

const stateName = (key: string): string => `unfinished/${key}/upload`;
const groupBeginning = (key: string): string => `unfinished/${key}/parts-`;
const groupName = (key: string, group: number): string => `${groupBeginning(key)}${`${group}`.padStart(5, '0')}`;

/** A multipart upload that outlives its process. S3 cannot read parts back, so the hashes of their blocks are kept beside them. */
export interface PartUpload {
  /** Hashes of the blocks of all parts that are there, in order. */
  hashes(): Uint8Array[];
  /** Sends the next part; it is kept from then on. */
  add(body: Uint8Array, hashes: readonly Uint8Array[]): Promise<void>;
  /** Makes the object visible. @param last bytes after the full parts; absent if there are none. */
  finish(last: Uint8Array | undefined): Promise<void>;
}

export interface PartUploadOptions {
  readonly key: string;
  /** Name of the object. */
  readonly target: string;
  readonly partBytes: number;
  /** Bytes of parts that an earlier call has sent. */
  readonly from: number;
  readonly signal?: AbortSignal | undefined;
}

/** Begins an upload, or continues that of the key. @throws HubBlobError `wrong-offset` if the parts do not reach so far. */
export async function openPartUpload(
  bucket: S3Bucket,
  { key, target, partBytes, from, signal }: PartUploadOptions,
): Promise<PartUpload> {
  const kept = from === 0 ? undefined : await readUpload(bucket, key);
  const isSame = kept?.state.target === target && kept.state.partBytes === partBytes;
  if (from > 0 && !(isSame && from % partBytes === 0 && from <= kept.parts.length * partBytes))
    throw new HubBlobError('wrong-offset', `the put has no part that ends at byte ${from}`);
  if (from === 0) await discardUpload(bucket, key);
  const parts = kept?.parts.slice(0, from / partBytes) ?? [];
  let uploadId = kept?.state.uploadId;

  const send = async (body: Uint8Array): Promise<SentPart> => {
    if (uploadId === undefined) {
      uploadId = await bucket.beginUpload(target);
      const state: UploadState = { uploadId, target, partBytes };
      await bucket.put(stateName(key), Buffer.from(JSON.stringify(state)));
    }
    return await bucket.sendPart({ name: target, uploadId }, { partNumber: parts.length + 1, body, signal });
  };
  /** An upload that the service has ended begins anew with the next put. */
  const orGone = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      if (!isUploadGone(error)) throw error;
      await discardUpload(bucket, key);
      throw new HubBlobError('wrong-offset', 'the service has dropped the parts; put again', { cause: error });
    }
  };

  return {
    hashes: () => parts.flatMap(({ hashes }) => hashes.map((hash) => fromHex(hash))),

    async add(body, hashes) {
      const { etag } = await orGone(send(body));
      parts.push({ etag, hashes: hashes.map(toHex) });
      const group = Math.floor((parts.length - 1) / GROUP_PARTS);
      const members = parts.slice(group * GROUP_PARTS, (group + 1) * GROUP_PARTS);
      await bucket.put(groupName(key, group), Buffer.from(JSON.stringify(members)));
    },

    async finish(last) {
      if (uploadId === undefined && last !== undefined) return await bucket.put(target, last, signal);
      const sent = parts.map(({ etag }, index) => ({ partNumber: index + 1, etag }));
      if (last !== undefined) sent.push(await orGone(send(last)));
      await orGone(bucket.completeUpload({ name: target, uploadId: uploadId as string }, sent));
    },
  };
}

/** Returns the bytes of the parts that the upload of a key has sent, 0 if there is none. */
export async function measureUpload(bucket: S3Bucket, key: string): Promise<number> {
  const found = await readUpload(bucket, key);
  return found === undefined ? 0 : found.parts.length * found.state.partBytes;
}

/** Ends the upload of a key, and deletes its parts. */
export async function discardUpload(bucket: S3Bucket, key: string): Promise<void> {
  const found = await readState(bucket, stateName(key), uploadState);
  // Some services know no such call; their rules delete old uploads.
  if (found !== undefined)
    await bucket.abortUpload({ name: found.target, uploadId: found.uploadId }).catch(() => undefined);
  await bucket.remove(stateName(key));
  for (const name of await bucket.list(groupBeginning(key))) await bucket.remove(name);
}

async function readUpload(bucket: S3Bucket, key: string) {
  const state = await readState(bucket, stateName(key), uploadState);
  if (state === undefined) return undefined;
  const parts: KeptPart[] = [];
  for (let group = 0; parts.length === group * GROUP_PARTS; group++) {
    const members = await readState(bucket, groupName(key, group), groupState);
    if (members === undefined || members.length === 0) break;
    parts.push(...members);
  }
  const blocks = state.partBytes / BLOCK_BYTES;
  return parts.every(({ hashes }) => hashes.length === blocks) ? { state, parts } : undefined;
}

async function readState<T>(bucket: S3Bucket, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const bytes = await bucket.read(name, MAX_STATE_BYTES);
  if (bytes === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    // A state that nobody can read is worth nothing: the put begins anew.
    return undefined;
  }
}
