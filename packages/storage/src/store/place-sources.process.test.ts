import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { ManifestFile } from '@ogong/hub/manifest';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { pullModel } from '@ogong/hub/transfer/pull';
import { toHex } from '@ogong/protocol/base/bytes';
import { collect, createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { type LoopbackHttp, sendFile, startLoopbackHttp } from '@ogong/testing/hub/file-answers';
import { createSafetensors, pushTestModel } from '@ogong/testing/hub/hub-model';
import { startHuggingFaceServer } from '@ogong/testing/hub/hugging-face-server';
import { startWalrusServer } from '@ogong/testing/hub/walrus-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { CID } from 'multiformats/cid';
import S3rver from 's3rver';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIpfsNode } from './ipfs/ipfs-node.ts';
import { openIpfsStore } from './ipfs/ipfs-store.ts';
import { openHubStore } from './open-store.ts';
import { createPlaceSources } from './place-sources.ts';
import type { PlaceStore } from './place-store.ts';
import type { Environment } from './store-settings.ts';

const MANIFEST = 'ab'.repeat(32);
const SIGNED = Uint8Array.of(1, 2, 3);
const ROWS = 'rows\n';
const EVALUATION = toHex(nodeCrypto.sha256(Buffer.from(ROWS)));
const S3_KEYS = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };

let directory: TestDirectory;
const closing: (() => Promise<void>)[] = [];
beforeEach(() => {
  directory = createTestDirectory('hub-places');
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  directory.remove();
});

