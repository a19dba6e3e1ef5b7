import { parseSignedManifest, type SignedManifest } from '@ogong/hub/signed-manifest';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import { readKeptManifest } from '@ogong/hub/store/manifest-folder';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { HeldModel } from './held-models.ts';

/** Reads the manifest of a held model from the store; undefined if it is not there or damaged. */
export async function readHeldManifest(
  { store, crypto }: { readonly store: FolderStore; readonly crypto: Pick<Crypto, 'sha256'> },
  { manifestHash }: Pick<HeldModel, 'manifestHash'>,
): Promise<SignedManifest | undefined> {
  try {
    const signed = parseSignedManifest(crypto, await readKeptManifest(store.directory, manifestHash));
    return toHex(signed.manifestHash) === manifestHash ? signed : undefined;
  } catch {
    return undefined;
  }
}
