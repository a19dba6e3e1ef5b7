import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashBlock } from '@ogong/hub/blocks';
import { computeManifestRoot, type HubManifest, type ManifestFile } from '@ogong/hub/manifest';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from './hub-manifest.ts';
import { signTestManifest } from './hub-model.ts';

export interface PlacedModel extends ReturnType<typeof signTestManifest> {
  readonly manifest: HubManifest;
  /** 64 hex digits. */
  readonly hash: string;
}

/**
 * Writes a signed manifest and a README into the folder of a place. The weights are not there: readers of cards need none.
 * @param changes of the manifest of `acme/small`.
 */
export function placeModel(directory: string, readme: string, changes: Partial<HubManifest> = {}): PlacedModel {
  const content = utf8Encode(readme);
  const blockRoot = hashBlock(content);
  const file: ManifestFile = {
    ...{ path: 'README.md', sizeBytes: content.length, sha256: crypto.sha256(content), blockRoot },
    ...{ format: 'text', isWeight: false },
  };
  const bare = createTestManifest(crypto, changes);
  const files = [...bare.files, file].sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifest = { ...bare, files, modelRoot: computeManifestRoot(crypto, bare) };
  const placed = signTestManifest(manifest);
  const hash = toHex(placed.signed.manifestHash);
  for (const name of ['manifests', 'blobs']) mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, 'manifests', hash), placed.encoded);
  writeFileSync(join(directory, 'blobs', toHex(blockRoot)), content);
  return { ...placed, manifest, hash };
}
