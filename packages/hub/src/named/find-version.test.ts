import { join } from 'node:path';
import { toHex } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatManifestSource } from '../place.ts';
import { parseSignedManifest, signHubManifest } from '../signed-manifest.ts';
import { openFolderStore } from '../store/folder-store.ts';
import { keepManifest } from '../store/manifest-folder.ts';
import { findVersion } from './find-version.ts';
import { parseHubName } from './hub-name.ts';
import { formatVersion } from './named-model.ts';
import { type RegistryReads, readRegistryEntry, type StoredVersion } from './registry-entry.ts';

const maker = createNobleLedgerSigner(new Uint8Array(32).fill(3));
const registry = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(8) };
const name = { maker: 'acme', model: 'small' };

let directory: TestDirectory;
beforeEach(() => {
  directory = createTestDirectory('hub-version');
});
afterEach(() => directory.remove());

/** Signs a version into the store. @returns its entry in the contract. */
async function publish(minor: number, times: Pick<StoredVersion, 'from' | 'until'>): Promise<StoredVersion> {
  const manifest = createTestManifest(crypto, { version: { major: 1, minor, patch: 0 } });
  const signed = signHubManifest(crypto, { registry, maker }, manifest);
  const hash = toHex(parseSignedManifest(crypto, signed).manifestHash);
  await keepManifest(directory.path, { hash, signed });
  return { ...times, modelRoot: `0x${toHex(manifest.modelRoot)}`, sources: [formatManifestSource(hash)] };
}

const readsOf = (stored: readonly StoredVersion[], now = 10n): RegistryReads => ({
  now: async () => now,
  makerOwner: async () => `0x${toHex(maker.address)}`,
  modelVersions: async () => stored,
});

const find = async (stored: readonly StoredVersion[], text = 'acme/small') => {
  const entry = await readRegistryEntry(readsOf(stored), registry, name);
  const version = parseHubName(text)?.version;
  const { found } = await findVersion({ crypto, entry, version, store: openFolderStore(join(directory.path)) });
  return formatVersion(found.manifest.version);
};

describe('a version', () => {
  it('is the one in force, or the one with the number, although others cannot be read', async () => {
    const stored = [
      await publish(0, { from: 1n, until: 5n }),
      { ...(await publish(1, { from: 5n, until: 6n })), sources: ['hf:acme/small'] },
      await publish(2, { from: 6n, until: 20n }),
      await publish(3, { from: 20n, until: undefined }),
    ];
    expect(await find(stored)).toBe('1.2.0');
    expect(await find(stored, 'acme/small@1.0.0')).toBe('1.0.0');
    expect(await find(stored, 'acme/small@1.3.0')).toBe('1.3.0');
    await expect(find(stored, 'acme/small@1.1.0')).rejects.toMatchObject({
      code: 'not-listed',
      message: expect.stringMatching(
        /no version 1\.1\.0; it has 1\.3\.0, 1\.2\.0, one that cannot be read .*, 1\.0\.0/,
      ),
    });
  });

  it('is refused where none is in force, and for a name that nobody published', async () => {
    const revoked = [await publish(0, { from: 1n, until: 10n })];
    await expect(find(revoked)).rejects.toMatchObject({
      code: 'not-listed',
      message: expect.stringContaining('in force'),
    });
    expect(await find(revoked, 'acme/small@1.0.0')).toBe('1.0.0');
    await expect(find([])).rejects.toMatchObject({ code: 'not-listed' });
  });
});

it.each([
  'Acme/small',
  'acme',
  'acme/',
  '/small',
  'acme/small@1',
  'acme/small@1.2',
  'acme/small@01.2.3',
  'a/b@1.2.4294967296',
])('%s is no name', (text) => {
  expect(parseHubName(text)).toBeUndefined();
});
