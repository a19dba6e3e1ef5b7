import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createSafetensors, pushTestModel } from '@ogong/testing/hub/hub-model';
import { type PlaceServer, startPlaceServer } from '@ogong/testing/hub/place-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../block-size.ts';
import { formatManifestSource, formatPlaceSource } from '../place.ts';
import { signHubManifest } from '../signed-manifest.ts';
import { type FolderStore, openFolderStore } from '../store/folder-store.ts';
import { keepManifest } from '../store/manifest-folder.ts';
import type { PullEvent } from '../transfer/pull.ts';
import type { ListedVersion } from './fetch-manifest.ts';
import { type PullByNameOptions, pullByName } from './fetch-model.ts';

const WEIGHTS = createSafetensors(3 * BLOCK_BYTES + 1_000);

let directory: TestDirectory;
let origin: FolderStore;
let store: FolderStore;
let model: Awaited<ReturnType<typeof pushTestModel>>;
let listed: ListedVersion;
let servers: PlaceServer[];

const sign = (key: number): Uint8Array =>
  signHubManifest(
    crypto,
    { registry: model.facts.registry, maker: createNobleLedgerSigner(new Uint8Array(32).fill(key)) },
    model.manifest,
  );

const serve = async (...options: Parameters<typeof startPlaceServer>): Promise<PlaceServer> => {
  const server = await startPlaceServer(...options);
  servers.push(server);
  return server;
};

beforeEach(async () => {
  servers = [];
  directory = createTestDirectory('hub-fetch');
  origin = openFolderStore(join(directory.path, 'origin'));
  store = openFolderStore(join(directory.path, 'store'));
  model = await pushTestModel(join(directory.path, 'folder'), origin, [
    { path: 'README.md', format: 'text', isWeight: false, content: utf8Encode('# Small\n') },
    { path: 'parts/model.safetensors', format: 'safetensors', isWeight: true, content: WEIGHTS },
  ]);
  const hash = toHex(model.signed.manifestHash);
  await keepManifest(origin.directory, { hash, signed: sign(3) });
  const { url } = await serve(origin.directory);
  listed = {
    ...{ maker: 'acme', model: 'small', modelRoot: model.manifest.modelRoot },
    sources: [formatManifestSource(hash), formatPlaceSource({ kind: 'http', address: url })],
  };
});
afterEach(async () => {
  for (const server of servers) await server.close();
  directory.remove();
});

const pull = (changes: Partial<PullByNameOptions> = {}) =>
  pullByName({ crypto, listed, facts: model.facts, store, limits: { pauseMs: 1, maxFailures: 2 }, ...changes });

describe('a pull by name', () => {
  it('brings the files of the registry entry under their names, once', async () => {
    const first = await pull();
    const folder = join(store.directory, 'models/acme/small/1.2.0');
    expect(first).toMatchObject({ path: join(folder, 'parts/model.safetensors'), isNew: true });
    expect(readFileSync(first.path).equals(WEIGHTS)).toBe(true);
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe('# Small\n');
    expect(statSync(first.path).ino).toBe(statSync(await store.pathOf(toHex(weights().blockRoot))).ino);
    // The second call asks nobody.
    const before = servers[0]?.asked.length;
    expect(await pull()).toMatchObject({ path: first.path, isNew: false });
    expect(servers[0]?.asked.length).toBe(before);
  });

  it('gives a folder its files again if one is lost or another one is there', async () => {
    const { path } = await pull();
    const other = join(store.directory, 'models/acme/small/1.2.0/other.gguf');
    writeFileSync(other, 'x');
    rmSync(path);
    await pull();
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true);
    expect(statSync(other, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('drops a poisoned mirror, and takes the rest from another place', async () => {
    const mirror = await serve(origin.directory, {
      change: (path, pieces) => (path.startsWith('/blobs/') ? flip(pieces) : pieces),
    });
    const events: PullEvent[] = [];
    const { path } = await pull({
      ownPlaces: [{ kind: 'http', address: mirror.url }],
      onEvent: (event) => events.push(event),
    });
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true);
    const dropped = events.filter(({ kind }) => kind === 'source-dropped');
    expect(dropped).toMatchObject([{ source: mirror.url, reason: 'wrong-block' }]);
  });

  it('asks the next place if one has a manifest of a stranger, or no manifest', async () => {
    const [forged, empty] = ['forged', 'empty'].map((name) => join(directory.path, name)) as [string, string];
    await keepManifest(forged, { hash: toHex(model.signed.manifestHash), signed: sign(4) });
    const ownPlaces = [forged, empty].map((address) => ({ kind: 'folder', address }) as const);
    expect(await pull({ ownPlaces })).toMatchObject({ isNew: true });
    const alone = pull({
      ownPlaces,
      store: openFolderStore(join(directory.path, 'other')),
      listed: { ...listed, sources: listed.sources.slice(0, 1) },
    });
    await expect(alone).rejects.toMatchObject({
      code: 'bad-manifest',
      message: expect.stringMatching(/did not sign it/),
    });
  });

  it('reads places of other kinds through its caller', async () => {
    const sources = [listed.sources[0] as string, 'hub+s3://bucket/acme'];
    await expect(pull({ listed: { ...listed, sources } })).rejects.toMatchObject({ code: 'no-source' });
    const own = join(directory.path, 'origin');
    const { openLightPlace } = await import('./open-place.ts');
    const openPlace = () => openLightPlace({ kind: 'folder', address: own });
    expect(await pull({ listed: { ...listed, sources }, openPlace })).toMatchObject({ isNew: true });
  });

  it.each<[string, string, () => Partial<PullByNameOptions>]>([
    ['an entry without a manifest', 'not-listed', () => ({ listed: { ...listed, sources: ['hf:acme/small'] } })],
    ['a broken entry', 'not-listed', () => ({ listed: { ...listed, sources: ['hub:12'] } })],
    ['another model of the maker', 'bad-manifest', () => ({ listed: { ...listed, model: 'large' } })],
    ['another root', 'bad-manifest', () => ({ listed: { ...listed, modelRoot: new Uint8Array(32).fill(7) } })],
    ['a name that nobody owns', 'bad-manifest', () => ({ facts: { ...model.facts, owner: undefined } })],
    ['another manifest under the hash', 'no-source', () => ({ listed: { ...listed, sources: otherHash() } })],
  ])('refuses %s', async (_name, code, change) => {
    await expect(pull(change())).rejects.toMatchObject({ code });
    expect(await store.has(toHex(weights().blockRoot))).toBe(false);
  });
});

const weights = () => model.manifest.files[1] as (typeof model.manifest.files)[number];

const otherHash = (): string[] => [formatManifestSource('12'.repeat(32)), ...listed.sources.slice(1)];

async function* flip(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    piece[0] = (piece[0] as number) ^ 1;
    yield piece;
  }
}
