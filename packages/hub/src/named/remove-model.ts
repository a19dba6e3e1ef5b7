import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { HubManifest } from '../manifest.ts';
import { parseSignedManifest, type SignedManifest } from '../signed-manifest.ts';
import { type BlobId, HubBlobError } from '../store/blob-store.ts';
import type { FolderStore } from '../store/folder-store.ts';
import { readKeptManifest } from '../store/manifest-folder.ts';
import type { VersionedName } from './hub-name.ts';
import { folderOfModel, formatVersion, lockModels } from './named-model.ts';

/** Files that leave a store with the versions of a model. */
export interface ModelRemoval {
  /** In the order of their numbers. */
  readonly versions: readonly Pick<SignedManifest, 'manifest' | 'manifestHash'>[];
  /** Blobs that nothing else needs. */
  readonly blobs: readonly BlobId[];
  /** Evaluations that no other manifest names, 64 hex digits. */
  readonly evaluations: readonly string[];
  /** Paths of files that stay, because a pin or another version needs their blobs. */
  readonly keptPaths: readonly string[];
  /** Room that becomes free on the disk. */
  readonly freedBytes: number;
}

/**
 * Plans the removal of a model, without a version of all versions that the store knows.
 * @returns a removal of no versions if the store knows none.
 * @throws HubBlobError `pinned` for a version whose files are all pinned.
 */
export async function planRemoval(
  crypto: Pick<Crypto, 'sha256'>,
  store: FolderStore,
  name: VersionedName,
): Promise<ModelRemoval> {
  const versions: SignedManifest[] = [];
  for await (const signed of readManifests(crypto, store)) if (isNamed(name, signed.manifest)) versions.push(signed);
  const gone = new Set(versions.map(({ manifestHash }) => toHex(manifestHash)));
  const isPinned = await findPinned(store, versions);
  const needed = { blobs: isPinned, evaluations: new Set<string>() };
  for await (const { manifest, manifestHash } of readManifests(crypto, store)) {
    if (gone.has(toHex(manifestHash))) continue;
    for (const hash of manifest.evaluations) needed.evaluations.add(toHex(hash));
    if (await isWhole(store, manifest)) for (const id of listBlobs(manifest)) needed.blobs.add(id);
  }
  const files = versions.flatMap(({ manifest }) => manifest.files);
  const blobs = [...new Set(files.map(({ blockRoot }) => toHex(blockRoot)))].filter((id) => !needed.blobs.has(id));
  const keptPaths = files.filter(({ blockRoot }) => needed.blobs.has(toHex(blockRoot))).map(({ path }) => path);
  const evaluations = versions
    .flatMap(({ manifest }) => manifest.evaluations.map(toHex))
    .filter((hash) => !needed.evaluations.has(hash));
  const paths = [
    ...blobs.flatMap((id) => pathsOfBlob(store, id)),
    ...evaluations.map((id) => evaluationPath(store, id)),
  ];
  const sizes = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return {
    versions: versions.toSorted((a, b) => compareVersions(a.manifest, b.manifest)),
    ...{ blobs, evaluations, keptPaths: [...new Set(keptPaths)] },
    freedBytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

/**
 * Removes the files of a plan. The manifests go last, so a call that was killed can be repeated.
 * @throws HubBlobError `pinned` if a blob was pinned after the plan; nothing is removed then.
 */
export async function removeModel(store: FolderStore, { versions, blobs, evaluations }: ModelRemoval): Promise<void> {
  await lockModels(store, async () => {
    for (const id of blobs)
      if (await store.isPinned(id)) throw new HubBlobError('pinned', `${id} was pinned meanwhile`);
    for (const { manifest } of versions) await removeFolder(folderOfModel(store.directory, manifest));
    for (const id of blobs) {
      await store.remove(id);
      for (const path of pathsOfBlob(store, id)) await rm(path, { force: true });
    }
    for (const hash of evaluations) await rm(evaluationPath(store, hash), { force: true });
    for (const { manifestHash } of versions)
      await rm(join(store.directory, 'manifests', toHex(manifestHash)), { force: true });
  });
}

/** Yields the manifests of a store one after another. Damaged files and those under another hash are skipped. */
async function* readManifests(
  crypto: Pick<Crypto, 'sha256'>,
  { directory }: FolderStore,
): AsyncGenerator<SignedManifest> {
  for (const hash of await readdir(join(directory, 'manifests')).catch(() => [])) {
    try {
      const signed = parseSignedManifest(crypto, await readKeptManifest(directory, hash));
      if (toHex(signed.manifestHash) === hash) yield signed;
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof HubBlobError)) throw error;
    }
  }
}

const isNamed = ({ maker, model, version }: VersionedName, manifest: HubManifest): boolean =>
  manifest.maker === maker &&
  manifest.model === model &&
  (version === undefined || formatVersion(version) === formatVersion(manifest.version));

const compareVersions = ({ version: a }: HubManifest, { version: b }: HubManifest): number =>
  a.major - b.major || a.minor - b.minor || a.patch - b.patch;

const listBlobs = ({ files }: HubManifest): Set<BlobId> => new Set(files.map(({ blockRoot }) => toHex(blockRoot)));

/** A version that was only looked at needs nothing. */
async function isWhole(store: FolderStore, manifest: HubManifest): Promise<boolean> {
  for (const id of listBlobs(manifest)) if (!(await store.has(id))) return false;
  return true;
}

/** @returns the pinned blobs of the versions. @throws HubBlobError `pinned` */
async function findPinned(store: FolderStore, versions: readonly SignedManifest[]): Promise<Set<BlobId>> {
  const pinned = new Set<BlobId>();
  for (const { manifest } of versions) {
    const blobs = [...listBlobs(manifest)];
    for (const id of blobs) if (await store.isPinned(id)) pinned.add(id);
    const { maker, model, version } = manifest;
    if (blobs.every((id) => pinned.has(id)))
      throw new HubBlobError('pinned', `${maker}/${model}@${formatVersion(version)} is pinned`);
  }
  return pinned;
}

const evaluationPath = ({ directory }: FolderStore, hash: string): string => join(directory, 'evaluations', hash);

/** A whole blob, its list, and the blocks of an interrupted pull. */
const pathsOfBlob = ({ directory }: FolderStore, id: BlobId): string[] => [
  join(directory, 'blobs', id),
  join(directory, 'lists', id),
  join(directory, 'unfinished', `${id}.part`),
];

/** Removes the folder of a version, and those of its model and its maker if they have nothing else. */
async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const parent of [dirname(folder), dirname(dirname(folder))]) await rmdir(parent).catch(() => undefined);
}
