import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { ChainError } from '@ogong/chain/errors';
import type { Pin } from '@ogong/chain/registry/pins';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createApiApp, mountRoutes } from '@ogong/host/http/api-app';
import type { DialPolicy } from '@ogong/host/link/public-address';
import type { ManifestFile } from '@ogong/hub/manifest';
import { parseSignedManifest, verifySignedManifest } from '@ogong/hub/signed-manifest';
import { fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { PUBLIC_ROUTES } from '@ogong/protocol/http/routes';
import { createHubChain, type HubChain } from '@ogong/testing/hub/hub-chain';
import { type PlacedModel, placeModel } from '@ogong/testing/hub/hub-place';
import { type PlaceServer, startPlaceServer } from '@ogong/testing/hub/place-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPublicHandlers, type PublicHandlersDependencies } from '../public-handlers.ts';
import { createHubReader, type HubReaderDependencies } from './hub-reader.ts';

let directory: TestDirectory;
let chain: HubChain;
let base: PlacedModel;
let small: PlacedModel;
let servers: PlaceServer[];
let nowMs: number;

const serve = async (...options: Parameters<typeof startPlaceServer>): Promise<PlaceServer> => {
  const server = await startPlaceServer(...options);
  servers.push(server);
  return server;
};
const publish = ({ manifest, hash }: PlacedModel, ...places: readonly string[]): void =>
  chain.publish(manifest, {
    modelRoot: manifest.modelRoot,
    sources: [`hub:${hash}`, ...places.map((place) => `hub+${place}`)],
  });

const supply: HubReaderDependencies['supply'] = {
  listModels: async () => [
    {
      ...{ model: 'ogong/replay/acme/small', modelRoot: small.manifest.modelRoot, modality: 'text', providers: 2 },
      ...{ freeCapacity: 3, minPricePer1k: 500n },
    } as never,
  ],
  listOffers: async () => [
    { providerId: new Uint8Array(32).fill(7), pricePer1k: 500n, freeCapacity: 3, promptReaders: 1 } as never,
  ],
};

/** The public routes of a gateway, over the chain in memory. */
function open(changes: Partial<HubReaderDependencies> = {}) {
  const clock = { nowMs: () => nowMs };
  const hub = createHubReader({
    ...{ client: async () => chain.client, registry: small.facts.registry, hasPins: true, supply, crypto, clock },
    policy: 'any' as DialPolicy,
    services: {},
    ...changes,
  });
  const app = createApiApp();
  mountRoutes(app, PUBLIC_ROUTES, createPublicHandlers({ hub, clock } as unknown as PublicHandlersDependencies));
  return async (path: string) => {
    const response = await app.request(`/v1/hub/models${path}`, {}, {});
    return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
  };
}

beforeEach(async () => {
  servers = [];
  nowMs = 0;
  directory = createTestDirectory('gateway-hub');
  base = placeModel(directory.path, '# Base\n', { model: 'base', lineage: [], notes: 'Sixteen bits.\n' });
  small = placeModel(directory.path, '# Small\n', {
    files: base.manifest.files
      .filter(({ path }) => path !== 'README.md')
      .map((file) => ({ ...file, sha256: file.blockRoot })),
    lineage: [{ modelRoot: base.manifest.modelRoot, relation: 'quantised-from', licence: 'Apache-2.0' }],
  });
  chain = createHubChain(small.facts.owner as Uint8Array);
  const { url } = await serve(directory.path);
  publish(base, url);
  publish(small, url);
});
afterEach(async () => {
  for (const server of servers) await server.close();
  directory.remove();
});

describe('public reads of the hub', () => {
  it('list models, the newest first, with facts of their manifests, to pages of any origin', async () => {
    const { status, headers, body } = await open()('?limit=10');
    expect([status, headers.get('access-control-allow-origin'), body.total]).toEqual([200, '*', 2]);
    expect(body.models[0]).toMatchObject({
      ...{ maker: 'acme', model: 'small', version: '1.2.0', licence: 'Apache-2.0', formats: ['gguf'], in_force: true },
      ...{ manifest_hash: `0x${small.hash}`, problem: null },
    });
    expect(body.models[0].size_bytes).toBe(small.manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    expect(body.models[1]).toMatchObject({ model: 'base', notes: 'Sixteen bits.\n' });
  });

  it('find models by words of names, and of notes once they were read', async () => {
    const read = open();
    const find = async (query: string) => (await read(query)).body.models.map(({ model }: { model: string }) => model);
    expect(await find('?search=sixteen')).toEqual([]);
    expect(await find('?search=base')).toEqual(['base']);
    nowMs += 20_000;
    expect(await find('?search=sixteen')).toEqual(['base']);
    expect(await find('?limit=1&offset=1')).toEqual(['base']);
  });

  it('show a card whose manifest any reader can check', async () => {
    const { status, body } = await open()('/acme/small');
    expect(status).toBe(200);
    expect(body).toMatchObject({ owner: `0x${toHex(small.facts.owner as Uint8Array)}`, readme: '# Small\n' });
    const signed = parseSignedManifest(crypto, fromHex(body.manifest.signed_manifest.slice(2)));
    expect(verifySignedManifest(crypto, signed, small.facts).ok).toBe(true);
    expect(body.versions).toMatchObject([{ version: '1.2.0', manifest_hash: `0x${small.hash}`, in_force: true }]);
    expect(body.versions[0].places).toEqual([servers[0]?.url]);
    expect(body.lineage).toMatchObject([{ name: 'acme/base', relation: 'quantised-from', licence: 'Apache-2.0' }]);
    expect(body.served).toMatchObject([
      { id: 'ogong/replay/acme/small', providers: 2, offers: [{ price_per_1k: '500', free_capacity: 3 }] },
    ]);
  });

  it('read a place of another kind through a service that shows it, and name it as the registry does', async () => {
    const bucket = 's3://acme-models';
    const { url } = await serve(directory.path);
    publish(small, bucket);
    const unread = await open()('/acme/small');
    expect(unread.body).toMatchObject({
      manifest: null,
      problem: expect.stringContaining('no place has the manifest'),
    });
    const { body } = await open({ services: { s3: () => url.replace(/\/$/, '') } })('/acme/small');
    expect(body).toMatchObject({ readme: '# Small\n', problem: null });
    expect(body.versions[0].places).toEqual([bucket]);
  });

  it('show the pins of the files of a model, and no others', async () => {
    const pin = (blob: Uint8Array): Pin => ({
      ...{ pin: BigInt(chain.pins.length), payer: `0x${'1a'.repeat(20)}`, provider: `0x${'2b'.repeat(20)}` },
      ...{ blob: `0x${toHex(blob)}`, pinRoot: `0x${'3c'.repeat(32)}`, sizeBytes: 7, feePerEpoch: 5n, epochs: 9 },
      ...{ epochBlocks: 300, start: 12n, proven: 3, provenUntil: 5, returned: 0 },
    });
    const [, readme] = small.manifest.files;
    chain.pins.push(pin(new Uint8Array(32)));
    chain.pins.push(pin(readme?.blockRoot as Uint8Array));
    const { body } = await open()('/acme/small');
    expect(body.pins).toMatchObject([
      { pin: '1', provider: `0x${'2b'.repeat(20)}`, epochs: 9, proven: 3, missed: 1, fee_per_epoch: '5' },
    ]);
    expect((await open({ hasPins: false })('/acme/small')).body.pins).toBeNull();
  });

  it('read each place and each entry once for many callers', async () => {
    const read = open();
    await Promise.all([read('/acme/small'), read('/acme/small'), read('')]);
    const asked = servers[0]?.asked.filter((path) => path === `/manifests/${small.hash}`);
    expect(asked).toHaveLength(1);
    expect(chain.calls.filter((call) => call === 'modelVersions')).toHaveLength(2);
  });

  it.each<[string, RequestListener, RegExp]>([
    ['other bytes', (_request, response) => void response.end('x'.repeat(900)), /is refused/],
    [
      'a body without end',
      (_request, response) => void Readable.from(endlessly()).pipe(response),
      /sent more than 524/,
    ],
    ['a redirect', (_request, response) => void response.writeHead(302, { location: '/x' }).end(), /answered 302/],
    ['nothing', (_request, response) => void response.destroy(), /socket hang up/],
  ])('keep a card without the facts of a manifest if its place sends %s', async (_what, answer, problem) => {
    const hostile = createServer(answer);
    await new Promise<void>((resolve) => void hostile.listen(0, '127.0.0.1', resolve));
    publish(small, `http://127.0.0.1:${(hostile.address() as AddressInfo).port}/`);
    const { status, body } = await open()('/acme/small');
    await new Promise((resolve) => void hostile.close(resolve).closeAllConnections());
    expect([status, body.manifest, body.readme]).toEqual([200, null, null]);
    expect(body.problem).toMatch(problem);
    expect(body.versions[0].manifest_hash).toBe(`0x${small.hash}`);
  });

  it('refuse a manifest that another key signed than that of the owner', async () => {
    chain = createHubChain(new Uint8Array(20).fill(9));
    publish(small, servers[0]?.url as string);
    expect((await open()('/acme/small')).body.problem).toContain('did not sign it');
  });

  it('list a model whose place is slow, and its facts later', async () => {
    const { promise: opened, resolve: letOn } = Promise.withResolvers<void>();
    const { url } = await serve(directory.path, {
      async *change(_path, pieces) {
        await opened;
        yield* pieces;
      },
    });
    publish(small, url);
    const read = open();
    const first = await read('?search=small');
    expect(first.body.models[0]).toMatchObject({ version: null, problem: 'it is not read yet' });
    letOn();
    await expect.poll(async () => (await read('?search=small')).body.models[0].version).toBe('1.2.0');
  });

  it('leave out a README that is not the one of the manifest', async () => {
    const { url } = await serve(directory.path, {
      change: (path, pieces) => (path.startsWith('/blobs/') ? flip(pieces) : pieces),
    });
    publish(small, url);
    const { body } = await open()('/acme/small');
    expect([body.manifest.version, body.readme]).toEqual(['1.2.0', null]);
    expect(body.readme_problem).toContain('it sent other bytes');
  });

  it('show no README that a mirror sent for the manifest of another maker', async () => {
    const other = '# Smell\n';
    const readme = small.manifest.files.find(({ path }) => path === 'README.md') as ManifestFile;
    const trap = placeModel(directory.path, other, {
      files: [
        { ...readme, path: 'README', sha256: crypto.sha256(utf8Encode(other)) },
        ...small.manifest.files.filter(({ path }) => path !== 'README.md'),
      ],
      ...{ model: 'trap', lineage: [] },
    });
    let isLying = true;
    const { url } = await serve(directory.path, {
      change: (path, pieces) => (isLying && path.startsWith('/blobs/') ? Readable.from([utf8Encode(other)]) : pieces),
    });
    publish(trap, url);
    publish(small, url);
    const read = open();
    expect((await read('/acme/trap')).body.readme).toBeNull();
    isLying = false;
    expect((await read('/acme/small')).body.readme).toBe('# Small\n');
  });

  it('leave out a README of more than 64 KiB, and do not fetch it', async () => {
    const long = placeModel(directory.path, 'x'.repeat(65_537), { model: 'long', lineage: [] });
    publish(long, servers[0]?.url as string);
    const { body } = await open()('/acme/long');
    expect([body.readme, body.readme_problem]).toEqual([null, 'the README has 65537 bytes']);
    expect(servers[0]?.asked.filter((path) => path.startsWith('/blobs/'))).toEqual([]);
  });

  it('fetch few manifests at once for a caller that lists many models, and the others later', async () => {
    for (let i = 0; i < 66; i++) {
      const one = placeModel(directory.path, `# ${i}\n`, { model: `many-${i}`, lineage: [] });
      publish(one, servers[0]?.url as string);
    }
    const read = open();
    const isRead = ({ version }: { version: string | null }): boolean => version !== null;
    const [first, second] = [await read('?search=many&limit=50'), await read('?search=many&limit=50&offset=50')];
    expect([...first.body.models, ...second.body.models].filter(isRead)).toHaveLength(64);
    expect(second.body.models.find((row: never) => !isRead(row)).problem).toContain('too much is read at once');
    nowMs += 10_000;
    expect((await read('?search=many&limit=50&offset=50')).body.models.every(isRead)).toBe(true);
  });

  it('never dial a private address on a public network', async () => {
    publish(small, 'https://10.0.0.1/', 'https://[::1]/', servers[0]?.url as string);
    const { body } = await open({ policy: 'public' })('/acme/small');
    expect(body.manifest).toBeNull();
    expect(body.problem.match(/is not an address of the public internet/g)).toHaveLength(3);
    expect(servers[0]?.asked).toEqual([]);
  });

  it.each([
    ['/acme/none', 404],
    ['/acme/UPPER', 400],
    ['/acme/small@1.2.0', 400],
    ['?limit=51', 400],
    ['?offset=-1', 400],
    [`?search=${'x'.repeat(257)}`, 400],
  ])('answer %s with %d', async (path, status) => {
    expect((await open()(path)).status).toBe(status);
  });

  it('answer 503 while the chain cannot be read, 404 without a network, and 429 to a caller that reads without end', async () => {
    const down = open({
      client: async () => {
        throw new ChainError('rpc-unreachable', 'no answer');
      },
    });
    expect((await down('')).status).toBe(503);
    const without = createApiApp();
    mountRoutes(without, PUBLIC_ROUTES, createPublicHandlers({ clock: { nowMs: () => 0 } } as never));
    expect((await without.request('/v1/hub/models', {}, {})).status).toBe(404);
    const read = open();
    const statuses: number[] = [];
    for (let asked = 0; asked < 21; asked++) statuses.push((await read('')).status);
    expect([statuses[19], statuses[20]]).toEqual([200, 429]);
  });
});

async function* flip(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield piece.map((byte) => byte ^ 1);
}

async function* endlessly(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(65_536);
}
