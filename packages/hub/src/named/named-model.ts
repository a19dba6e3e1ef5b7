import { link, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withProcessLock } from '@ogong/models/process-lock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { HubManifest, SemanticVersion } from '../manifest.ts';
import type { FolderStore } from '../store/folder-store.ts';

/** Encodes a version as `1.2.0`. */
export const formatVersion = ({ major, minor, patch }: SemanticVersion): string => `${major}.${minor}.${patch}`;

/** Returns the folder that has the files of a model under their names. */
export const folderOfModel = (directory: string, { maker, model, version }: HubManifest): string =>
  join(directory, 'models', maker, model, formatVersion(version));

/** Returns the path that an engine opens: the folder of a model folder, else the first file with weights. */
export function pathToServe(directory: string, manifest: HubManifest): string {
  const folder = folderOfModel(directory, manifest);
  const first = manifest.files.find(({ isWeight }) => isWeight);
  return manifest.rootRule === 'folder' || first === undefined ? folder : join(folder, first.path);
}

/** Returns whether the folder of a model has exactly the files of the manifest, as links to the blobs of the store. */
export async function hasNamedModel(store: FolderStore, manifest: HubManifest): Promise<boolean> {
  const folder = folderOfModel(store.directory, manifest);
  for (const { path, blockRoot, sizeBytes } of manifest.files) {
    const blob = await store.pathOf(toHex(blockRoot)).catch(() => undefined);
    if (blob === undefined) return false;
    const [named, kept] = await Promise.all(
      [join(folder, path), blob].map((each) => stat(each).catch(() => undefined)),
    );
    const isSame = named !== undefined && named.ino === kept?.ino && named.dev === kept.dev;
    if (!isSame || named.size !== sizeBytes) return false;
  }
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => !entry.isDirectory()).length === manifest.files.length;
}

/** Gives the blobs of a model their names, as hard links. An earlier folder of the same version is replaced. */
export async function nameModel(store: FolderStore, manifest: HubManifest, signal?: AbortSignal): Promise<void> {
  const folder = folderOfModel(store.directory, manifest);
  await lockModels(
    store,
    async () => {
      if (await hasNamedModel(store, manifest)) return;
      await rm(folder, { recursive: true, force: true });
      for (const { path, blockRoot } of manifest.files) {
        const named = join(folder, path);
        await mkdir(dirname(named), { recursive: true });
        await link(await store.pathOf(toHex(blockRoot)), named);
      }
    },
    signal,
  );
}

/** Runs a change of the names of models, one after another in all processes. */
export async function lockModels(
  { directory }: FolderStore,
  change: () => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const lock = join(directory, 'locks', 'models.lock');
  await mkdir(dirname(lock), { recursive: true });
  await withProcessLock(lock, change, signal);
}
