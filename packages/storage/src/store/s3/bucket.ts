import { createReadStream } from 'node:fs';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Secret } from '@ogong/host/crypto/secret';
import { HubBlobError } from '@ogong/hub/store/blob-store';

export interface S3Place {
  readonly bucket: string;
  /** Folder in the bucket, without slashes at its ends; empty for the bucket itself. */
  readonly prefix: string;
  readonly region: string;
  /** Address of the service. Absent: that of AWS. */
  readonly endpoint?: string | undefined;
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret<string>;
}

/** A part of a multipart upload, and the tag by which the service names its content. */
export interface SentPart {
  readonly partNumber: number;
  readonly etag: string;
}

/** Objects below the prefix of a bucket. */
export interface S3Bucket {
  /** Names the place in messages and in locks. */
  readonly name: string;
  put(name: string, body: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Sends a file of this disk, at most 5 GiB. */
  putFile(name: string, file: { readonly path: string; readonly bytes: number }, signal?: AbortSignal): Promise<void>;
  /** @returns undefined if there is none. @throws HubBlobError `bad-size` above `maxBytes`. */
  read(name: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Streams an object. @param range as in HTTP: `bytes=0-9`. @throws HubBlobError `not-found`, `bad-range`. */
  open(name: string, range: string | undefined, signal: AbortSignal | undefined): Promise<GetObjectCommandOutput>;
  /** @returns the size, undefined if there is no such object. */
  measure(name: string): Promise<number | undefined>;
  remove(name: string): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  /** @returns names that begin so, ascending, at most 1,000. */
  list(beginning: string): Promise<readonly string[]>;
  beginUpload(name: string): Promise<string>;
  sendPart(
    upload: { readonly name: string; readonly uploadId: string },
    part: { readonly partNumber: number; readonly body: Uint8Array; readonly signal: AbortSignal | undefined },
  ): Promise<SentPart>;
  completeUpload(
    upload: { readonly name: string; readonly uploadId: string },
    parts: readonly SentPart[],
  ): Promise<void>;
  abortUpload(upload: { readonly name: string; readonly uploadId: string }): Promise<void>;
  close(): void;
}

/** Opens a bucket of a service that speaks S3. */
export function openBucket({ bucket, prefix, region, endpoint, ...keys }: S3Place): S3Bucket {
  const client = new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    credentials: { accessKeyId: keys.accessKeyId, secretAccessKey: keys.secretAccessKey.reveal() },
    // Services of other makers know the newer checksums by half.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const at = (name: string) => ({ Bucket: bucket, Key: prefix === '' ? name : `${prefix}/${name}` });
  const open: S3Bucket['open'] = async (name, Range, abortSignal) => {
    try {
      return await client.send(new GetObjectCommand({ ...at(name), Range }), options(abortSignal));
    } catch (error) {
      if (isMissing(error)) throw new HubBlobError('not-found', `no ${name} in ${bucket}`, { cause: error });
      if (error instanceof S3ServiceException && error.name === 'InvalidRange')
        throw new HubBlobError('bad-range', `${name} has no ${Range}`, { cause: error });
      throw error;
    }
  };
  return {
    name: `${endpoint ?? region}/${bucket}/${prefix}`,
    open,

    async put(name, Body, signal) {
      await client.send(new PutObjectCommand({ ...at(name), Body }), options(signal));
    },

    async putFile(name, { path, bytes: ContentLength }, signal) {
      const Body = createReadStream(path);
      await client.send(new PutObjectCommand({ ...at(name), Body, ContentLength }), options(signal));
    },

    async read(name, maxBytes) {
      try {
        const { Body, ContentLength = 0 } = await open(name, undefined, undefined);
        if (ContentLength > maxBytes || Body === undefined) {
          (Body as { destroy?(): void } | undefined)?.destroy?.();
          throw new HubBlobError('bad-size', `${name} has ${ContentLength} bytes, at most ${maxBytes}`);
        }
        return await Body.transformToByteArray();
      } catch (error) {
        if (error instanceof HubBlobError && error.code === 'not-found') return undefined;
        throw error;
      }
    },

    async measure(name) {
      try {
        return (await client.send(new HeadObjectCommand(at(name)))).ContentLength ?? 0;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },

    async remove(name) {
      await client.send(new DeleteObjectCommand(at(name)));
    },

    async copy(from, to) {
      const { Bucket, Key } = at(from);
      await client.send(new CopyObjectCommand({ ...at(to), CopySource: `${Bucket}/${Key}` }));
    },

    async list(beginning) {
      const { Bucket, Key: Prefix } = at(beginning);
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys: 1_000 }));
      const skipped = Prefix.length - beginning.length;
      return Contents.map(({ Key = '' }) => Key.slice(skipped)).sort();
    },

    async beginUpload(name) {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(at(name)));
      if (UploadId === undefined) throw new Error(`${bucket} began an upload without an id`);
      return UploadId;
    },

    async sendPart({ name, uploadId: UploadId }, { partNumber: PartNumber, body: Body, signal }) {
      const command = new UploadPartCommand({ ...at(name), UploadId, PartNumber, Body });
      const { ETag } = await client.send(command, options(signal));
      if (ETag === undefined) throw new Error(`${bucket} took part ${PartNumber} without a tag`);
      return { partNumber: PartNumber, etag: ETag };
    },

    async completeUpload({ name, uploadId: UploadId }, parts) {
      const Parts = parts.map(({ partNumber: PartNumber, etag: ETag }) => ({ PartNumber, ETag }));
      await client.send(new CompleteMultipartUploadCommand({ ...at(name), UploadId, MultipartUpload: { Parts } }));
    },

    async abortUpload({ name, uploadId: UploadId }) {
      await client.send(new AbortMultipartUploadCommand({ ...at(name), UploadId }));
    },

    close: () => client.destroy(),
  };
}

const options = (abortSignal: AbortSignal | undefined) => (abortSignal === undefined ? {} : { abortSignal });

/** Returns whether an object is missing. A service names it in several ways. */
const isMissing = (error: unknown): boolean =>
  error instanceof S3ServiceException && ['NoSuchKey', 'NotFound'].includes(error.name);

/** Returns whether the service has ended an upload, as its rules do with old ones. */
export const isUploadGone = (error: unknown): boolean =>
  error instanceof S3ServiceException && ['NoSuchUpload', 'InvalidPart'].includes(error.name);
