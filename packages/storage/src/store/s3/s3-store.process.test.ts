import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Secret } from '@ogong/host/crypto/secret';
import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { breakAfter, collect, createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { describeBlobStore } from '@ogong/testing/hub/blob-store-compliance';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import S3rver from 's3rver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBucket } from './bucket.ts';
import { MIN_PART_BLOCKS, sizeOfPart } from './part-upload.ts';
import { openS3Store } from './s3-store.ts';

const PART_BYTES = MIN_PART_BLOCKS * BLOCK_BYTES;
const GONE = '<?xml version="1.0"?><Error><Code>NoSuchUpload</Code><Message>It is gone.</Message></Error>';

let directory: TestDirectory;
let server: Server;
let endpoint: string;
let places = 0;
/** Whether the service has dropped the upload that began first. */
let isUploadGone = false;
beforeAll(async () => {
  directory = createTestDirectory('hub-s3');
  const s3 = new S3rver({
    ...{ silent: true, directory: directory.path },
    configureBuckets: [{ name: 'models', configs: [] }],
  });
  await s3.configureBuckets();
  const answer = s3.callback();
  server = createServer((request, response) => {
    if (!isUploadGone || request.method !== 'PUT' || !request.url?.includes('uploadId=')) {
      answer(request, response);
      return;
    }
    isUploadGone = false;
    request.resume().on('end', () => response.writeHead(404, { 'content-type': 'application/xml' }).end(GONE));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  directory.remove();
});

const placeAt = (prefix: string) => ({
  ...{ bucket: 'models', prefix, region: 'us-east-1', endpoint },
  ...{ accessKeyId: 'S3RVER', secretAccessKey: new Secret('S3RVER') },
});

// The server takes parts of one block, so the suite moves fewer bytes.
describeBlobStore('s3', async () => {
  const place = placeAt(`place-${places++}`);
  return {
    open: async () => openS3Store(place, 1),
    close: async () => rmSync(join(directory.path, 'models', place.prefix), { recursive: true, force: true }),
  };
});

describe('a store in a bucket', () => {
  it('makes parts that S3 takes: at least 5 MiB, and at most 10,000 of them', () => {
    const sizes = [1, 10_000 * PART_BYTES, 2 ** 40].map((bytes) => sizeOfPart(bytes, MIN_PART_BLOCKS));
    expect(sizes).toEqual([PART_BYTES, PART_BYTES, 105 * BLOCK_BYTES]);
  });

  it('refuses a blob that S3 cannot copy at once, if its id is not known', async () => {
    const store = openS3Store(placeAt('large'));
    const put = store.put(breakAfter(createTestBlob(1).stream(), 0), { bytes: 5 * 2 ** 30 + 1 });
    await expect(put).rejects.toMatchObject({ code: 'bad-size', message: expect.stringContaining('give its id') });
  });

  it('begins anew if the service has dropped the parts of a put', async () => {
    const store = openS3Store(placeAt('dropped'));
    const { bytes, id, stream } = createTestBlob(3 * PART_BYTES);
    const broken = breakAfter(stream(), PART_BYTES);
    await expect(store.put(broken, { bytes, id, resume: { key: id, from: 0 } })).rejects.toThrow('broke');
    expect(await store.begun(id)).toBe(PART_BYTES);
    const within = store.put(stream(BLOCK_BYTES), { bytes, id, resume: { key: id, from: BLOCK_BYTES } });
    await expect(within).rejects.toMatchObject({ code: 'wrong-offset' });
    const put = async () => {
      const from = await store.begun(id);
      return await store.put(stream(from), { bytes, id, resume: { key: id, from } });
    };
    isUploadGone = true;
    await expect(put()).rejects.toMatchObject({ code: 'wrong-offset', retryable: true });
    expect(await put()).toBe(id);
    expect(Buffer.from(await collect(store.get(id))).equals(await collect(stream()))).toBe(true);
  });

  it('keeps the files of a place under their names, and no secret in its address', async () => {
    const store = openS3Store(placeAt('layout'));
    const { bytes, id, stream } = createTestBlob(3);
    await store.put(stream(), { bytes });
    await store.putManifest(id, Uint8Array.of(1));
    await expect(store.putManifest(id, new Uint8Array(2 ** 20))).rejects.toMatchObject({ code: 'bad-size' });
    expect(await store.publish()).toBe('s3://models/layout');
    expect(await openBucket(placeAt('layout')).list('')).toEqual([`blobs/${id}`, `lists/${id}`, `manifests/${id}`]);
  });
});
