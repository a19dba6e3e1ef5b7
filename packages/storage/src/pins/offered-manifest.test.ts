import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@ogong/host/log/logger';
import { computeManifestRoot } from '@ogong/hub/manifest';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { signTestManifest } from '@ogong/testing/hub/hub-model';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepOfferedManifest, removeUnnamedManifest, splitOfferedPlace } from './offered-manifest.ts';
import { openPinStore } from './pin-store.ts';

const PLACE = 'hub+https://place.example/';
const bare = createTestManifest(crypto, {});
const { signed, encoded } = signTestManifest({ ...bare, modelRoot: computeManifestRoot(crypto, bare) });
const hash = toHex(signed.manifestHash);
const id = toHex(signed.manifest.files[0]?.blockRoot ?? new Uint8Array());
const { signal } = new AbortController();

let directory: TestDirectory;
beforeAll(() => {
  directory = createTestDirectory('offered-manifest');
});
afterAll(() => directory.remove());

function createParts(name: string, sent: Uint8Array) {
  const store = openFolderStore(join(directory.path, name));
  const log = createLogger({ name: 'test', level: 'silent' });
  const pinStore = openPinStore(join(directory.path, `${name}.json`), 0n);
  const path = join(store.directory, 'manifests', hash);
  return { store, log, pinStore, path, readManifest: async () => sent };
}

const offer = { id, sizeBytes: 5, place: `hub:${hash} ${PLACE}` };
const pin = { pin: 1n, blob: id, sizeBytes: 5, isFetched: true, missed: 0 };

it('splits the manifest from the place', () => {
  expect(splitOfferedPlace(offer.place)).toEqual({ manifest: hash, place: PLACE });
  for (const place of [PLACE, `hub:${hash.slice(1)} ${PLACE}`, `hub:${hash}`, ''])
    expect(splitOfferedPlace(place)).toEqual({ manifest: undefined, place });
});

it('keeps a manifest until the last pin that names it is over', async () => {
  const parts = createParts('kept', encoded);
  const { pinStore, path } = parts;
  expect(await keepOfferedManifest(parts, offer, signal)).toBe(hash);
  for (const number of [1n, 2n]) pinStore.keep({ ...pin, pin: number, manifest: hash });
  expect(await keepOfferedManifest(parts, offer, signal)).toBe(hash);
  pinStore.drop(1n);
  await removeUnnamedManifest(parts, hash);
  expect(existsSync(path)).toBe(true);
  pinStore.drop(2n);
  await removeUnnamedManifest(parts, hash);
  expect(existsSync(path)).toBe(false);
});

it('leaves a manifest that was here before', async () => {
  const parts = createParts('before', encoded);
  mkdirSync(join(parts.store.directory, 'manifests'), { recursive: true });
  writeFileSync(parts.path, encoded);
  expect(await keepOfferedManifest(parts, offer, signal)).toBeUndefined();
});

it.each([
  ['of another hash', { ...offer, place: `hub:${'ab'.repeat(32)} ${PLACE}` }, encoded],
  ['of a model without the blob', { ...offer, id: 'ab'.repeat(32) }, encoded],
  ['that is cut off', offer, encoded.subarray(1)],
  ['that nobody named', { ...offer, place: PLACE }, encoded],
])('keeps no manifest %s', async (name, offered, sent) => {
  const parts = createParts(name, sent);
  expect(await keepOfferedManifest(parts, offered, signal)).toBeUndefined();
  expect(existsSync(join(parts.store.directory, 'manifests'))).toBe(false);
});
