import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { computeManifestRoot, type HubManifest } from '@ogong/hub/manifest';
import {
  parseSignedManifest,
  type RegistryFacts,
  type SignedManifest,
  signHubManifest,
} from '@ogong/hub/signed-manifest';
import type { HubBlobStore } from '@ogong/hub/store/blob-store';
import { type PushedFile, pushFiles } from '@ogong/hub/transfer/push';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from './hub-manifest.ts';

const maker = createNobleLedgerSigner(new Uint8Array(32).fill(3));
const registry = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(8) };

/** Creates a safetensors file of one tensor with so many bytes. */
export function createSafetensors(dataBytes: number): Uint8Array {
  const tensor = { dtype: 'U8', shape: [dataBytes], data_offsets: [0, dataBytes] };
  const header = utf8Encode(JSON.stringify({ __metadata__: { format: 'pt' }, weight: tensor }));
  const file = Buffer.alloc(8 + header.length + dataBytes);
  file.writeBigUInt64LE(BigInt(header.length));
  file.set(header, 8);
  for (let i = 8 + header.length; i < file.length; i++) file[i] = (i * 31 + (i >>> 8) * 7 + (i >>> 20)) & 255;
  return new Uint8Array(file);
}

/** Signs a manifest as the maker `acme`. */
export function signTestManifest(manifest: HubManifest): {
  readonly signed: SignedManifest;
  /** The signed manifest in bytes. */
  readonly encoded: Uint8Array;
  readonly facts: RegistryFacts;
} {
  const encoded = signHubManifest(nobleCrypto, { registry, maker }, manifest);
  const signed = parseSignedManifest(nobleCrypto, encoded);
  return { signed, encoded, facts: { registry, owner: maker.address, publishedRoots: [manifest.modelRoot] } };
}

/** Writes files into a folder, pushes them into a store, and signs their manifest. */
export async function pushTestModel(
  folder: string,
  store: HubBlobStore,
  files: readonly (PushedFile & { readonly content: Uint8Array })[],
): Promise<{ readonly manifest: HubManifest; readonly signed: SignedManifest; readonly facts: RegistryFacts }> {
  for (const { path, content } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const described = files.map(({ path, format, isWeight }) => ({ path, format, isWeight }));
  const pushed = await pushFiles({ folder, files: described, store });
  const bare = createTestManifest(nobleCrypto, { files: pushed });
  const manifest = { ...bare, modelRoot: computeManifestRoot(nobleCrypto, bare) };
  return { manifest, ...signTestManifest(manifest) };
}
