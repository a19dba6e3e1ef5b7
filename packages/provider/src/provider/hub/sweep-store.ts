import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOfModel } from '@ogong/hub/named/named-model';
import type { SignedManifest } from '@ogong/hub/signed-manifest';
import { HubBlobError } from '@ogong/hub/store/blob-store';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import { toHex } from '@ogong/protocol/base/bytes';

/** Parts of a version in the path of its folder: `models/<maker>/<model>/<version>`. */
const FOLDER_PARTS = 3;

/** Removes everything from a provider's own store but the files of some manifests. Blobs that the operator pinned stay. */
export async function sweepStore(
  store: FolderStore,
  kept: readonly Pick<SignedManifest, 'manifest' | 'manifestHash'>[],
): Promise<void> {
  const { directory } = store;
  const folders = new Set(kept.map(({ manifest }) => folderOfModel(directory, manifest)));
  await removeFolders(join(directory, 'models'), { folders, parts: FOLDER_PARTS });
  const blobs = new Set(kept.flatMap(({ manifest }) => manifest.files.map(({ blockRoot }) => toHex(blockRoot))));
  for (const id of await listNames(join(directory, 'blobs'))) {
    if (blobs.has(id)) continue;
    await store.remove(id).catch((error: unknown) => {
      if (!(error instanceof HubBlobError && ['pinned', 'bad-name'].includes(error.code))) throw error;
    });
  }
  const manifests = new Set(kept.map(({ manifestHash }) => toHex(manifestHash)));
  await removeOthers(join(directory, 'manifests'), manifests);
  await removeOthers(join(directory, 'unfinished'), new Set([...blobs].map((id) => `${id}.part`)));
}

async function removeFolders(
  folder: string,
  { folders, parts }: { readonly folders: ReadonlySet<string>; readonly parts: number },
): Promise<void> {
  for (const name of await listNames(folder)) {
    const path = join(folder, name);
    if (parts > 1) await removeFolders(path, { folders, parts: parts - 1 });
    else if (!folders.has(path)) await rm(path, { recursive: true, force: true });
  }
}

async function removeOthers(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await listNames(folder)) if (!kept.has(name)) await rm(join(folder, name), { force: true });
}

const listNames = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);