const path = (name: string): string => {
  const folder = join(directory.path, name);
  mkdirSync(folder, { recursive: true });
  return folder;
};
async function started<T extends Pick<LoopbackHttp, 'close'>>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  closing.push(() => server.close());
  return server;
}
async function startS3(): Promise<Environment> {
  const server = new S3rver({
    ...{ port: 0, address: '127.0.0.1', silent: true, directory: path('s3') },
    configureBuckets: [{ name: 'models', configs: [] }],
  });
  const { port } = await server.run();
  closing.push(() => server.close());
  return { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` };
}

const blob = createTestBlob(2 ** 20 + 7, 4);
const file = { blockRoot: blob.root } as ManifestFile;
const { signal } = new AbortController();

async function publish(store: PlaceStore): Promise<string> {
  closing.push(() => store.close());
  await store.put(blob.stream(), { bytes: blob.bytes });
  await store.putManifest(MANIFEST, SIGNED);
  const rows = join(directory.path, 'evaluation.jsonl');
  writeFileSync(rows, ROWS);
  await store.putEvaluation(EVALUATION, rows);
  return await store.publish();
}

/** Reads all that was published, as another machine does that has the address alone. */
async function expectReadable(address: string, env: Environment): Promise<void> {
  const sources = createPlaceSources({ folder: path('reader'), env });
  closing.push(() => sources.close());
  const source = sources.open(address);
  if (source === undefined) throw new Error(`${address} is no place`);
  expect([...(await source.readManifest(MANIFEST, { maxBytes: 3, signal }))]).toEqual([...SIGNED]);
  const list = await source.listBlocks(file, { maxBytes: 64, signal });
  expect(Buffer.from(list).equals(Buffer.concat(blob.hashes))).toBe(true);
  const read = await collect(source.read(file, { from: 5, to: blob.bytes }, signal));
  expect(
    Buffer.from(await collect(blob.stream()))
      .subarray(5)
      .equals(read),
  ).toBe(true);
  const rows = await collect(source.readEvaluation(EVALUATION, signal));
  expect(Buffer.from(rows).toString()).toBe(ROWS);
  await expect(collect(source.readEvaluation('cd'.repeat(32), signal))).rejects.toThrow();
  await expect(source.readManifest('cd'.repeat(32), { maxBytes: 3, signal })).rejects.toThrow();
}

describe('a published place is read by its address', () => {
  it('on S3, with keys and without', async () => {
    const service = await startS3();
    const env = { ...service, ...S3_KEYS };
    const address = await publish(await openHubStore('s3://models/acme/small', { folder: path('writer'), env }));
    expect(address).toBe('s3://models/acme/small');
    await expectReadable(address, env);
    await expectReadable(address, service);
  });

  it('on IPFS, from a peer and from a gateway', async () => {
    const node = await openIpfsNode({ folder: path('node'), listen: ['/ip4/127.0.0.1/tcp/0'] });
    const address = await publish(openIpfsStore(node, path('writer')));
    await expectReadable(address, { OGONG_IPFS_PEERS: node.addresses().join(' ') });
    const gateway = await started(
      startLoopbackHttp(async (request, response) => {
        const [, , cid = '', ...names] = (request.url ?? '').split('/');
        const content = await collect(node.files.cat(CID.parse(cid), { path: names.join('/') })).catch(() => undefined);
        if (content === undefined) return void response.writeHead(404).end();
        const copy = join(directory.path, 'answer');
        writeFileSync(copy, content);
        await sendFile(request, response, copy);
      }),
    );
    await expectReadable(address, { OGONG_IPFS_GATEWAY: gateway.endpoint });
  });

  it('on Walrus', async () => {
    const server = await started(startWalrusServer(path('walrus'), { token: 'secret', maxBytes: 2 ** 20 }));
    const services = { WALRUS_PUBLISHER: server.endpoint, WALRUS_AGGREGATOR: server.endpoint };
    const env = { ...services, WALRUS_TOKEN: 'secret', WALRUS_PIECE_BYTES: `${2 ** 20}` };
    const address = await publish(await openHubStore('walrus:', { folder: path('writer'), env }));
    await expectReadable(address, { WALRUS_AGGREGATOR: server.endpoint });
  });

  it('on Hugging Face', async () => {
    const server = await started(startHuggingFaceServer(path('hf'), { repository: 'acme/small', token: 'hf_1' }));
    const env = { HF_ENDPOINT: server.endpoint, HF_TOKEN: 'hf_1' };
    const address = await publish(await openHubStore('hf:acme/small', { folder: path('writer'), env }));
    await expectReadable(address, { HF_ENDPOINT: server.endpoint });
  });
});

it('a pull drops a place whose bytes are altered, and takes them from another kind of place', async () => {
  const walrus = await started(startWalrusServer(path('walrus'), { token: 'secret', maxBytes: 2 ** 30 }));
  const hf = await started(startHuggingFaceServer(path('hf'), { repository: 'acme/small', token: 'hf_1' }));
  const env = {
    ...{ WALRUS_PUBLISHER: walrus.endpoint, WALRUS_AGGREGATOR: walrus.endpoint, WALRUS_TOKEN: 'secret' },
    ...{ HF_ENDPOINT: hf.endpoint, HF_TOKEN: 'hf_1' },
  };
  const weights = createSafetensors(5 * 2 ** 20);
  const sources = createPlaceSources({ folder: path('reader'), env });
  const places = [];
  let model: Awaited<ReturnType<typeof pushTestModel>> | undefined;
  for (const kind of ['walrus:', 'hf:acme/small']) {
    const store = await openHubStore(kind, { folder: path('writer'), env });
    const files = [{ path: 'model.safetensors', format: 'safetensors', isWeight: true, content: weights }] as const;
    model = await pushTestModel(path('model'), store, files);
    const place = sources.open(await store.publish());
    if (place !== undefined) places.push(place);
  }
  if (model === undefined) throw new Error('no model was pushed');
  const stored = readdirSync(path('walrus')).map((name) => join(path('walrus'), name));
  const altered = stored.filter((name) => statSync(name).size === weights.length);
  expect(altered).toHaveLength(1);
  for (const name of altered)
    writeFileSync(
      name,
      readFileSync(name).map((byte) => byte ^ 1),
    );
  const dropped: string[] = [];
  const { signed, facts } = model;
  const pulled = await pullModel(nodeCrypto, {
    ...{ signed, facts, sources: places, store: openFolderStore(path('reader')), limits: { pauseMs: 1 } },
    onEvent: (event) => event.kind === 'source-dropped' && dropped.push(event.source),
  });
  expect(toHex(pulled.modelRoot)).toBe(toHex(model.manifest.modelRoot));
  expect(dropped).toEqual([places[0]?.name]);
});

describe('an address that cannot be opened', () => {
  it.each([
    ['', {}, 'names no store'],
    ['ftp://models', {}, 'names no store'],
    ['s3://UPPER/x', S3_KEYS, 'write s3://bucket/prefix'],
    ['s3://models/../x', S3_KEYS, 'write s3://bucket/prefix'],
    ['s3://models', {}, 'set AWS_ACCESS_KEY_ID'],
    ['s3://models', { AWS_ACCESS_KEY_ID: 'key' }, 'set AWS_SECRET_ACCESS_KEY'],
    ['s3://models', { ...S3_KEYS, AWS_ENDPOINT_URL_S3: 'http://192.0.2.1' }, 'is no https address'],
    ['walrus:', {}, 'set WALRUS_PUBLISHER'],
    ['walrus:', { WALRUS_PUBLISHER: 'https://user:pass@example.org' }, 'is no https address'],
    ['hf:acme', { HF_TOKEN: 'hf_1' }, 'write hf:owner/repo'],
    ['hf:acme/small', {}, 'set HF_TOKEN'],
  ])('%j with %j says what to write', async (address, env, message) => {
    const error = await openHubStore(address, { folder: path('writer'), env }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'HubStoreError', message: expect.stringContaining(message) });
    expect(String(error)).not.toContain('user:pass');
  });

  it.each([
    [`walrus:${'a'.repeat(43)}`, 'set WALRUS_AGGREGATOR'],
    [`ipfs:${'b'.repeat(59)}`, 'set OGONG_IPFS_PEERS'],
    ['s3://x', 'write s3://bucket/prefix'],
  ])('as a place refuses each read: %s', async (address, message) => {
    const source = createPlaceSources({ folder: path('reader'), env: {} }).open(address);
    if (source === undefined) throw new Error(`${address} is no place`);
    await expect(source.readManifest(MANIFEST, { maxBytes: 3, signal })).rejects.toThrow(message);
    await expect(collect(source.read(file, { from: 0, to: 1 }, signal))).rejects.toThrow(message);
  });

  it('is no place if its kind is not read here', () => {
    const sources = createPlaceSources({ folder: path('reader'), env: {} });
    for (const address of ['https://example.org', 'hf:acme/small@main', 'walrus:..', '/srv/hub'])
      expect(sources.open(address)).toBeUndefined();
  });
});
