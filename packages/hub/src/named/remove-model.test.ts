import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createSafetensors, pushTestModel, signTestManifest } from '@ogong/testing/hub/hub-model';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HubManifest } from '../manifest.ts';
import { type FolderStore, openFolderStore } from '../store/folder-store.ts';
import { keepManifest } from '../store/manifest-folder.ts';
import { nameModel } from './named-model.ts';
import { planRemoval, removeModel } from './remove-model.ts';

const EVALUATION = new Uint8Array(32).fill(9);
const NAME = { maker: 'acme', model: 'small', version: undefined };

let directory: TestDirectory;
let store: FolderStore;
beforeEach(() => {
  directory = createTestDirectory('hub-remove');
  store = openFolderStore(join(directory.path, 'store'));
});
afterEach(() => directory.remove());

const numberOf = (minor: number) => ({ major: 1, minor, patch: 0 });
const plan = (minor?: number) =>
  planRemoval(crypto, store, { ...NAME, version: minor === undefined ? undefined : numberOf(minor) });
const list = (folder: string): string[] =>
  existsSync(join(store.directory, folder)) ? readdirSync(join(store.directory, folder)) : [];

async function keepVersion(manifest: HubManifest): Promise<void> {
  const { signed, encoded } = signTestManifest(manifest);
  await keepManifest(store.directory, { hash: toHex(signed.manifestHash), signed: encoded });
}

/** Brings a version whose README is that of all versions. */
async function addVersion(minor: number, weights: number): Promise<HubManifest> {
  const { manifest } = await pushTestModel(join(directory.path, `v${minor}`), store, [
    { path: 'README.md', format: 'text', isWeight: false, content: utf8Encode('# Small\n') },
    { path: 'model.safetensors', format: 'safetensors', isWeight: true, content: createSafetensors(weights) },
  ]);
  const numbered = { ...manifest, version: numberOf(minor), evaluations: [EVALUATION] };
  await keepVersion(numbered);
  await nameModel(store, numbered);
  return numbered;
}

const blobOf = ({ files }: HubManifest, path: string): string =>
  toHex(files.find((file) => file.path === path)?.blockRoot ?? new Uint8Array());

describe('the removal of a model', () => {
  it('takes names, blobs and lists of one version, and leaves those that another one needs', async () => {
    const first = await addVersion(0, 5_000);
    const second = await addVersion(1, 6_000);
    const removal = await plan(0);
    expect(removal).toMatchObject({ blobs: [blobOf(first, 'model.safetensors')], keptPaths: ['README.md'] });
    expect(removal.evaluations).toEqual([]);
    expect(removal.freedBytes).toBe(createSafetensors(5_000).length + 32);
    await removeModel(store, removal);
    expect(list('models/acme/small')).toEqual(['1.1.0']);
    expect(list('blobs').sort()).toEqual(second.files.map(({ blockRoot }) => toHex(blockRoot)).sort());
    expect([list('lists').length, list('manifests').length]).toEqual([2, 1]);
    // Again there is nothing to remove.
    expect(await plan(0)).toMatchObject({ versions: [], blobs: [], freedBytes: 0 });
  });

  it('takes all versions without a number, their evaluations, and the blocks of an interrupted pull', async () => {
    await addVersion(0, 5_000);
    const looked = { ...(await addVersion(1, 6_000)), version: numberOf(2) };
    const missing = {
      ...looked,
      files: looked.files.map((file) => ({ ...file, blockRoot: crypto.sha256(file.blockRoot) })),
    };
    await keepVersion(missing);
    for (const folder of ['evaluations', 'unfinished']) mkdirSync(join(store.directory, folder), { recursive: true });
    writeFileSync(join(store.directory, 'evaluations', toHex(EVALUATION)), 'rows');
    writeFileSync(join(store.directory, 'unfinished', `${blobOf(missing, 'README.md')}.part`), 'block');
    const removal = await plan();
    expect(removal.versions.map(({ manifest }) => manifest.version.minor)).toEqual([0, 1, 2]);
    await removeModel(store, removal);
    for (const folder of ['models', 'blobs', 'lists', 'manifests', 'evaluations', 'unfinished'])
      expect(list(folder), folder).toEqual([]);
  });

  it('needs nothing for a version that was only looked at', async () => {
    const first = await addVersion(0, 5_000);
    const [readme, weights] = first.files as [HubManifest['files'][number], HubManifest['files'][number]];
    const other = { ...first, model: 'other', files: [readme, { ...weights, blockRoot: new Uint8Array(32) }] };
    await keepVersion(other);
    expect((await plan()).keptPaths).toEqual([]);
  });

  it('is refused if all files are pinned, and leaves a pinned file', async () => {
    const manifest = await addVersion(0, 5_000);
    await store.pin(blobOf(manifest, 'README.md'));
    expect(await plan()).toMatchObject({ keptPaths: ['README.md'] });
    const removal = await plan();
    await store.pin(blobOf(manifest, 'model.safetensors'));
    await expect(plan()).rejects.toMatchObject({ code: 'pinned', message: 'acme/small@1.0.0 is pinned' });
    await expect(removeModel(store, removal)).rejects.toMatchObject({ code: 'pinned' });
    expect(list('models/acme/small')).toEqual(['1.0.0']);
    expect(list('blobs')).toHaveLength(2);
    expect(list('manifests')).toHaveLength(1);
  });

  it('believes no manifest under the hash of another one', async () => {
    const { signed, encoded } = signTestManifest(await addVersion(0, 5_000));
    await removeModel(store, await plan());
    await keepManifest(store.directory, { hash: '12'.repeat(32), signed: encoded });
    await keepManifest(store.directory, { hash: toHex(signed.manifestHash), signed: new Uint8Array(9) });
    expect(await plan()).toMatchObject({ versions: [] });
  });
});
